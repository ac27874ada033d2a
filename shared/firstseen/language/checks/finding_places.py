"""Where a rule's document writes a field or a value."""

from __future__ import annotations

from collections.abc import Iterator

from firstseen.errors import Place
from firstseen.language.checks.issues import Rules, Written
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate

_SECTIONS = ("detection", "filter")
_FIELD_LISTS = (
    ("correlation", "fields"), ("correlation", "group-by"), ("correlation", "condition", "field"),
    ("firstseen", "suppress", "fields"),
)  # fmt: skip
_MAX_LEVELS = 50

Path = tuple[str | int, ...]


def leaves(tree: Predicate) -> Iterator[Leaf]:
    """The questions of a tree, in order."""
    match tree:
        case Leaf():
            yield tree
        case Not(part):
            yield from leaves(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)


def place_of_field(rules: Rules, rule_id: str, name: str, value: object = None) -> Place | None:
    """Where the rule asks about the field, and about the value where one is given; else where it begins."""
    document = rules.documents.get(rule_id)
    if document is not None:
        return _in_document(document, name, value)
    query = rules.queried.get(rule_id)
    return query.place(name if value is None else str(value)) if query is not None else None


def _in_document(document: Written, name: str, value: object) -> Place:
    best: Path | None = None
    for section in _SECTIONS:
        for path, below in _keys(document.data.get(section), (section,), name, 0):
            best = best or path
            if value is None:
                return document.place(*path)
            found = _value(below, path, value)
            if found is not None:
                return document.place_of_value(*found)
    for listed in _FIELD_LISTS:
        found = _value(_at(document, listed), listed, name)
        if found is not None:
            return document.place_of_value(*found)
    return document.place(*(best or ()))


def _keys(below: object, path: Path, name: str, depth: int) -> Iterator[tuple[Path, object]]:
    if depth > _MAX_LEVELS:
        return
    if isinstance(below, dict):
        for key, value in below.items():
            if str(key).split("|")[0] == name:
                yield (*path, key), value
            yield from _keys(value, (*path, key), name, depth + 1)
    elif isinstance(below, list):
        for position, value in enumerate(below):
            yield from _keys(value, (*path, position), name, depth + 1)


def _value(below: object, path: Path, value: object) -> Path | None:
    if isinstance(below, list):
        return next(((*path, position) for position, one in enumerate(below) if str(one) == str(value)), None)
    return path if below is not None and str(below).strip("*") == str(value) else None


def _at(document: Written, path: tuple[str, ...]) -> object:
    found: object = dict(document.data)
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
