"""Elastic's rule files: TOML with KQL queries over ECS names, as Elastic publishes them.

One file holds one rule: what one event must be (the query), and what is worth a finding: every such event (``query``),
a term that was not seen for a while (``new_terms``), too many events or values (``threshold``). What is not run here is
refused with the reason (:class:`firstseen.language.frontends.refusals.Refused`), so that a folder of rules loads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from firstseen.errors import Place, RuleError
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.elastic_cards import card_of, rule_section, suppression_of
from firstseen.language.frontends.elastic_keys import check_keys
from firstseen.language.frontends.elastic_sources import EcsNames, by_index, by_query
from firstseen.language.frontends.elastic_times import back_us
from firstseen.language.frontends.faults import RuleFaults, each
from firstseen.language.frontends.fingerprints import Question, fingerprint
from firstseen.language.frontends.kql import KqlError, parse
from firstseen.language.frontends.kql_meaning import AsWritten, KqlRefused, predicate_of
from firstseen.language.frontends.refusals import Refused
from firstseen.language.frontends.sections import Section
from firstseen.language.frontends.sigma import named_by
from firstseen.language.frontends.toml_documents import TomlFile, read_toml
from firstseen.language.predicates import Predicate, simplify
from firstseen.language.rules import Base, Card, Correlation, CorrelationType, Member
from firstseen.sources.source import Source

MAX_TERM_FIELDS = 3
MAX_GROUP_FIELDS = 5
MAX_COUNT = 1_000_000
DEFAULT_LOOK_BACK = "now-6m"
"""Where Elastic's rules begin to look when they do not say it."""

_QUERY = ("rule", "query")
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class ElasticRule:
    """A rule as read. ``base`` is listed by ``firstseen match`` when it reports for itself."""

    document: Document
    base: Base
    correlation: Correlation
    toml: TomlFile

    def place(self, text: str = "") -> Place:
        """Where the query says ``text``, upper and lower case apart; the query's key where it does not."""
        query = str(self.document.at(*_QUERY) or "")
        at = query.find(text) if text else -1
        return self.toml.inside(_QUERY, at) if at >= 0 else self.document.place(*_QUERY)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a rule asks of events over time, as :class:`firstseen.language.rules.Correlation` has it."""

    type: CorrelationType
    group_by: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    timespan_us: int = 0
    count: int = 1


def elastic_rule(file: str, data: bytes, sources: Iterable[Source]) -> ElasticRule:
    """The rule in a TOML file.

    Raises RuleError with every fault that it has, each with its place in the file; Refused when the rule is in order,
    as far as it was looked at, and not run here.
    """
    toml = read_toml(file, data)
    document = toml.document
    if not isinstance(document.data.get("rule"), dict):
        msg = "the file has no [rule]: it is no detection rule of Elastic's"
        raise Refused(msg, Place(file))
    check_keys(document)
    faults: list[RuleError] = []
    card = _collected(faults, lambda: card_of(document))
    asked = _collected(faults, lambda: _asked(document))
    suppression = _collected(faults, lambda: suppression_of(document, asked.group_by if asked else ()))
    read = _collected(faults, lambda: _query(toml, card, tuple(sources), listed=asked is None or asked.type == "match"))
    if faults or card is None or asked is None or read is None:
        raise next((one for one in faults if isinstance(one, Refused)), RuleFaults(faults))
    base, question = read
    member = Member(base.id, asked.group_by, asked.fields)
    correlation = Correlation(
        card=card,
        type=asked.type,
        members=(member,),
        fingerprint=_fingerprint(asked, question, member),
        group_by=asked.group_by,
        fields=asked.fields,
        timespan_us=asked.timespan_us,
        count=asked.count,
        suppression=named_by(suppression, base.vocabulary),
        enabled=rule_section(document).boolean("enabled") is not False,
    )
    return ElasticRule(document, base, correlation, toml)


def _collected(faults: list[RuleError], read: Callable[[], _Read]) -> _Read | None:
    """What ``read`` gives; None when it raises, and then its faults are noted."""
    try:
        return read()
    except RuleError as fault:
        faults.extend(each(fault))
        return None


def _fingerprint(asked: _Asked, question: Question, member: Member) -> str:
    members = [(question, member.group_by, member.fields)]
    if asked.type == "match":
        return fingerprint(asked.type, members)
    return fingerprint(asked.type, members, timespan_us=asked.timespan_us, count=asked.count)


def _query(toml: TomlFile, card: Card | None, sources: tuple[Source, ...], *, listed: bool) -> tuple[Base, Question]:
    """The base rule, and what it asks as fingerprints see it. ``card`` is missing when it has faults."""
    rule = rule_section(toml.document)
    rule.need("query")
    indices = rule.texts("index") if rule.body.get("index") else ()
    query = rule.text("query") or ""
    try:
        tree = parse(query)
        written = simplify(predicate_of(tree, AsWritten()))
        meant = _sources(toml.document, indices, written, sources)
        predicate = simplify(predicate_of(tree, EcsNames(meant)))
    except KqlError as exc:
        kind = Refused if isinstance(exc, KqlRefused) else RuleError
        raise kind(exc.message, toml.inside(_QUERY, exc.at)) from exc
    except RuleError as exc:
        if exc.place is not None:
            raise
        raise toml.document.fault(exc.message, *_QUERY) from exc
    names = tuple(source.name for source in meant)
    base = Base(card.id if card else "", card.title if card else "", names, "ecs", predicate, listed)
    return base, Question(written, {"index": ",".join(sorted(indices))}, "ecs")


def _sources(
    document: Document, indices: tuple[str, ...], predicate: Predicate, sources: tuple[Source, ...]
) -> tuple[Source, ...]:
    """The sources that the rule reads. Raises Refused when there are none."""
    have = ", ".join(source.dataset for source in sources)
    indexed = by_index(indices, sources)
    if not indexed:
        msg = f"the rule's indices hold none of the logs that firstseen reads: {have}"
        raise Refused(msg, document.place("rule", "index"))
    found = by_query(predicate, indexed)
    if not found:
        msg = f"the query asks for another dataset than those that firstseen reads: {have}"
        raise Refused(msg, document.place(*_QUERY))
    return found


def _asked(document: Document) -> _Asked:
    """What the rule's type asks. Raises RuleError with its place."""
    kind = document.data["rule"]["type"]
    for key in ("new_terms", "threshold"):
        if key != kind and document.data["rule"].get(key) is not None:
            msg = f"a rule of the type {kind} has no {key}"
            raise document.fault(msg, "rule", key)
    if kind == "new_terms":
        return _new_terms(document)
    return _threshold(document) if kind == "threshold" else _Asked("match")


