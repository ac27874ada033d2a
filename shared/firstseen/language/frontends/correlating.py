"""Correlation documents: ``new_terms``, which is ours, and Sigma's own types, which pySigma reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
from sigma.exceptions import SigmaError

from firstseen.errors import RuleError
from firstseen.language.frontends.cards import card_of
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.extras import Extras, extras_of
from firstseen.language.frontends.fingerprints import fingerprint
from firstseen.language.frontends.sections import Section
from firstseen.language.frontends.sigma import BaseRule, named_by
from firstseen.language.rules import Correlation, CorrelationType, Member

MAX_TERM_FIELDS = 3
MAX_GROUP_FIELDS = 8
MAX_MEMBERS = 50
MAX_COUNT = 1_000_000

_SIGMA_KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_KEYS = {
    "new_terms": ("type", "rules", "fields", "group-by", "timespan", "aliases", "generate"),
    "event_count": _SIGMA_KEYS,
    "value_count": _SIGMA_KEYS,
    "temporal": _SIGMA_KEYS,
    "temporal_ordered": _SIGMA_KEYS,
}
_REFUSED = {
    "value_sum": "a sum can fall again when an event arrives late",
    "value_avg": "an average can fall again when an event arrives late",
    "value_percentile": "a percentile can fall again when an event arrives late",
    "value_median": "a median can fall again when an event arrives late",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A correlation document, checked, with its rules still named and not resolved.

    Attributes:
        document, extras: where it is from and its ``firstseen:`` mapping.
        type: what it is.
        rules: names or ids of base rules, in order.
        group_by, fields: names, possibly aliases.
        aliases: alias → rule reference → field.
        timespan_us: S.
        count: at least so many.
        generate: whether its base rules report for themselves as well.
    """

    document: Document
    extras: Extras
    type: CorrelationType
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    fields: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]
    timespan_us: int
    count: int
    generate: bool


def asked(document: Document) -> Asked:
    """Reads and checks a correlation document. Raises RuleError with its place; a refusal says why."""
    kind = _type(document)
    section = Section(document, ("correlation",), _KEYS[kind])
    for key in ("rules", "timespan", *(("fields",) if kind == "new_terms" else ())):
        section.need(key)
    rules = section.texts("rules", most=MAX_MEMBERS)
    if kind.startswith("temporal") and len(rules) == 1:
        msg = f"{kind} needs two rules or more: for one rule use event_count"
        raise section.fault(msg, "rules")
    extras = extras_of(document)
    if extras.when is not None and kind != "new_terms":
        msg = "'when' is for rules of the type new_terms"
        raise document.fault(msg, "firstseen", "when")
    aliases = _aliases(section, rules)
    fields, count = _condition(document, section, kind, len(rules))
    return Asked(
        document=document,
        extras=extras,
        type=kind,
        rules=rules,
        group_by=section.texts("group-by", most=MAX_GROUP_FIELDS) if section.body.get("group-by") else (),
        fields=fields,
        aliases=aliases,
        timespan_us=section.duration_us("timespan") or 0,
        count=count,
        generate=section.boolean("generate") is True,
    )


def _type(document: Document) -> CorrelationType:
    body = document.data.get("correlation")
    kind = body.get("type") if isinstance(body, dict) else None
    if not isinstance(kind, str):
        msg = f"a correlation is a mapping with a type, one of: {', '.join(_KEYS)}"
        raise document.fault(msg, "correlation")
    if kind in _REFUSED:
        msg = (
            f"{kind} is not supported: {_REFUSED[kind]}, so it cannot be decided as events arrive; "
            "use event_count or value_count"
        )
        raise document.fault(msg, "correlation", "type")
    if kind not in _KEYS:
        msg = f"the correlation type {str(kind)[:40]!r} is unknown; there are: {', '.join(_KEYS)}"
        raise document.fault(msg, "correlation", "type")
    return cast("CorrelationType", kind)


def _condition(document: Document, section: Section, kind: str, members: int) -> tuple[tuple[str, ...], int]:
    """The term or value fields, and how many there must be at least."""
    if kind == "new_terms":
        return section.texts("fields", most=MAX_TERM_FIELDS), 1
    if isinstance(section.body.get("condition"), str):
        msg = (
            "conditions in words are not supported: list the rules, all of which must match, "
            "or write several correlations"
        )
        raise section.fault(msg, "condition")
    if section.body.get("condition") is None and not kind.startswith("temporal"):
        example = "{gte: 5, field: NAME}" if kind == "value_count" else "{gte: 5}"
        msg = f"a correlation of the type {kind} needs a condition, for instance {example}"
        raise section.fault(msg)
    condition = _sigma_condition(document, section)
    if kind.startswith("temporal"):
        if section.body.get("condition") is not None and _least(section, condition) != members:
            msg = f"{kind} asks for every rule that it lists ({members}): leave the condition out"
            raise section.fault(msg, "condition")
        return (), members
    counted: object = condition.fieldref
    fields = tuple(counted) if isinstance(counted, list) else (counted,) if counted is not None else ()
    if kind == "event_count" and fields:
        msg = "event_count counts events and takes no field: use value_count to count the values of a field"
        raise section.fault(msg, "condition", "field")
    if not all(isinstance(name, str) and name for name in fields) or len(fields) > MAX_TERM_FIELDS:
        msg = f"value_count takes 1 to {MAX_TERM_FIELDS} field names"
        raise section.fault(msg, "condition", "field")
    return fields, _least(section, condition)


