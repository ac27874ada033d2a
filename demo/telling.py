"""What a story is made of: the stage, its scenes, and what they must cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.company import FIRST_DAY
from demo.traffic import DAY

if TYPE_CHECKING:
    from demo.traffic import Activity

DAYS = 14


@dataclass(frozen=True, slots=True)
class Expected:
    """A finding that the demo must cause: by which rule, about whom or what, at which event, and why.

    The routing is `send`, or `digest` where an hour has more findings of a rule than it may notify.
    """

    rule: str
    who: str
    when: str
    why: str
    routing: str = "send"


@dataclass(frozen=True, slots=True)
class Stage:
    """The time that the demo covers."""

    start: int = FIRST_DAY
    days: int = DAYS

    def at(self, day: int, hour: int, minute: int = 0, second: int = 0) -> int:
        """Return a moment of a day; the first day is 1."""
        return self.start + (day - 1) * DAY + hour * 3600 + minute * 60 + second


@dataclass(frozen=True, slots=True)
class Tale:
    """A story told on a stage: its scenes, and what they must cause."""

    scenes: tuple[Activity, ...]
    expected: tuple[Expected, ...] = ()
