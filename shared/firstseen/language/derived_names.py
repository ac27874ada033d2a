"""Where rules use derived names: the time zone that they are written with, the databases that they need."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from firstseen.errors import RuleError
from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base, Correlation, Member
from firstseen.sources.derived.vocabulary import LOCATING_NAMES, TIME_NAMES

if TYPE_CHECKING:
    from firstseen.sources.source import Source

_SAME = frozenset({"same_as", "same_start", "same_end", "same_part"})

MAX_SHOWN_RULES = 5


def in_zone(
    bases: Sequence[Base], correlations: Sequence[Correlation], rule: str
) -> tuple[list[Base], list[Correlation]]:
    """The rules with ``time.hour`` and ``time.weekday`` read by the clocks of a zone, given as a POSIX rule.

    The zone becomes part of the names, and of the fingerprints of the rules that use them: what was a known hour is
    another one then. Names that carry a zone already keep it. Raises RuleError on a text that is no rule.
    """
    from firstseen.sources.derived.zones import UTC, zone_of  # noqa: PLC0415 - only who builds a pack needs them

    zone = zone_of(rule)
    if zone is None:
        msg = f"{rule[:80]!r} is no time zone: write it as in CET-1CEST,M3.5.0,M10.5.0/3"
        raise RuleError(msg)
    if zone == UTC:
        return list(bases), list(correlations)
    zoned = [_base(one, rule) for one in bases]
    changed = {new.id for old, new in zip(bases, zoned, strict=True) if new is not old}
    return zoned, [_correlation(one, rule, changed) for one in correlations]


def _base(base: Base, rule: str) -> Base:
    """The same object when the rule asks for no local time."""
    if not _uses(base.predicate, TIME_NAMES, {}):
        return base
    return replace(base, predicate=_renamed(base.predicate, rule))


def _correlation(one: Correlation, rule: str, changed: set[str]) -> Correlation:
    members = tuple(_member(member, rule) for member in one.members)
    suppression = one.suppression
    if suppression is not None:
        suppression = replace(suppression, fields=_all(suppression.fields, rule))
    made = replace(one, members=members, suppression=suppression)
    if members != one.members or any(member.base_id in changed for member in members):
        text = f"{one.fingerprint}\0{rule}"
        made = replace(made, fingerprint=hashlib.sha256(text.encode()).hexdigest()[:32])
    return made


def _member(member: Member, rule: str) -> Member:
    return replace(member, group_by=_all(member.group_by, rule), fields=_all(member.fields, rule))


def _all(names: tuple[str, ...], rule: str) -> tuple[str, ...]:
    return tuple(_zoned(name, rule) for name in names)


def _zoned(name: str, rule: str) -> str:
    return f"{name}@{rule}" if name in TIME_NAMES else name


def _renamed(tree: Predicate, rule: str) -> Predicate:
    match tree:
        case Leaf(field, op, value):
            named = field if field is None else _zoned(field, rule)
            return msgspec.structs.replace(tree, field=named, value=_zoned(str(value), rule) if op in _SAME else value)
        case Not(part):
            return Not(_renamed(part, rule))
        case And(parts):
            return And(tuple(_renamed(part, rule) for part in parts))
        case Or(parts):
            return Or(tuple(_renamed(part, rule) for part in parts))


def locating(pack: Pack) -> list[str]:
    """The titles of the rules that need a database of addresses, in the order of the pack."""
    known: _Known = {}
    bases = {base.id for base in pack.bases if _uses(base.predicate, LOCATING_NAMES, known)}
    return [
        one.card.title
        for one in pack.correlations
        if one.enabled and (_names(one) & LOCATING_NAMES or any(member.base_id in bases for member in one.members))
    ]


def need_readers(pack: Pack, sources: Iterable[Source]) -> None:
    """Raises RuleError when rules need a database of addresses and a source has none: they could not fire."""
    if all(source.readers for source in sources):
        return
    titles = locating(pack)
    if titles:
        shown = "; ".join(titles[:MAX_SHOWN_RULES]) + ("; …" if len(titles) > MAX_SHOWN_RULES else "")
        msg = f"these rules ask where an address belongs, and no database of addresses is given: {shown}"
        raise RuleError(msg)


def _names(one: Correlation) -> set[str]:
    found = {name for member in one.members for name in (*member.group_by, *member.fields)}
    return found if one.suppression is None else found.union(one.suppression.fields)


_Known = dict[int, bool]
"""Answers for large parts by their identity: rules of a pack share them (:mod:`firstseen.language.sharing`)."""

_LARGE = 16
"""Parts from which on an answer is kept."""


def _uses(tree: Predicate, names: Container[str], known: _Known) -> bool:
    """Whether the tree asks for any of these names."""
    match tree:
        case Leaf(field, op, value):
            return (field is not None and field in names) or (op in _SAME and str(value) in names)
        case Not(part):
            return _uses(part, names, known)
        case And(parts) | Or(parts) if len(parts) < _LARGE:
            return any(_uses(part, names, known) for part in parts)
        case And(parts) | Or(parts):
            if id(tree) not in known:
                known[id(tree)] = any(_uses(part, names, known) for part in parts)
            return known[id(tree)]
