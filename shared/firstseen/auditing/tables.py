"""Tables that hold so much and no more, and say so."""

from __future__ import annotations

from collections.abc import Callable, Hashable, ItemsView, ValuesView
from hashlib import blake2b
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")

MAX_ROWS = 20_000
"""Of a table; a fuller one keeps the rows that it has."""

MAX_NAMES = 200_000
"""Principals whose last sight, or other names, are kept."""

MAX_REMEMBERED = 500_000
"""Operations that are known again: copies count once as long as there are no more."""


class Bounded(Generic[Key, Row]):
    """Rows by key, at most ``limit``. What comes for another key then is left out and counted."""

    def __init__(self, limit: int = MAX_ROWS) -> None:
        self._limit = limit
        self._rows: dict[Key, Row] = {}
        self.left_out = 0

    def at(self, key: Key, make: Callable[[], Row]) -> Row | None:
        """The row of this key, made if there is none; None when the table is full."""
        found = self._rows.get(key)
        if found is None:
            if len(self._rows) >= self._limit:
                self.left_out += 1
                return None
            found = self._rows[key] = make()
        return found

    def put(self, key: Key, row: Row) -> None:
        """Set the row of this key, unless the table is full."""
        if key in self._rows or len(self._rows) < self._limit:
            self._rows[key] = row
        else:
            self.left_out += 1

    def get(self, key: Key) -> Row | None:
        """The row of this key, or None."""
        return self._rows.get(key)

    def values(self) -> ValuesView[Row]:
        """The rows."""
        return self._rows.values()

    def items(self) -> ItemsView[Key, Row]:
        """Keys and rows."""
        return self._rows.items()


class Some:
    """Different values: how many, exactly up to the limit and *at least* so many beyond it."""

    __slots__ = ("_limit", "_values", "more")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: set[str] = set()
        self.more = False

    def add(self, value: str) -> None:
        """Count a value."""
        if value in self._values:
            return
        if len(self._values) >= self._limit:
            self.more = True
        else:
            self._values.add(value)

    def __str__(self) -> str:
        """``7``, or ``1000+``."""
        return f"{len(self._values)}{'+' if self.more else ''}"


class Remembered:
    """Whether something was there before; by 8 bytes of its hash, so that a million of them stay small."""

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._seen: set[int] = set()

    @property
    def full(self) -> bool:
        """From now on copies may be taken for new."""
        return len(self._seen) >= self._limit

    def new(self, *parts: str) -> bool:
        """Whether these parts come for the first time."""
        text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        mark = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
        if mark in self._seen:
            return False
        if not self.full:
            self._seen.add(mark)
        return True
