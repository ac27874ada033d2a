"""Why something was told: the story that it belongs to, or what excuses it on an ordinary day.

Only events and the scripts are asked here, not the product: an event of an attack explains each finding that it
causes, whichever detection found it. A detection that is new needs no word here unless it speaks on ordinary days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from demo import delivery
from demo.azure import break_ins as azure
from demo.azure import delivery as hubs
from demo.background import excused
from demo.stories import STORIES, expected
from demo.telling import DAYS, Stage, name_of
from demo.traffic import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from demo.cloudtrail import Json
    from demo.telling import Expected

LEARNING_DAYS = 7
"""The shipped rules learn for so long from the first event on; nothing is told before."""

_TELLERS = {name_of(tell): tell for tell in (*azure.STORIES, *STORIES)}


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was notified: by which rule, about whom, at which event and when (seconds since 1970).

    A digest has no event.
    """

    rule: str
    who: str
    event_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it was told; ``story`` is "" on an ordinary day, and both are when nobody knows."""

    story: str = ""
    why: str = ""

    @property
    def known(self) -> bool:
        """Say whether there is one."""
        return bool(self.story or self.why)


def about(story: str) -> str:
    """Return what a story tells."""
    return (_TELLERS[story].__doc__ or "").strip()


class Reasons:
    """Everything that the demo of one seed can say about what was told."""

    def __init__(self, seed: int, days: int = DAYS) -> None:
        self.stage = Stage(days=days)
        self.days = days
        self._seed = seed
        self.stories = [name for name, tell in _TELLERS.items() if tell(self.stage).attack]
        self.expected: tuple[Expected, ...] = tuple(expected(days))

    def why(self, told: Told) -> Reason:
        """Explain one notification."""
        story = self._story_of_event.get(told.event_id.partition(":")[0], "") if told.event_id else ""
        if not told.event_id:
            story = next((name for name, rule in self._digests if rule == told.rule), "")
        return Reason(story) if story else Reason("", excused(told.rule, told.who))

    def of_story(self, story: str) -> tuple[Expected, ...]:
        """Return what must be found of a story."""
        mine = set(_TELLERS[story](self.stage).expected)
        return tuple(one for one in self.expected if one in mine)

    def missing(self, told: Iterable[Told]) -> list[Expected]:
        """Return what should have been notified singly and was not."""
        found = {(one.rule, one.who, one.at) for one in told}
        return [
            one
            for one in self.expected
            if one.routing == "send" and (one.rule, one.who, _second(one.when)) not in found
        ]

    @property
    def quiet_days(self) -> list[int]:
        """Return the days after learning on which no attack happens; the first day is 1."""
        busy = {self._day(at) for _, at, story in self._events if story in self.stories}
        return [day for day in range(LEARNING_DAYS + 1, self.days + 1) if day not in busy]

    def events_on(self, days: Iterable[int]) -> int:
        """Count the events of some days, copies left out."""
        wanted = set(days)
        return sum(self._day(at) in wanted for _, at, _ in self._events)

    def noise_on(self, days: Iterable[int], told: Iterable[Told]) -> int:
        """Count the notifications of some days that belong to no attack."""
        wanted = set(days)
        return sum(not self.why(one).story and self._day(one.at) in wanted for one in told)

    def _day(self, at: int) -> int:
        return (at - self.stage.start) // DAY + 1

    @cached_property
    def _events(self) -> list[tuple[str, int, str]]:
        """Of every event: what its id begins with, when it happened, and its story."""
        found = [(str(event["eventID"]), _second(str(event["eventTime"])), name) for name, event in self._aws()]
        found += [(_mark(entry), _second(str(entry["time"])), name) for name, entry in self._azure()]
        return found

    def _aws(self) -> Iterator[tuple[str, Json]]:
        return delivery.told(self._seed, self.days)

    def _azure(self) -> Iterator[tuple[str, Json]]:
        return hubs.happenings(self._seed, self.days)

    @cached_property
    def _story_of_event(self) -> Mapping[str, str]:
        return {mark: story for mark, _, story in self._events if story in self.stories}

    @cached_property
    def _digests(self) -> list[tuple[str, str]]:
        return [(story, one.rule) for story in self.stories for one in self.of_story(story) if one.routing == "digest"]


def _mark(entry: Json) -> str:
    """Return what the id of an entry of Azure's begins with: the sign-in's id, the change's, or the operation's."""
    properties = entry["properties"]
    inner = properties.get("id") if isinstance(properties, dict) else None
    return str(inner or entry["correlationId"])


def _second(time: str) -> int:
    return int(datetime.fromisoformat(time[:19] + "+00:00").timestamp())
