"""Where a value lies in the shapes that one Azure log comes in.

An Event Hub, the REST interfaces (in camel case, or in the snake case of Microsoft's Python models) and the tables of
Log Analytics carry the same entry with other keys, and Log Analytics keeps whole objects as JSON text. A name of a
rule must mean the same value in each, so a name is a list of places, of which the first that has something counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from firstseen.sources.source import Accessor, Derived, Path, View

MAX_TEXT_BRACKETS = 250
"""JSON in a text with more brackets stays text: what is read from it must be writable again."""

Suggests = Callable[[object], Iterable[str]]


def opened(value: Any) -> Any:
    """A text that holds a JSON object or array as that; anything else as it stands."""
    if isinstance(value, str) and value[:1] in {"{", "["} and value.count("{") + value.count("[") <= MAX_TEXT_BRACKETS:
        try:
            return orjson.loads(value.encode("utf-8", "replace"))
        except ValueError:
            return value
    return value


def values_at(view: Any, path: Path) -> Iterator[Any]:
    """Every value at the place, without nulls and empty arrays; lists on the way mean any element."""
    if not path:
        if view is not None and view != []:
            yield view
        return
    here = opened(view)
    if isinstance(here, Mapping):
        yield from values_at(here.get(path[0]), path[1:])
    elif isinstance(here, list):
        for one in here:
            yield from values_at(one, path)


def _plain(top: Any, place: Path) -> Any:
    """What stands at the place if only objects lie on the way and a text or nothing at its end; else something else."""
    here = top
    for key in place[1:]:
        if type(here) is not dict:
            return _OTHER
        here = here.get(key)
        if here is None:
            return None
    return here if isinstance(here, str) else _OTHER


_OTHER = object()


@dataclass(frozen=True, slots=True)
class First:
    """What stands at the first place that has something: one value, or a list of them. Empty text comes last.

    ``whole``: objects and arrays count, read from text if need be; otherwise they are passed over.
    """

    places: tuple[Path, ...]
    whole: bool = False

    def __call__(self, view: View) -> Any:
        """The value, or None."""
        empty = None
        for place in self.places:
            top = view.get(place[0])
            if top is None:
                continue
            if not self.whole:  # the usual cases, at a tenth of the cost of what follows
                plain = _plain(top, place)
                if plain is None:
                    continue
                if isinstance(plain, str) and plain:
                    return plain
            found = [one for value in values_at(view, place) for one in self._taken(value)]
            if any(one != "" for one in found):
                return found[0] if len(found) == 1 else found
            empty = "" if found else empty
        return empty

    def _taken(self, value: Any) -> Iterator[Any]:
        if self.whole:
            value = opened(value)
            if value not in ({}, []):
                yield value
        elif isinstance(value, list):
            yield from (one for one in value if one is not None and not isinstance(one, (Mapping, list)))
        elif not isinstance(value, Mapping):
            yield value


def first(places: str, *, whole: bool = False) -> Derived:
    """The first of some dotted places, written in a row."""
    return at(*(tuple(place.split(".")) for place in places.split()), whole=whole)


def at(*places: Path, whole: bool = False) -> Derived:
    """The first of some places."""
    plain = places[0][0] if len(places[0]) == 1 and not whole else None
    return Derived(tuple(dict.fromkeys(place[0] for place in places)), First(places, whole), plain=plain)


def computed(reads: str, function: Callable[[View], Any], suggests: Suggests | None = None) -> Derived:
    """A computed name; ``reads`` are its top-level keys, in a row."""
    keys = tuple(reads.split())
    return Derived(keys, function) if suggests is None else Derived(keys, function, suggests)


def constant(value: str) -> Derived:
    """A name with one value in every event."""
    return Derived((), lambda _view: value)


def rows(table: str, *, whole: bool = False) -> dict[str, Accessor]:
    """Names by a table with a line for each field: its places in a row, each of which is a name for all of them."""
    found: dict[str, Accessor] = {}
    for line in table.strip().splitlines():
        place = first(line, whole=whole)
        found.update(dict.fromkeys(line.split(), place))
    return found


def text(value: Any) -> str | None:
    """The value as text (a number as it is written), or None for what is empty or no text."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


Open = Callable[[str], Accessor | None]
"""From what follows a prefix to where it lies."""


class Names(Mapping[str, Accessor]):
    """Elastic's names of a source; besides, the raw names whose place depends on the shape, and names below prefixes.

    Iteration gives Elastic's fixed names only: the raw ones are found here because a source has no other table for
    computed raw names.
    """

    def __init__(self, ecs: Mapping[str, Accessor], raw: Mapping[str, Accessor], below: Mapping[str, Open]) -> None:
        self._ecs = ecs
        self._raw = raw
        self._below = below

    def __getitem__(self, name: str) -> Accessor:
        """Where the name lies. Raises KeyError."""
        found = self._ecs.get(name) or self._raw.get(name)
        if found is not None:
            return found
        for prefix, open_at in self._below.items():
            if name.startswith(prefix) and len(name) > len(prefix):
                found = open_at(name[len(prefix) :])
                if found is not None:
                    return found
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ecs)

    def __len__(self) -> int:
        return len(self._ecs)


def below(*prefixes: Path) -> Open:
    """Whatever follows, as a dotted path below the first of the places that has it."""
    return lambda rest: at(*((*prefix, *rest.split(".")) for prefix in prefixes))
