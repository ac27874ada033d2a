"""From an event that base rules match to the keys that it counts for.

A key is a rule with group values and terms. An event may have several: an array gives one value an
element, several fields give every combination. An event without a group or term field takes no part in
that rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod

import orjson

from firstseen.findings.finding import key_hash
from firstseen.language.pack import Pack
from firstseen.language.rules import Correlation, Member, Vocabulary
from firstseen.matching.values import TooManyValuesError, fold, text_values
from firstseen.sources.event import Event
from firstseen.sources.source import Accessor, Source
from firstseen.store.state import KeyState

MAX_COMBINATIONS = 100
"""Keys and counted values of one event for one rule and member; what is over it is left out and reported."""

MAX_SHOWN_CHARS = 256
"""Of a group value or term in the stored state; the key's hash covers all of it."""

MAX_RESOLVED = 100_000
"""Bound of the table of places: (members of the pack) × (sources), far above any real pack."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one rule.

    Attributes:
        hash: the name of its row (:func:`firstseen.findings.finding.key_hash`).
        blank: its state with nothing in it; group and terms are cut there to :data:`MAX_SHOWN_CHARS`.
    """

    hash: str
    blank: KeyState


@dataclass(frozen=True, slots=True)
class Parts:
    """What one event gives to one member.

    Attributes:
        combinations: (group values, terms, counted value), without copies.
        left_out: how many more there were than :data:`MAX_COMBINATIONS`; 1 when there are too many values to
            look at.
    """

    combinations: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Places:
    """Where one member's fields lie in events of one source; True where case makes no difference."""

    group_by: tuple[tuple[Accessor, bool], ...]
    fields: tuple[tuple[Accessor, bool], ...]


class Keys:
    """The keys of events under one pack. Holds no event; ``left_out`` grows until its owner clears it.

    Attributes:
        left_out: rule id → how many combinations were left out because one event had too many.
    """

    def __init__(self, pack: Pack) -> None:
        self._bases = pack.bases
        self._vocabulary = {base.id: base.vocabulary for base in pack.bases}
        self._users: dict[str, list[tuple[Correlation, int, Member]]] = {}
        for correlation in pack.correlations:
            if correlation.enabled:
                for place, member in enumerate(correlation.members):
                    self._users.setdefault(member.base_id, []).append((correlation, place, member))
        self._resolved: dict[tuple[str, Member], _Places] = {}
        self.left_out: dict[str, int] = {}

    def of(self, event: Event, bases: Sequence[int]) -> Iterator[tuple[Correlation, Key, int, str]]:
        """(rule, key, member, counted value) for each key of ``event``.

        ``bases`` index the pack's base rules.
        """
        for base in bases:
            for correlation, place, member in self._users.get(self._bases[base].id, ()):
                parts = parts_of(correlation, event, self._places(event.source, member))
                if parts.left_out:
                    rule = correlation.card.id
                    self.left_out[rule] = self.left_out.get(rule, 0) + parts.left_out
                for group, terms, value in parts.combinations:
                    yield correlation, _key(correlation, group, terms), place, value

    def _places(self, source: Source, member: Member) -> _Places:
        found = self._resolved.get((source.name, member))
        if found is None:
            found = places(source, member, self._vocabulary[member.base_id])
            if len(self._resolved) < MAX_RESOLVED:
                self._resolved[(source.name, member)] = found
        return found


def places(source: Source, member: Member, vocabulary: Vocabulary) -> _Places:
    """Resolve a member's field names against a source."""

    def resolve(name: str) -> tuple[Accessor, bool]:
        accessor = source.accessor(name, vocabulary=vocabulary)
        first = accessor[0] if isinstance(accessor, tuple) and accessor else name
        return accessor, name in source.caseless or first in source.caseless

    return _Places(tuple(map(resolve, member.group_by)), tuple(map(resolve, member.fields)))


def parts_of(correlation: Correlation, event: Event, found: _Places) -> Parts:
    """The combinations that ``event`` gives. Never raises on an event's contents."""
    if correlation.type == "match":
        return Parts((((), (event.operation_id,), ""),))
    try:
        columns = [
            _values(event, accessor, caseless=caseless) for accessor, caseless in (*found.group_by, *found.fields)
        ]
    except TooManyValuesError:
        return Parts(left_out=1)
    total = prod(map(len, columns))
    width = len(found.group_by)
    combinations = tuple(
        (row[:width], *_terms_and_value(correlation, event, row[width:]))
        for row in islice(product(*columns), MAX_COMBINATIONS)
    )
    return Parts(combinations, max(0, total - MAX_COMBINATIONS))


def _terms_and_value(correlation: Correlation, event: Event, texts: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    match correlation.type:
        case "new_terms":
            return texts, ""
        case "value_count":
            return (), texts[0] if len(texts) == 1 else orjson.dumps(texts).decode()
        case "event_count":
            return (), "" if event.operation_id == event.id else event.operation_id
        case _:
            return (), ""


def _values(event: Event, accessor: Accessor, *, caseless: bool) -> list[str]:
    """The distinct text forms at one place, in the event's order."""
    texts = map(_encodable, text_values(event.view, accessor))
    return list(dict.fromkeys(map(fold, texts) if caseless else texts))


def _encodable(text: str) -> str:
    """Lone surrogates cannot be written as UTF-8: they become U+FFFD, as the readers of events do it."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _key(correlation: Correlation, group: tuple[str, ...], terms: tuple[str, ...]) -> Key:
    rule = correlation.card.id
    shown = () if correlation.type == "match" else _shown(terms)
    blank = KeyState(rule, correlation.fingerprint, _shown(group), shown)
    return Key(key_hash(rule, correlation.fingerprint, group, terms), blank)


def _shown(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value if len(value) <= MAX_SHOWN_CHARS else value[: MAX_SHOWN_CHARS - 1] + "…" for value in values)
