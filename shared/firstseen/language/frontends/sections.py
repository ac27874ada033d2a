"""Typed reading of a mapping inside a document: what is not as it must be is a fault with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from sigma.correlations import SigmaCorrelationTimespan
from sigma.exceptions import SigmaTimespanError

from firstseen.errors import RuleError
from firstseen.language.frontends.documents import Document, Path

MAX_TIMESPAN_SECONDS = 10 * 366 * 86_400
_OUT_OF_BOUNDS = "{key} is at least one second and at most ten years, not {value}"


class Section:
    """The mapping at ``path`` of a document; its keys are among ``keys``.

    Raises RuleError with the place, here and in every method, on what is not as it must be. A missing key
    reads as None.
    """

    def __init__(self, document: Document, path: Path, keys: Sequence[str]) -> None:
        self._document = document
        self._path = path
        found: Any = document.data
        for step in path:
            found = found.get(step, {}) if isinstance(found, dict) else found[step]
        if not isinstance(found, dict):
            msg = f"{_shown(path)} is a mapping with the keys {', '.join(keys)}"
            raise document.fault(msg, *path)
        self.body: Mapping[str, Any] = found
        for key in found:
            if key not in keys:
                near = get_close_matches(key, keys, n=1)
                mend = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(keys)}"
                raise self.fault(f"{_shown(path)} knows no {key!r}; {mend}", key)

    def fault(self, message: str, *key: str | int) -> RuleError:
        """A RuleError at a key of this mapping."""
        return self._document.fault(message, *self._path, *key)

    def wrong(self, message: str, *key: str | int) -> RuleError:
        """A RuleError at the value of a key of this mapping."""
        return self._document.wrong(message, *self._path, *key)

    def need(self, key: str) -> None:
        """Raises RuleError when ``key`` is missing."""
        if self.body.get(key) is None:
            msg = f"{_shown(self._path)} needs {key!r}"
            raise self.fault(msg)

    def integer(self, key: str, lowest: int, highest: int) -> int | None:
        """A whole number within bounds."""
        value = self.body.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            msg = f"{key} is a whole number from {lowest} to {highest:,}"
            raise self.wrong(msg, key)
        return value

    def boolean(self, key: str) -> bool | None:
        """True or false."""
        value = self.body.get(key)
        if value is None or isinstance(value, bool):
            return value
        msg = f"{key} is true or false"
        raise self.wrong(msg, key)

    def text(self, key: str) -> str | None:
        """Text that is not empty."""
        value = self.body.get(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        msg = f"{key} is text"
        raise self.wrong(msg, key)

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        """One of ``choices``."""
        value = self.body.get(key)
        if value is None or value in choices:
            return value
        msg = f"{key} is one of: {', '.join(choices)}"
        raise self.wrong(msg, key)

    def steps(self, key: str) -> tuple[str, ...]:
        """Steps, one a line: a list of texts, or one text of several lines. Empty lines are left out."""
        value = self.body.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return tuple(line.rstrip() for line in value.splitlines() if line.strip())
        return tuple(part.strip() for part in self.texts(key))

    def texts(self, key: str, *, most: int = 1_000) -> tuple[str, ...]:
        """A list of texts, or one text; none twice."""
        value = self.body.get(key)
        parts = [value] if isinstance(value, str) else value
        if not isinstance(parts, list) or not parts or len(parts) > most:
            msg = f"{key} is a list of 1 to {most:,} texts"
            raise self.wrong(msg, key)
        for position, part in enumerate(parts):
            if not isinstance(part, str) or not part.strip():
                msg = f"{key} holds something that is not text"
                raise self.wrong(msg, key, position)
            if part in parts[:position]:
                msg = f"{key} names {part!r} twice"
                raise self.wrong(msg, key, position)
        return tuple(parts)

    def duration_us(self, key: str) -> int | None:
        """A duration such as ``7d`` in microseconds."""
        value = self.body.get(key)
        if value is None:
            return None
        try:
            seconds = SigmaCorrelationTimespan(value).seconds
        except (SigmaTimespanError, ValueError) as exc:
            if set(str(value)[:-1]) == {"0"} and str(value)[-1].isalpha():
                raise self.wrong(_OUT_OF_BOUNDS.format(key=key, value=str(value)[:40]), key) from exc
            msg = f"{key} is a number with a unit, such as 30s, 15m, 12h, 7d, 4w, 3M; not {str(value)[:40]!r}"
            raise self.wrong(msg, key) from exc
        if not 0 < seconds <= MAX_TIMESPAN_SECONDS:
            raise self.wrong(_OUT_OF_BOUNDS.format(key=key, value=str(value)[:40]), key)
        return seconds * 1_000_000


def _shown(path: Path) -> str:
    return ".".join(str(step) for step in path) or "it"
