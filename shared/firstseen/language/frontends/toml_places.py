"""Where the keys, tables and texts of a TOML text stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from firstseen.language.frontends.documents import Path

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"([^"\\\n]*)"|'([^'\n]*)')[ \t]*(\.|=|\])?""")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[ \t]*\n[ \t\n]*|(.))")
_SIMPLE = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_QUOTES = 3


class Places:
    """The places of a right TOML text; one pass over it.

    Attributes:
        marks: line and column, from 1, of keys and table headers, by path.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._values: dict[Path, int] = {}
        self.marks: dict[Path, tuple[int, int]] = {(): (1, 1)}
        self._counts: dict[Path, int] = {}
        self._scan()

    def inside(self, path: Path, value: str, offset: int) -> tuple[int, int] | None:
        """Line and column of a character of the text ``value`` at ``path``; None when it cannot be found."""
        start = self._values.get(path)
        found = None if start is None else _STRING.match(self._text, start)
        if found is None:
            return None
        read, origins = _decoded(found[0])
        if read != value or not 0 <= offset < len(origins):
            return None
        return self._mark(found.start() + origins[offset])

    def _mark(self, at: int) -> tuple[int, int]:
        """Line and column of a position, by halving."""
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._starts[middle] <= at else (low, middle)
        return low + 1, at - self._starts[low] + 1

    def _scan(self) -> None:
        text, at = self._text, 0
        table: Path = ()
        while (at := _end(_BLANK, text, at)) < len(text):
            if text[at] == "[":
                each = text.startswith("[[", at)
                keys, after = _keys(text, at + (2 if each else 1))
                table = self._table(keys, each=each)
                self.marks[table] = self._mark(at)
                at = after + each
            else:
                keys, after = _keys(text, at)
                path = (*table, *keys)
                for length in range(len(table) + 1, len(path) + 1):
                    self.marks.setdefault(path[:length], self._mark(at))
                value = _end(_SPACE, text, after)
                self._values[path] = value
                at = _behind(text, value)
            if not keys:
                return

    def _table(self, keys: Path, *, each: bool) -> Path:
        """The path of a table's header: tables in lists count from 0."""
        path: Path = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            if each and position == len(keys) - 1:
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path


_SPACE = re.compile(r"[ \t]*")
_PLAIN = re.compile(r"[^\n\"'#\[\]{}]+")


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _keys(text: str, at: int) -> tuple[Path, int]:
    """A dotted key, and where what follows its ``=`` or ``]`` begins; no keys when there is none."""
    keys: list[str] = []
    while found := _KEY_PART.match(text, at):
        keys.append(next(part for part in found.groups()[:3] if part is not None))
        at = found.end()
        if found[4] != ".":
            return (tuple(keys) if found[4] else ()), at
    return (), at


def _behind(text: str, at: int) -> int:
    """Where the value that begins at ``at`` is over: the end of a line outside of brackets and texts."""
    depth = 0
    while at < len(text):
        sign = text[at]
        if sign in "\"'":
            at = max(at + 1, _end(_STRING, text, at))
        elif sign == "#":
            at = _end(_COMMENT, text, at)
        elif sign == "\n" and depth <= 0:
            return at
        else:
            depth += (sign in "[{") - (sign in "]}")
            at = max(at + 1, _end(_PLAIN, text, at))
    return at


_COMMENT = re.compile(r"#[^\n]*")


def _decoded(token: str) -> tuple[str, list[int]]:
    """What a text in quotation marks says, and for each character, and the end, where it stands in ``token``."""
    quote = token[0]
    width = _QUOTES if token.startswith(quote * _QUOTES) and len(token) >= 2 * _QUOTES else 1
    start = width + (width == _QUOTES and token[width] == "\n")
    end = len(token) - width
    pairs = list(_characters(token, start, end, escapes=quote == '"'))
    return "".join(character for character, _ in pairs), [*(at for _, at in pairs), end]


def _characters(token: str, start: int, end: int, *, escapes: bool) -> Iterator[tuple[str, int]]:
    at = start
    while at < end:
        found = _ESCAPE.match(token, at) if escapes and token[at] == "\\" else None
        if found is None:
            yield token[at], at
            at += 1
            continue
        code = found[1] or found[2]
        if code:
            yield chr(int(code, 16)), at
        elif found[3]:
            yield _SIMPLE.get(found[3], found[3]), at
        at = found.end()
