"""One environment variable, and how a table of them is read: typed, from a mapping, all faults in one message.

Each deployment has its table of variables beside this file, and nowhere else; its template is compared with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from firstseen.errors import SettingsError

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

LOG_LEVELS: tuple[LogLevel, ...] = ("DEBUG", "INFO", "WARNING", "ERROR")

MAX_SHOWN_CHARACTERS = 80
"""Of a value at fault, in the message."""

NONE = "none"
"""The value that says: there is none."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Attributes:
        name: of the variable.
        meaning: what it says, for messages and documentation.
        default: None: it must be set.
    """

    name: str
    meaning: str
    default: str | None = None


class Reader:
    """Reads variables one after the other and remembers every fault."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[str] = []

    def read(self, variable: Variable, parse: Callable[[str], T | None], form: str, blank: T) -> T:
        """The value; ``blank`` after a fault. ``parse`` answers None for what is not of the ``form``."""
        text = self._environment.get(variable.name, "").strip() or variable.default
        if text is None:
            self._faults.append(f"{variable.name} is not set: {variable.meaning}, {form}")
            return blank
        value = parse(text)
        if value is not None:
            return value
        shown = repr(text[:MAX_SHOWN_CHARACTERS])
        self._faults.append(f"{variable.name} is {shown}: {variable.meaning}, {form} is needed")
        return blank

    def finish(self) -> None:
        """Raises SettingsError when there were faults, naming all of them."""
        if self._faults:
            raise SettingsError("settings that cannot be used: " + "; ".join(self._faults))


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./#:-]{0,127}")


def matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    """Text that the pattern covers wholly."""
    return lambda text: text if pattern.fullmatch(text) else None


def name(text: str) -> str | None:
    """Letters, digits and ``-_./#:``, 128 at most."""
    return text if _NAME.fullmatch(text) else None


def log_level(text: str) -> LogLevel | None:
    """One of LOG_LEVELS, in any case."""
    return next((level for level in LOG_LEVELS if level == text.upper()), None)


def number(least: int, most: int) -> Callable[[str], int | None]:
    """A whole number from ``least`` to ``most``."""
    return lambda text: int(text) if re.fullmatch(r"\d{1,9}", text) and least <= int(text) <= most else None
