"""Sigma base rules and filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from firstseen.errors import RuleError
from firstseen.language.frontends.cards import card_of, rule_id
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.extras import Extras, extras_of
from firstseen.language.frontends.fingerprints import Question, fingerprint
from firstseen.language.frontends.logsources import sources_of, written
from firstseen.language.frontends.placeholders import Lists, Unexpanded
from firstseen.language.frontends.sections import Section
from firstseen.language.frontends.selections import Selections
from firstseen.language.frontends.value_lists import NOWHERE, ByAccount
from firstseen.language.predicates import Predicate, conjunction, simplify
from firstseen.language.rules import Base, Correlation, Member, Suppression, Vocabulary
from firstseen.sources.source import Source


@dataclass(frozen=True, slots=True)
class BaseRule:
    """A base rule as read: what runs, what is told, and what it asks.

    Attributes:
        document: where it is from.
        base: what runs.
        extras: its ``firstseen:`` mapping.
        question: for fingerprints.
        lists: names of the value lists that it uses.
    """

    document: Document
    base: Base
    extras: Extras
    question: Question
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A Sigma global filter: a condition that is joined to the base rules that it names.

    It is joined with *and*, as it stands: one that excludes says ``not selection``.
    ``rules`` is None for every rule of its log source; ``lists`` are the value lists that it uses.
    """

    document: Document
    logsource: Mapping[str, str]
    rules: tuple[str, ...] | None
    predicate: Predicate
    lists: tuple[str, ...] = ()


def base_rule(
    document: Document,
    lists: Mapping[str, Sequence[str]],
    sources: Iterable[Source],
    in_accounts: ByAccount = NOWHERE,
) -> BaseRule:
    """The base rule that ``document`` writes, without filters. Raises RuleError with its place."""
    names, vocabulary = sources_of(document, sources)
    filled = Lists(lists, in_accounts)
    predicate = _simple(document, Selections(document, "detection", filled).predicate())
    asked = Selections(document, "detection", Unexpanded(), compiles=False).predicate() if filled.used else predicate
    title = str(document.data.get("title", ""))
    base = Base(rule_id(document), title, names, vocabulary, predicate)
    return BaseRule(
        document, base, extras_of(document), Question(asked, written(document), vocabulary), tuple(filled.used)
    )


def reporting(rule: BaseRule) -> Correlation:
    """The correlation ``match`` by which a base rule reports for itself. Raises RuleError with its place."""
    extras = rule.extras
    if extras.when is not None:
        msg = "'when' is for rules of the type new_terms"
        raise rule.document.fault(msg, "firstseen", "when")
    return Correlation(
        card=card_of(rule.document, extras),
        type="match",
        members=(Member(rule.base.id),),
        fingerprint=fingerprint("match", [(rule.question, (), ())]),
        learning_us=extras.learning_us,
        limit=extras.limit,
        suppression=named_by(extras.suppression, rule.base.vocabulary),
        enabled=extras.enabled,
    )


def named_by(suppression: Suppression | None, vocabulary: Vocabulary) -> Suppression | None:
    """The suppression with its fields read as the base rule's are."""
    return None if suppression is None else replace(suppression, vocabulary=vocabulary)


def global_filter(document: Document, lists: Mapping[str, Sequence[str]], in_accounts: ByAccount = NOWHERE) -> Filter:
    """The filter that ``document`` writes. Raises RuleError with its place."""
    body = document.data.get("filter")
    if not isinstance(body, dict):
        msg = "a filter is a mapping with rules, selections and a condition"
        raise document.fault(msg, "filter")
    if "rules" not in body:
        msg = "a filter needs 'rules': names or ids of rules, or 'any'"
        raise document.fault(msg, "filter")
    if not isinstance(body.get("condition"), str):
        msg = "a filter needs one condition; one that excludes says 'not selection'"
        raise document.fault(msg, "filter", "condition")
    named: tuple[str, ...] | None = None
    if body["rules"] != [] and str(body["rules"]).lower() != "any":
        named = Section(document, ("filter",), list(body)).texts("rules")
    filled = Lists(lists, in_accounts)
    predicate = Selections(document, "filter", filled).predicate()
    return Filter(document, written(document), named, predicate, tuple(filled.used))


def covers(one: Filter, rule: BaseRule) -> bool:
    """Whether the filter's log source contains the rule's."""
    return all(rule.question.logsource.get(part) == value for part, value in one.logsource.items())


def filtered(rule: BaseRule, filters: Sequence[Filter]) -> BaseRule:
    """The rule with the filters' conditions joined to its own."""
    if not filters:
        return rule
    joined = conjunction(rule.base.predicate, *(one.predicate for one in filters))
    return replace(rule, base=replace(rule.base, predicate=_simple(rule.document, joined)))


def _simple(document: Document, predicate: Predicate) -> Predicate:
    try:
        return simplify(predicate)
    except RuleError as fault:
        raise document.fault(fault.message, "detection") from fault


def check_shape(document: Document) -> None:
    """Raises RuleError when the document is no kind of Sigma document."""
    if not {"detection", "filter", "correlation"} & set(document.data):
        msg = "a rule has a detection, a correlation or a filter"
        raise RuleError(msg, document.place())
