"""Where a rule's document writes a field or a value."""

from __future__ import annotations

from collections.abc import Iterator

from firstseen.errors import Place
from firstseen.language.checks.issues import Written
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


def place_of_field(document: Written | None, name: str, value: object = None) -> Place | None:
    """The line that asks about the field, and about the value where one is given; else the document's first."""
    if document is None:
        return None
    best: Path | None = None
    for section in _SECTIONS:
        for path, below in _keys(document.data.get(section), (section,), name, 0):
            best = best or path
            found = _value(below, path, value) if value is not None else path
            if found is not None:
                return document.place(*found)
    for listed in _FIELD_LISTS:
        found = _value(_at(document, listed), listed, name)
        if found is not None:
            return document.place(*found)
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
