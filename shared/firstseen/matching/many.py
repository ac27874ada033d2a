"""Many texts asked for at once: what a test needs is made once for all that ask it, and costs an event about the same
for ten values and for fifty thousand.

==========================  ============================================================================================
equals                      one look into a set
startswith, endswith        one look for each *length* that values have
contains, like              one look for each place in the event's text; then only values that share a piece of it
cidr                        one look for each prefix length (:mod:`firstseen.matching.networks`)
==========================  ============================================================================================

A walk over the values is 15 to 40 ns for each plain text, and a microsecond and more for each pattern and network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from firstseen.language.predicates import Op
from firstseen.matching.networks import inside
from firstseen.matching.texts import fit, literal_of

MANY = 256
"""Plain texts from which on a walk over them is slower than looks."""

JOINED: dict[Op, int] = {"cidr": 2, "like": 16}
"""Questions that are one from so many values on: of ten networks, each by itself takes 3 µs and all together 7. Fewer
patterns are a question each, whose code is the faster.
"""

Test = Callable[[str], bool]

_PIECES = (8, 4, 2, 1)
"""Lengths, in characters, of the pieces by which values are found in a text; a value goes by the longest it has."""

_WINDOW = 4_096
"""Pieces of a text that are looked for at once: those of a text of millions of characters would fill the memory."""

_LONG_PATTERN = 1_000
"""Characters of a pattern from which on RE2 is asked at once whether it takes it; it takes all shorter ones."""


class Many(tuple[str, ...]):  # noqa: SLOT001 - what is made of the values is kept in its attributes
    """The values of one question, which several rules may ask; what is made of them lives and dies with them."""

    @cached_property
    def all(self) -> frozenset[str]:
        """The values."""
        return frozenset(self)

    @cached_property
    def sizes(self) -> frozenset[int]:
        """The lengths that values have, in characters."""
        return frozenset(map(len, self))

    @cached_property
    def ascii(self) -> bool:
        """Whether all values are of ASCII."""
        return all(map(str.isascii, self))

    @cached_property
    def _tests(self) -> dict[Op, Test]:
        return {}

    def test(self, op: Op) -> Test:
        """What asks the question of one text. Raises RuleError on a value that it cannot be asked of."""
        found = self._tests.get(op)
        if found is None:
            found = self._tests[op] = self._made(op)
        return found

    def _made(self, op: Op) -> Test:
        match op:
            case "cidr":
                return inside(self)
            case "like":
                return _fitting(self)
            case "contains":
                return _holding(self) if len(self) >= MANY else lambda text: any(value in text for value in self)
            case "startswith" | "endswith":
                return _bordering(self, at_end=op == "endswith")
            case _:
                return self.all.__contains__


def _bordering(values: Many, *, at_end: bool) -> Test:
    """Whether a text starts (ends) with a value. ``str.startswith`` is a walk, and the faster one over few values."""
    wanted, sizes = values.all, sorted(values.sizes)
    if "" in wanted:
        return lambda _text: True
    if len(values) < MANY:
        return (lambda text: text.endswith(values)) if at_end else (lambda text: text.startswith(values))

    def test(text: str) -> bool:
        for size in sizes:
            if size > len(text):
                return False
            if (text[-size:] if at_end else text[:size]) in wanted:
                return True
        return False

    return test


def _holding(values: Many) -> Test:
    """Whether a text contains a value."""
    if "" in values.all:
        return lambda _text: True
    pieces = _Pieces((value, value) for value in values)

    def test(text: str) -> bool:
        return any(value in text for value in pieces.near(text))

    return test


def _fitting(patterns: Many) -> Test:
    """Whether a text fits a pattern. Patterns are compiled when a text comes near them: RE2 takes 15 µs for each.

    Raises RuleError on patterns that cannot be compiled.
    """
    for one in patterns:
        if len(one) >= _LONG_PATTERN or not one.isascii():
            fit(one)
    pieces = _Pieces((literal_of(one), one) for one in patterns)
    compiled: dict[str, Test] = {}  # at most as many as there are patterns

    def test(text: str) -> bool:
        for one in pieces.near(text):
            if one not in compiled:
                compiled[one] = fit(one)
            if compiled[one](text):
                return True
        return False

    return test


class _Pieces:
    """Values by a piece of the text that each is sure to contain: of three pieces the one that fewest others have."""

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        """``values``: what a text must contain, and the value that it may then have. Without the first: any text."""
        self._anywhere: list[str] = []
        self._sizes: list[tuple[int, dict[str, list[str]]]] = []
        of_size: dict[int, list[tuple[tuple[str, ...], str]]] = {}
        for needed, value in values:
            size = next((one for one in _PIECES if one <= len(needed)), 0)
            if size:
                middle = (len(needed) - size) // 2
                starts = (0, middle, len(needed) - size)
                of_size.setdefault(size, []).append((tuple(needed[at : at + size] for at in starts), value))
            else:
                self._anywhere.append(value)
        for size, found in of_size.items():
            self._sizes.append((size, _rarest(found)))

    def near(self, text: str) -> Iterator[str]:
        """The values that the text may have, each once. A piece that the text repeats is looked at once."""
        yield from self._anywhere
        for size, table in self._sizes:
            places = range(len(text) - size + 1)
            seen: set[str] = set()
            for start in places[::_WINDOW]:
                found = table.keys() & {text[at : at + size] for at in places[start : start + _WINDOW]}
                for piece in found - seen:
                    yield from table[piece]
                seen |= found


def _rarest(found: list[tuple[tuple[str, ...], str]]) -> dict[str, list[str]]:
    often = Counter(piece for pieces, _ in found for piece in set(pieces))
    table: dict[str, list[str]] = {}
    for pieces, value in found:
        table.setdefault(min(pieces, key=often.__getitem__), []).append(value)
    return table