def _new_terms(document: Document) -> _Asked:
    path = ("rule", "new_terms")
    rule_section(document).need("new_terms")
    section = Section(document, path, ("field", "value", "history_window_start"))
    for key in ("value", "history_window_start"):
        section.need(key)
    if section.choice("field", ("new_terms_fields",)) is None:
        section.need("field")
    windows = section.body["history_window_start"]
    if not isinstance(windows, list) or len(windows) != 1 or not isinstance(windows[0], dict):
        msg = 'history_window_start is one table: [[rule.new_terms.history_window_start]], with value = "now-7d"'
        raise section.fault(msg, "history_window_start")
    window = Section(document, (*path, "history_window_start", 0), ("field", "value"))
    span_us = _back_us(window, "value", "")
    return _Asked("new_terms", fields=section.texts("value", most=MAX_TERM_FIELDS), timespan_us=span_us)


def _threshold(document: Document) -> _Asked:
    rule = rule_section(document)
    rule.need("threshold")
    section = Section(document, ("rule", "threshold"), ("field", "value", "cardinality"))
    section.need("value")
    count = section.integer("value", 1, MAX_COUNT) or 1
    groups = section.texts("field", most=MAX_GROUP_FIELDS) if section.body.get("field") else ()
    if rule.body.get("to", "now") != "now":
        msg = "a rule that looks at the past only, not up to now, is not run here"
        raise Refused(msg, document.place("rule", "to"))
    span_us = _back_us(rule, "from", DEFAULT_LOOK_BACK)
    counted = section.body.get("cardinality")
    if not counted:
        return _Asked("event_count", groups, timespan_us=span_us, count=count)
    if not isinstance(counted, list) or len(counted) != 1 or not isinstance(counted[0], dict):
        msg = "cardinality is one table: [[rule.threshold.cardinality]], with field and value"
        raise section.fault(msg, "cardinality")
    values = Section(document, ("rule", "threshold", "cardinality", 0), ("field", "value"))
    for key in ("field", "value"):
        values.need(key)
    least = values.integer("value", 1, MAX_COUNT) or 1
    if count > least:
        msg = (
            f"the rule needs {count} events with {least} different values: two conditions on one window are not "
            f"combined here; set the threshold's value to {least} or less"
        )
        raise Refused(msg, document.place("rule", "threshold"))
    return _Asked("value_count", groups, (values.text("field") or "",), span_us, least)


def _back_us(section: Section, key: str, default: str) -> int:
    text = section.body.get(key, default)
    span = back_us(text) if isinstance(text, str) else None
    if span is None:
        shown = str(text)[:40]
        msg = f"{key} is a time before now, such as now-7d (s, m, h, d, w, M, y), at most ten years; not {shown!r}"
        raise section.fault(msg, *([key] if key in section.body else []))
    return span
