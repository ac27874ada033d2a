"""Changing one place of an event: copies along the way to it, everything else shared.

Computed names have no place. They are worked backwards by trial: each place that the computation reads is given the
value, and whoever asks finds out which of them did it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from firstseen.language.examples.hints import HINTS
from firstseen.language.rules import Vocabulary
from firstseen.sources.source import Accessor, Derived, Path, Source, View

MAX_PLACES = 60
"""Places below the fields that a computed name reads, that are tried."""

ABSENT = object()
"""In the place of a value: take the place away."""

_MAX_LEVELS = 12
_SEPARATORS = (":", "/", "=")


def put(view: View, path: Path, value: object) -> View:
    """The event with ``value`` at ``path``; objects on the way are made, lists are entered at their first element."""
    changed: View = _put(view, path, value)
    return changed


def _put(below: Any, path: Path, value: object) -> Any:  # noqa: ANN401 - a value of a view
    if not path:
        return value
    if isinstance(below, list):
        first = below[0] if below else {}
        return [_put(first, path, value), *below[1:]]
    made = dict(below) if isinstance(below, Mapping) else {}
    key = path[0]
    if len(path) == 1 and value is ABSENT:
        made.pop(key, None)
    elif value is ABSENT and key not in made:
        return below
    else:
        made[key] = _put(made.get(key), path[1:], value)
    return made


def value_at(view: View, path: Path) -> Any:  # noqa: ANN401 - a value of a view
    """What stands at ``path`` (in lists: at their first element), or :data:`ABSENT`."""
    found: Any = view
    for key in path:
        if isinstance(found, list):
            found = found[0] if found else None
        if not isinstance(found, Mapping) or key not in found:
            return ABSENT
        found = found[key]
    return found


def text_at(view: View, accessor: Accessor) -> str | None:
    """The first value at the place as text, as far as it is text, a number or a boolean."""
    value = accessor.function(view) if isinstance(accessor, Derived) else value_at(view, accessor)
    one = value[0] if isinstance(value, list) and value else value
    if isinstance(one, bool):
        return str(one).lower()
    return str(one) if isinstance(one, str | int | float) else None


def known(source: Source, vocabulary: Vocabulary, field: str) -> bool:
    """Whether the source is known to have the field, by any of the names that the vocabulary gives."""
    if field in source.common or field in source.ecs:
        return True
    if source.knows(field):
        return True
    accessor = source.accessor(field, vocabulary=vocabulary)
    if isinstance(accessor, Derived):
        return True
    raw = ".".join(accessor)
    return raw != field and source.knows(raw)


def is_open(source: Source, accessor: Accessor) -> bool:
    """Whether anything may stand at the place: below free-form objects, or where the sample has a list."""
    if isinstance(accessor, Derived):
        return False
    if isinstance(value_at(source.sample, accessor), list):
        return True
    return any(".".join(accessor[:length]) + "." in source.known for length in range(1, len(accessor)))


def with_text(view: View, source: Source, accessor: Accessor, value: object) -> Iterator[View]:
    """Events in which the place may have this value; ``value`` may be :data:`ABSENT`."""
    if not isinstance(accessor, Derived):
        yield from _shapes(view, source, accessor, value)
        return
    if value is ABSENT:
        yield from _emptied(view, source, accessor)
        return
    yield from _worked_back(view, source, accessor, value)


def _worked_back(view: View, source: Source, accessor: Derived, value: object) -> Iterator[View]:
    """Events in which a computed name may have this value."""
    suggested = list(accessor.suggests(value))
    for text in suggested:
        for path in _below(source, view, accessor.reads):
            yield put(view, path, text)
    if suggested:
        return
    yield from _offered(view, accessor, value)
    for path, values in HINTS.get(source.name, {}).items():
        if path[0] in accessor.reads:
            for one in values:
                yield put(view, path, one)
    yield from _by_pieces(view, source, accessor, value)
    for path in _below(source, view, accessor.reads):
        yield put(view, path, value)


def _offered(view: View, accessor: Derived, value: object) -> Iterator[View]:
    """What the computation itself offers: the places that it looks at, or whole objects where a value has its name
    beside it in a list.
    """
    for place in getattr(accessor.function, "places", ()):
        yield put(view, place, value)
    ways = getattr(accessor.function, "ways", None)
    if ways is not None:
        for path, made in ways(view, value):
            yield put(view, path, made)


def _emptied(view: View, source: Source, derived: Derived) -> Iterator[View]:
    """Without one of the fields that the computation reads, or without all."""
    for key in derived.reads:
        yield put(view, (key,), ABSENT)
    for path in _below(source, view, derived.reads):
        yield put(view, path, ABSENT)
    for key in derived.reads:
        view = put(view, (key,), ABSENT)
    yield view


def _shapes(view: View, source: Source, path: Path, value: object) -> Iterator[View]:
    """The value as the sample has values there: in a list where there is a list, in an object where there is one."""
    usual = value_at(source.sample, path)
    if usual is ABSENT or usual is None:
        usual = value_at(view, path)
    if value is ABSENT:
        yield put(view, path, ABSENT)
        return
    if isinstance(usual, Mapping) and isinstance(value, str):
        yield from _as_object(view, path, value)
    if isinstance(usual, list) and not any(isinstance(one, Mapping) for one in usual):
        yield put(view, path, value if isinstance(value, list) else [value])
    yield put(view, path, value)


def _as_object(view: View, path: Path, text: str) -> Iterator[View]:
    """An object whose JSON holds the text: as a member where it reads as one (``"a":"b"``), as a value otherwise."""
    import orjson  # noqa: PLC0415 - few rules ask for the text of an object

    here = value_at(view, path)
    kept = dict(here) if isinstance(here, Mapping) else {}
    core = text.strip(" ,{}[]")
    for written in (
        text,
        "{" + text + "}",
        "{" + core + "}",
        "{" + core + '"}',
        '{"' + core + "}",
        "{" + core + '":""}',
    ):
        try:
            made = orjson.loads(written)
        except orjson.JSONDecodeError:
            continue
        if isinstance(made, dict):
            yield put(view, path, {**kept, **made})
            yield put(view, path, made)
    yield put(view, path, {**kept, "value": text})
    yield put(view, path, {"value": text})


def _by_pieces(view: View, source: Source, derived: Derived, value: object) -> Iterator[View]:
    """Values that are put together from several fields, taken apart the way the sample's value is."""
    usual = derived.function(source.sample)
    if not isinstance(value, str):
        return
    for separator in _SEPARATORS:
        head, found, tail = value.partition(separator)
        if not found:
            continue
        if separator == "=":
            for key in derived.reads:
                yield put(view, (key, head.strip("{ ")), tail.strip("} "))
        if isinstance(usual, str) and separator in usual:
            first, _, second = usual.partition(separator)
            made = _replaced(view, source, derived.reads, first, head)
            yield _replaced(made, source, derived.reads, second, tail)


