"""What a story is made of, and how it is acted: the stage, its scenes, and what they must cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.company import FIRST_DAY
from demo.traffic import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from random import Random

    from demo.cloudtrail import Json
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
    """A story told on a stage: its scenes, and what they must cause.

    What lies before is ordinary: it makes somebody known, or looks nearly like the story, and explains no finding.
    """

    scenes: tuple[Activity, ...]
    expected: tuple[Expected, ...] = ()
    before: tuple[Activity, ...] = ()

    @property
    def attack(self) -> bool:
        """Say whether something must be found; the other stories are near misses, and nothing of them may be."""
        return bool(self.expected)


def name_of(tell: Callable[[Stage], Tale]) -> str:
    """Name a story as people do."""
    return tell.__name__.replace("_", " ")


def acted(
    stage: Stage,
    stories: Sequence[Callable[[Stage], Tale]],
    ordinary: Random,
    scripted: Random,
    plan: Callable[[Random, int], Iterable[Activity]],
) -> Iterator[tuple[str, Json]]:
    """Yield all events, day by day, each with the name of the story that it is of, or "" for an ordinary one.

    Each activity comes in one piece, so events are nearly in order. The stories draw from numbers of their own:
    they stay the same when the ordinary days change.
    """
    end = stage.at(stage.days + 1, 0)
    tales = [(name_of(tell), tell(stage)) for tell in stories]
    scenes = [(name, scene) for name, tale in tales for scene in tale.scenes if scene.at < end]
    scenes += [("", scene) for _, tale in tales for scene in tale.before if scene.at < end]
    for day in range(stage.days):
        midnight = stage.start + day * DAY
        program = [("", activity, ordinary) for activity in plan(ordinary, midnight)]
        program.extend((name, scene, scripted) for name, scene in scenes if midnight <= scene.at < midnight + DAY)
        program.sort(key=lambda entry: entry[1].at)
        for name, activity, rng in program:
            for event in activity.events(rng, activity.at):
                yield name, event
