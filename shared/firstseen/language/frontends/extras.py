"""The ``firstseen:`` mapping of a rule: what Sigma has no word for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from firstseen.errors import Place
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.sections import Section
from firstseen.language.frontends.value_lists import lists_at
from firstseen.language.rules import DEFAULT_LIMIT, Suppression, When

MAX_TESTS = 1_000
MAX_SUPPRESSION_FIELDS = 8

_KEYS = (
    "risk_score", "level_reason", "triage", "response", "queries", "observes", "tests", "learning", "suppress", "when",
    "limit", "enabled",
)  # fmt: skip
NOT_RUN = frozenset({"tests", "level_reason", "queries", "observes"})
"""Keys that are for readers of the rule: they are no part of packs, findings and hashes."""
MAX_QUERIES = 20
_WORD = re.compile(r"[a-z][a-z0-9_]{0,60}", re.ASCII)
_SUPPRESS_KEYS = ("fields", "for", "missing")
_TEST_KEYS = ("name", "events", "expect")
_MORE_TEST_KEYS = ("lists",)


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test that a rule carries; it is no part of a pack.

    Attributes:
        rule_id: the rule.
        name: what the test shows, as a statement.
        events: whole events as JSON, in order of arrival.
        expected: how many of the events match (base rules), or how many findings they cause (correlations).
        place: where the test stands.
        lists: value lists for this test, by name; others hold what their files say.
    """

    rule_id: str
    name: str
    events: tuple[bytes, ...]
    expected: int
    place: Place
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extras:
    """The mapping, checked; defaults where it is silent.

    ``risk_score`` and ``when`` are None where the rule's level and type decide. ``level_reason`` (why this level and
    risk score), ``queries`` (tool → query to look closer) and ``observes`` (rows of the table of named detections)
    are for ``rules show`` and the documentation.
    """

    risk_score: int | None = None
    triage: tuple[str, ...] = ()
    response: tuple[str, ...] = ()
    learning_us: int = 0
    suppression: Suppression | None = None
    when: When | None = None
    limit: int = DEFAULT_LIMIT
    enabled: bool = True
    level_reason: str = ""
    queries: Mapping[str, str] = field(default_factory=dict)
    observes: tuple[str, ...] = ()


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
        level_reason=" ".join((section.text("level_reason") or "").split()),
        queries=_queries(section, document),
        observes=_observes(section),
    )


def _queries(section: Section, document: Document) -> dict[str, str]:
    """Tool → query; each a text of any length that a file may have."""
    body = section.body.get("queries")
    if body is None:
        return {}
    if not isinstance(body, dict) or not body or len(body) > MAX_QUERIES:
        raise section.fault(f"queries is a mapping of at most {MAX_QUERIES} tools to queries", "queries")
    for tool, query in body.items():
        if not _WORD.fullmatch(tool):
            msg = f"{tool[:60]!r} is no tool: write its name with small letters and _, as in log_analytics"
            raise document.fault(msg, "firstseen", "queries", tool)
        if not isinstance(query, str) or not query.strip():
            raise document.fault(f"the query for {tool} is text", "firstseen", "queries", tool)
    return {tool: query.rstrip() for tool, query in body.items()}


def _observes(section: Section) -> tuple[str, ...]:
    rows = section.texts("observes") if section.body.get("observes") is not None else ()
    for position, row in enumerate(rows):
        if not _WORD.fullmatch(row):
            msg = f"{row[:60]!r} names no row of the table of named detections: ids are small letters, digits and _"
            raise section.fault(msg, "observes", *((position,) if isinstance(section.body["observes"], list) else ()))
    return rows


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
    section = Section(document, ("firstseen", "tests", position), (*_TEST_KEYS, *_MORE_TEST_KEYS))
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
        lists=lists_at(document, "firstseen", "tests", position, "lists"),
    )
