"""Every error that firstseen raises on purpose.

::

    FirstseenError
    ├── InputError        an input that cannot be read at all (a file, a stream, an envelope)
    ├── RuleError         a rule, pack or list that cannot be used; carries a Place
    ├── SettingsError     environment or arguments that cannot be used
    └── StoreError
        ├── StoreUnavailable   try again later: nothing is known to have been written
        └── StoreUnusable      never try again: not ours, another version, read-only, corrupted

A message names the place and the mend. Code acts on the class, never on the message.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_SHOWN_CHARACTERS = 160
"""Of the line at fault."""


class FirstseenError(Exception):
    """The root of firstseen's own errors."""


class InputError(FirstseenError):
    """An input that cannot be read; the message names the input and the reason."""


class SettingsError(FirstseenError):
    """Settings or arguments that cannot be used; the message lists all faults at once."""


class StoreError(FirstseenError):
    """The root of what a store raises."""


class StoreUnavailable(StoreError):  # noqa: N818 - a state of the world, not a fault of the caller
    """The store did not answer, or the outcome is unknown. The same call may be made again."""


class StoreUnusable(StoreError):  # noqa: N818 - a state of the world, not a fault of the caller
    """The store cannot serve this program: another program's file, a newer version, read-only, full."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text a fault lies. Line and column count from 1; 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""  # the line itself, without its line break

    def __str__(self) -> str:
        """``file:line:column`` with the parts that are known."""
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class RuleError(FirstseenError):
    """A rule, value list or pack that cannot be used.

    ``str()`` gives ``file:line:column: message``, then the line and a caret below the fault where both are known.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place

    def __str__(self) -> str:
        """Place, message, the line at fault, the caret."""
        if self.place is None:
            return self.message
        shown = f"{self.place}: {self.message}"
        if self.place.line and self.place.text:
            shown += "".join(f"\n    {line}" for line in _pointed(self.place.text, self.place.column))
        return shown


def raised_at(exc: BaseException) -> str:
    """``module:line`` where it was raised; "" if it never was. For logs: its words may hold an event's values."""
    place, trace = "", exc.__traceback__
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _pointed(text: str, column: int) -> list[str]:
    """The line, and a caret below the column; of a long line the part around the caret."""
    line = text.expandtabs(4)
    if not 0 < column <= len(text) + 1:
        return [line if len(line) <= MAX_SHOWN_CHARACTERS else line[:MAX_SHOWN_CHARACTERS] + "…"]
    at = len(text[: column - 1].expandtabs(4))
    start = 0 if len(line) <= MAX_SHOWN_CHARACTERS else max(0, at - MAX_SHOWN_CHARACTERS // 2)
    shown = line[start : start + MAX_SHOWN_CHARACTERS]
    before, behind = "…" if start else "", "…" if start + len(shown) < len(line) else ""
    return [f"{before}{shown}{behind}", f"{' ' * (len(before) + at - start)}^"]
