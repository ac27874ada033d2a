"""What is done again and again, and what of it falls on one day: the plan of every cloud but AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.traffic import DAY, HOUR, Activity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from random import Random

    from demo.cloudtrail import Json

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Habit:
    """Something that is done again and again: how often on a weekday and at the weekend, and between which hours."""

    events: Callable[[Random, int], Iterator[Json]]
    weekday: float
    weekend: float
    hours: tuple[int, int] = (0, 24)


def planned(habits: Sequence[Habit], rng: Random, midnight: int) -> Iterable[Activity]:
    """Draw what is begun on one day."""
    weekend = (midnight // DAY + 3) % 7 >= _SATURDAY
    for habit in habits:
        often = habit.weekend if weekend else habit.weekday
        first, last = habit.hours
        for _ in range(int(often) + (rng.random() < often % 1)):
            yield Activity(midnight + rng.randrange(first * HOUR, last * HOUR), habit.events)
