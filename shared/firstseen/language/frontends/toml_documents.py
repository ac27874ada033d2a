"""A TOML rule file as a document whose parts know their places, down to the characters of its texts.

The standard library reads TOML but does not say where anything stands. What it has read is looked up again here, by a
scanner that may be lenient, since the file is known to be right by then; a place that it cannot find is the place of
the part around it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from firstseen.errors import Place, RuleError
from firstseen.language.frontends.documents import MAX_DEPTH, MAX_SHOWN_CHARACTERS, Document, Path
from firstseen.language.frontends.toml_places import Places

MAX_TOML_BYTES = 250_000
"""One file holds one rule; Elastic's longest have a tenth of this. tomllib takes quadratic time over some nonsense."""
MAX_KEY_PARTS = 100

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_KEY_PART = re.compile(r"""[ \t]*(?:"[^"\n]*"|'[^'\n]*'|[^\s\[\]{},=#]+)[ \t]*""")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """One TOML file.

    Attributes:
        document: its data and the places of its keys; dates are text.
    """

    document: Document
    _places: Places

    def inside(self, path: Path, offset: int) -> Place:
        """Where the character at ``offset`` of the text at ``path`` stands."""
        text = self.document.data
        for step in path:
            text = text[step]  # type: ignore[index]  # a path of the document
        found = self._places.inside(path, str(text), offset)
        if found is None:
            return self.document.place(*path)
        line, column = found
        return Place(self.document.file, line, column, self.document.lines[line - 1][:MAX_SHOWN_CHARACTERS])


def read_toml(file: str, data: bytes) -> TomlFile:
    """The file's data. Raises RuleError, with its place, on what is too large, not UTF-8, not TOML, or too deep."""
    if len(data) > MAX_TOML_BYTES:
        msg = f"a TOML rule file of {len(data):,} bytes is larger than {MAX_TOML_BYTES:,}: one file holds one rule"
        raise RuleError(msg, Place(file))
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        msg = "not UTF-8 text: save the file as UTF-8"
        raise RuleError(msg, Place(file, data.count(b"\n", 0, exc.start) + 1)) from exc
    _check_keys(file, text)
    lines = tuple(text.split("\n"))
    try:
        read = _plain(tomllib.loads(text), 0)
    except tomllib.TOMLDecodeError as exc:
        raise _not_toml(str(exc), file, lines) from exc
    except (RecursionError, _TooDeepError) as exc:
        msg = f"nested deeper than {MAX_DEPTH} levels"
        raise RuleError(msg, Place(file)) from exc
    except ValueError as exc:  # a number with more digits than Python reads, a year 0
        msg = f"not TOML: {exc}"
        raise RuleError(msg, Place(file)) from exc
    places = Places(text)
    return TomlFile(Document(file, read, places.marks, lines), places)


def _check_keys(file: str, text: str) -> None:
    """Refuses dotted keys without end, over which tomllib takes quadratic time. Raises RuleError."""
    run = 0
    for part in text.split("."):
        run = run + 1 if _KEY_PART.fullmatch(part) else 0
        if run > MAX_KEY_PARTS:
            msg = f"a dotted name has more than {MAX_KEY_PARTS} parts"
            raise RuleError(msg, Place(file))


def _not_toml(message: str, file: str, lines: tuple[str, ...]) -> RuleError:
    found = _AT.search(message)
    reason = _AT.sub("", message)
    if found is None or found[1] is None:
        return RuleError(f"not TOML: {reason}", Place(file, len(lines), 0, lines[-1][:MAX_SHOWN_CHARACTERS]))
    line, column = int(found[1]), int(found[2])
    return RuleError(f"not TOML: {reason}", Place(file, line, column, lines[line - 1][:MAX_SHOWN_CHARACTERS]))


class _TooDeepError(Exception):
    pass


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401 - plain data of any shape
    """The value with dates and times as text, as JSON has it."""
    if depth > MAX_DEPTH:
        raise _TooDeepError
    if isinstance(value, dict):
        return {key: _plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, depth + 1) for one in value]
    return value.isoformat() if isinstance(value, datetime | date | time) else value
