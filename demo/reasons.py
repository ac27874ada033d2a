"""Why something was told: the story that it belongs to, or what excuses it on an ordinary day.

Only events and the scripts are asked here, not the product: an event of an attack explains each finding that it
causes, whichever detection found it. A detection that is new needs no word here unless it speaks on ordinary days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from demo import delivery
from demo.azure import break_ins as azure
from demo.azure import delivery as hubs
from demo.background import excused
from demo.gcp import break_ins as gcp
from demo.gcp import delivery as sink
from demo.stories import STORIES, expected
from demo.telling import DAYS, Stage, name_of
from demo.traffic import DAY
from demo.yandex import break_ins as yandex
from demo.yandex import delivery as bucket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from demo.cloudtrail import Json
    from demo.telling import Expected

LEARNING_DAYS = 7
"""The shipped rules learn for so long from the first event on; nothing is told before."""

CLOUDS = ("aws", "azure", "gcp", "yandex")

_TELLERS = {name_of(tell): tell for tell in (*azure.STORIES, *STORIES, *gcp.STORIES, *yandex.STORIES)}


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


class _Happened(NamedTuple):
    """Of one event: what its id begins with, when it happened, its story, and the cloud that wrote it."""

    mark: str
    at: int
    story: str
    cloud: str


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
        story = self._story_of_event.get(_begin(told.event_id), "") if told.event_id else ""
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
        return self.quiet_days_of(CLOUDS)

    def quiet_days_of(self, clouds: Sequence[str]) -> list[int]:
        """Return those on which none happens at some clouds."""
        busy = {self._day(one.at) for one in self._events if one.story in self.stories and one.cloud in clouds}
        return [day for day in range(LEARNING_DAYS + 1, self.days + 1) if day not in busy]

    def events_on(self, days: Iterable[int], clouds: Sequence[str] = CLOUDS) -> int:
        """Count the events of some days, copies left out."""
        wanted = set(days)
        return sum(self._day(one.at) in wanted and one.cloud in clouds for one in self._events)

    def noise_on(self, days: Iterable[int], told: Iterable[Told], clouds: Sequence[str] = CLOUDS) -> int:
        """Count the notifications of some days that belong to no attack. A digest counts at every cloud."""
        wanted = set(days)
        return sum(
            not self.why(one).story
            and self._day(one.at) in wanted
            and self._cloud_of_event.get(_begin(one.event_id), clouds[0]) in clouds
            for one in told
        )

    def _day(self, at: int) -> int:
        return (at - self.stage.start) // DAY + 1

    @cached_property
    def _events(self) -> list[_Happened]:
        found = [
            _Happened(str(event["eventID"]), _second(str(event["eventTime"])), story, "aws")
            for story, event in delivery.told(self._seed, self.days)
        ]
        found += [
            _Happened(_mark(entry), _second(str(entry["time"])), story, "azure")
            for story, entry in hubs.happenings(self._seed, self.days)
        ]
        found += [
            _Happened(str(entry["insertId"]), sink.second(entry), story, "gcp")
            for story, entry in sink.happenings(self._seed, self.days)
        ]
        found += [
            _Happened(str(event["event_id"]), bucket.second(event), story, "yandex")
            for story, event in bucket.happenings(self._seed, self.days)
        ]
        return found

    @cached_property
    def _cloud_of_event(self) -> Mapping[str, str]:
        return {one.mark: one.cloud for one in self._events}

    @cached_property
    def _story_of_event(self) -> Mapping[str, str]:
        return {one.mark: one.story for one in self._events if one.story in self.stories}

    @cached_property
    def _digests(self) -> list[tuple[str, str]]:
        return [(story, one.rule) for story in self.stories for one in self.of_story(story) if one.routing == "digest"]


def _begin(event_id: str) -> str:
    """Return the part of an id of the product's that is the event's own."""
    return event_id.partition(":")[0]


def _mark(entry: Json) -> str:
    """Return what the id of an entry of Azure's begins with: the sign-in's id, the change's, or the operation's."""
    properties = entry["properties"]
    inner = properties.get("id") if isinstance(properties, dict) else None
    return str(inner or entry["correlationId"])


def _second(time: str) -> int:
    return int(datetime.fromisoformat(time[:19] + "+00:00").timestamp())