def _replaced(view: View, source: Source, reads: tuple[str, ...], piece: str, new: str) -> View:
    """The event with ``new`` where the sample has ``piece``, alone or at the start of a value."""
    for key in reads:
        usual = source.sample.get(key)
        if isinstance(usual, str) and piece and usual.startswith(piece):
            return put(view, (key,), new + usual[len(piece) :])
    return view


def _below(source: Source, view: View, reads: tuple[str, ...]) -> list[Path]:
    """Places at or below the fields read: those of the event and the sample first, then documented ones."""
    found: dict[Path, None] = {}
    for key in reads:
        for root in (view, source.sample):
            if key in root:
                found.update(dict.fromkeys(paths_of({key: root[key]})))
    for name in sorted(source.known):
        path = tuple(name.rstrip(".").split("."))
        if path[0] in reads:
            found[path if not name.endswith(".") else (*path, "value")] = None
    return list(found)[:MAX_PLACES]


def paths_of(value: Any, depth: int = 0) -> Iterator[Path]:  # noqa: ANN401 - a value of a view
    """The places of all values that hold no others, in order; lists at their first element only."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, Mapping) or not value or depth > _MAX_LEVELS:
        yield ()
        return
    for key, one in value.items():
        for rest in paths_of(one, depth + 1):
            yield (key, *rest)
