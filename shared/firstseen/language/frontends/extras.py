"""The ``firstseen:`` mapping of a rule: what Sigma has no word for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, cast

from firstseen.errors import Place
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.sections import Section
from firstseen.language.rules import DEFAULT_LIMIT, Suppression, When

MAX_TESTS = 1_000
MAX_SUPPRESSION_FIELDS = 8

_KEYS = (
    "risk_score", "triage", "response", "tests", "learning", "suppress", "when", "limit", "enabled",
)  # fmt: skip
_SUPPRESS_KEYS = ("fields", "for", "missing")
_TEST_KEYS = ("name", "events", "expect")


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test that a rule carries; it is no part of a pack.

    Attributes:
        rule_id: the rule.
        name: what the test shows, as a statement.
        events: whole events as JSON, in order of arrival.
        expected: how many of the events match (base rules), or how many findings they cause (correlations).
        place: where the test stands.
    """

    rule_id: str
    name: str
    events: tuple[bytes, ...]
    expected: int
    place: Place


@dataclass(frozen=True, slots=True)
class Extras:
    """The mapping, checked; defaults where it is silent.

    ``risk_score`` and ``when`` are None where the rule's level and type decide.
    """

    risk_score: int | None = None
    triage: tuple[str, ...] = ()
    response: tuple[str, ...] = ()
    learning_us: int = 0
    suppression: Suppression | None = None
    when: When | None = None
    limit: int = DEFAULT_LIMIT
    enabled: bool = True


def extras_of(document: Document) -> Extras:
    """The document's ``firstseen:`` mapping. Raises RuleError with its place on what it may not hold."""
    section = Section(document, ("firstseen",), _KEYS)
    limit = section.integer("limit", 0, 1_000_000)
    return Extras(
        risk_score=section.integer("risk_score", 0, 100),
        triage=section.steps("triage"),
        response=section.steps("response"),
        learning_us=section.duration_us("learning") or 0,
        suppression=_suppression(document) if section.body.get("suppress") is not None else None,
        when=cast("When | None", section.choice("when", ("never", "returning", "any"))),
        limit=DEFAULT_LIMIT if limit is None else limit,
        enabled=section.boolean("enabled") is not False,
    )


def _suppression(document: Document) -> Suppression:
    section = Section(document, ("firstseen", "suppress"), _SUPPRESS_KEYS)
    section.need("fields")
    section.need("for")
    missing = section.choice("missing", ("group", "separate")) or "group"
    return Suppression(
        fields=section.texts("fields", most=MAX_SUPPRESSION_FIELDS),
        duration_us=section.duration_us("for") or 0,
        missing=cast("Literal['group', 'separate']", missing),
    )


def tests_of(document: Document, rule_id: str) -> list[RuleTest]:
    """The tests in the document's ``firstseen:`` mapping. Raises RuleError with its place."""
    extras = document.data.get("firstseen")
    written = extras.get("tests") if isinstance(extras, dict) else None
    if written is None:
        return []
    if not isinstance(written, list) or len(written) > MAX_TESTS:
        msg = f"tests is a list of at most {MAX_TESTS:,} tests"
        raise document.fault(msg, "firstseen", "tests")
    return [_test(document, position, rule_id) for position in range(len(written))]


def _test(document: Document, position: int, rule_id: str) -> RuleTest:
    section = Section(document, ("firstseen", "tests", position), _TEST_KEYS)
    for key in _TEST_KEYS:
        section.need(key)
    events = section.body["events"]
    if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
        msg = "events is a list of whole events, each a mapping"
        raise section.fault(msg, "events")
    return RuleTest(
        rule_id=rule_id,
        name=section.text("name") or "",
        events=tuple(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() for event in events),
        expected=section.integer("expect", 0, 1_000_000) or 0,
        place=document.place("firstseen", "tests", position),
    )