def _sigma_condition(document: Document, section: Section) -> SigmaCorrelationCondition:
    try:
        condition = SigmaCorrelationRule.from_dict(dict(document.data)).condition
    except SigmaError as exc:
        raise section.fault(str(exc).splitlines()[0], "condition") from exc
    except (
        Exception
    ) as exc:  # pySigma raises TypeError, KeyError, … on what it does not foresee; reported with its place
        msg = f"pySigma cannot read this correlation ({type(exc).__name__}: {str(exc)[:200]})"
        raise section.fault(msg) from exc
    if isinstance(condition, SigmaCorrelationCondition):
        return condition
    msg = "the condition is a mapping, for instance {gte: 10}"
    raise section.fault(msg, "condition")


def _least(section: Section, condition: SigmaCorrelationCondition) -> int:
    """``gte: n`` is n, ``gt: n`` is n + 1; nothing else can be decided as events arrive."""
    op, count = condition.op.name, condition.count
    if op not in {"GT", "GTE"}:
        msg = (
            f"only gt and gte can be decided as events arrive, not {op.lower()}: a later event may undo it, "
            "and a notification cannot be taken back"
        )
        raise section.fault(msg, "condition")
    least = int(count) + (op == "GT")
    if count != int(count) or not 1 <= least <= MAX_COUNT:
        msg = f"the count is a whole number, at least 1 and at most {MAX_COUNT:,}"
        raise section.fault(msg, "condition", op.lower())
    return least


def _aliases(section: Section, rules: Sequence[str]) -> dict[str, dict[str, str]]:
    aliases = section.body.get("aliases")
    if aliases is None:
        return {}
    if not isinstance(aliases, dict):
        msg = "aliases is a mapping of names to mappings of rules to fields"
        raise section.fault(msg, "aliases")
    for alias, mapping in aliases.items():
        if not isinstance(mapping, dict) or not all(isinstance(field, str) and field for field in mapping.values()):
            msg = f"the alias {alias!r} is a mapping of rules to field names"
            raise section.fault(msg, "aliases", alias)
        for reference in mapping:
            if reference not in rules:
                msg = f"the alias {alias!r} names {reference!r}, which is not among the correlation's rules"
                raise section.fault(msg, "aliases", alias, reference)
    return aliases


def correlation(one: Asked, bases: Mapping[str, BaseRule]) -> Correlation:
    """The correlation over its base rules; ``bases`` maps the names and ids that it uses.

    Raises RuleError with its place when an alias leaves out one of the rules.
    """
    members = tuple(_member(one, reference, bases[reference]) for reference in one.rules)
    questions = [
        (bases[reference].question, member.group_by, member.fields)
        for reference, member in zip(one.rules, members, strict=True)
    ]
    return Correlation(
        card=card_of(one.document, one.extras, [bases[reference].document for reference in one.rules]),
        type=one.type,
        members=members,
        fingerprint=fingerprint(one.type, questions, timespan_us=one.timespan_us, count=one.count),
        group_by=one.group_by,
        fields=one.fields,
        timespan_us=one.timespan_us,
        count=one.count,
        when=one.extras.when or "any",
        learning_us=one.extras.learning_us,
        limit=one.extras.limit,
        suppression=named_by(one.extras.suppression, bases[one.rules[0]].base.vocabulary),
        enabled=one.extras.enabled,
    )


def _member(one: Asked, reference: str, rule: BaseRule) -> Member:
    return Member(
        base_id=rule.base.id,
        group_by=tuple(_resolved(one, name, reference) for name in one.group_by),
        fields=tuple(_resolved(one, name, reference) for name in one.fields),
    )


def _resolved(one: Asked, name: str, reference: str) -> str:
    """The field that ``name``, perhaps an alias, means in the events of one rule."""
    if name not in one.aliases:
        return name
    mapping = one.aliases[name]
    if reference not in mapping:
        msg = f"the alias {name!r} says nothing about the rule {reference!r}"
        raise one.document.fault(msg, "correlation", "aliases", name)
    return mapping[reference]


def unresolved(one: Asked, reference: str, *, is_correlation: bool, known: Sequence[str]) -> RuleError:
    """The fault of a reference that is no base rule."""
    position = one.rules.index(reference)
    body = one.document.data["correlation"]["rules"]
    step = (position,) if isinstance(body, list) else ()
    if is_correlation:
        msg = (
            f"the rule {reference!r} is a correlation itself: correlations over correlations "
            "are not supported, list the base rules"
        )
    else:
        near = get_close_matches(reference, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; name the file or folder that it lies in, too"
        msg = f"there is no rule {reference!r} among the files given{hint}"
    return one.document.fault(msg, "correlation", "rules", *step)
