"""Which log sources an Elastic rule reads: by its index patterns, and by the dataset that its query asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from firstseen.language.frontends.kql_meaning import MAX_LISTED_NAMES, KqlRefused
from firstseen.language.frontends.kql_tree import Text
from firstseen.language.predicates import ALWAYS, NEVER, And, Leaf, Not, Or, Predicate, simplify
from firstseen.sources.source import Derived, Source

_PROBE = "x"
"""Stands for any name below an open object."""


def by_index(patterns: Sequence[str], sources: Iterable[Source]) -> tuple[Source, ...]:
    """The sources whose documents lie in an index that the patterns name; every one without patterns.

    A source's documents lie in ``logs-<dataset>-<namespace>`` (integrations) or in ``filebeat-<version>``. A pattern
    that begins with ``-`` takes indices out; ``cluster:pattern`` is about another cluster's indices of that name.
    """
    return tuple(source for source in sources if not patterns or any(_holds(patterns, name) for name in _names(source)))


def _names(source: Source) -> tuple[str, str]:
    return f"logs-{source.dataset}-default", "filebeat-8.0.0"


def _holds(patterns: Sequence[str], name: str) -> bool:
    wanted = False
    for pattern in patterns:
        local = pattern.removeprefix("-").rpartition(":")[2]
        if fits(tuple(local.split("*")), name):
            wanted = not pattern.startswith("-")
    return wanted


def by_query(predicate: Predicate, sources: Iterable[Source]) -> tuple[Source, ...]:
    """The sources that can fulfil the predicate.

    Names that are constant in a source (the dataset) decide it, and names that it does not have. When no source has
    them all, the names are taken for mistakes, which a check can tell, and only the constants decide.
    """
    possible = tuple(source for source in sources if simplify(_decided(predicate, source)) != NEVER)
    having = tuple(one for one in possible if simplify(_decided(predicate, one, lacks=_lacks)) != NEVER)
    return having or possible


def _lacks(field: str | None, source: Source) -> bool:
    """Whether the field is the name of nothing in the source; one with wildcards may be anything."""
    if field is None or "*" in field:
        return False
    return not (field in source.ecs or field in source.common or source.knows(field))


def _nothing(_field: str | None, _source: Source) -> bool:
    return False


def _decided(tree: Predicate, source: Source, lacks: Callable[[str | None, Source], bool] = _nothing) -> Predicate:
    match tree:
        case And(parts):
            return And(tuple(_decided(part, source, lacks) for part in parts))
        case Or(parts):
            return Or(tuple(_decided(part, source, lacks) for part in parts))
        case Not(part):
            return Not(_decided(part, source, lacks))
        case Leaf():
            if lacks(tree.field, source):
                return NEVER
            constant = _constant(tree.field, source)
            return tree if constant is None else (ALWAYS if _true_of(tree, constant) else NEVER)


def _constant(field: str | None, source: Source) -> str | None:
    """The value that the field has in every event of the source; None when it has none."""
    place = None if field is None else source.ecs.get(field)
    value = place.function({}) if isinstance(place, Derived) and not place.reads else None
    return value if isinstance(value, str) else None


def _true_of(leaf: Leaf, text: str) -> bool:
    """Whether a question that KQL can ask is true of a text."""
    wanted = str(leaf.value)
    match leaf.op:
        case "present":
            return True
        case "equals":
            return text == wanted
        case "contains":
            return wanted in text
        case "startswith":
            return text.startswith(wanted)
        case "endswith":
            return text.endswith(wanted)
        case "like":  # a constant has no character that the pattern would escape
            return fits(tuple(wanted.split("*")), text)
    return False


def fits(pieces: tuple[str, ...], text: str) -> bool:
    """Whether the pieces, with any text between them, make up ``text``; linear in its length."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


@dataclass(frozen=True, slots=True)
class EcsNames:
    """The ECS names of some sources."""

    sources: tuple[Source, ...]

    def matching(self, pattern: Text) -> tuple[str, ...]:
        """The names that fit; as in Elastic, keys below open objects are no names of their own.

        Raises KqlRefused when there are none, too many, or open objects among them.
        """
        found = sorted({name for source in self.sources for name in source.ecs if fits(pattern.pieces, name)})
        shown = repr("*".join(pattern.pieces))
        for name in sorted({name for source in self.sources for name in source.ecs if self.is_open(name)}):
            if name in found or pattern.pieces[0].startswith(f"{name}."):
                msg = f"{shown} stands for names without end, those below {name}: name the fields that the rule means"
                raise KqlRefused(msg, pattern.at)
        if not found:
            msg = f"{shown} fits no field of {', '.join(source.name for source in self.sources)}"
            raise KqlRefused(msg, pattern.at)
        if len(found) > MAX_LISTED_NAMES:
            msg = f"{shown} stands for {len(found)} fields, more than {MAX_LISTED_NAMES}: name those meant"
            raise KqlRefused(msg, pattern.at)
        return tuple(found)

    def is_open(self, field: str) -> bool:
        """Whether the field is a listed name of some source below which every name is one."""
        return any(f"{field}.{_PROBE}" in source.ecs and field in tuple(source.ecs) for source in self.sources)
