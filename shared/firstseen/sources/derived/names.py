"""The table of derived names, common to all log sources.

A time name may carry its zone, ``time.hour@CET-1CEST,M3.5.0,M10.5.0/3``: that is how packs are written when the user
sets one, so the zone is part of what the rule asks, wherever its names go. Without one, UTC is meant. Rejected: a zone
beside the rules in the pack, which everything that resolves a name would have to be handed.

Each function is a frozen record: the same name of the same source is equal, so that generated code computes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from firstseen.sources.derived import agents
from firstseen.sources.derived.addresses import AddressReader, autonomous_system, country, first_host, network_of
from firstseen.sources.derived.vocabulary import LOCATING_NAMES, TIME_NAMES, stem
from firstseen.sources.derived.zones import DAY_SECONDS, HOUR_SECONDS, UTC, Zone, zone_of
from firstseen.sources.source import Accessor, Derived, Source, View

__all__ = ["LOCATING_NAMES", "TIME_NAMES", "VALUES", "WEEKDAYS", "derived", "stem"]

MAX_VALUES = 100
"""Of one field of one event, that are looked at."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"time.hour": tuple(map(str, range(24))), "time.weekday": WEEKDAYS}
)
"""All values of a name, where they can be listed."""

_NAMED_AS = {"source.geo.country_iso_code": "source.geo.country"}
_EXAMPLE_DAY = 20_514  # Monday, 2026-03-02, in days since 1970
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


def derived(source: Source, name: str) -> Derived | None:
    """The computed value that ``name`` means in an event of ``source``; None when it is no derived name."""
    known, at, rule = name.partition("@")
    if known in TIME_NAMES:
        zone = zone_of(rule) if at else UTC
        place = source.common.get("time")
        if zone is None or place is None:
            return None
        clock = _Clock(source.time, known, zone)
        return Derived(_reads(place), clock, clock.suggested, clock.shown)
    if at:
        return None
    return _of_text(source, _NAMED_AS.get(known, known))


def _of_text(source: Source, name: str) -> Derived | None:
    """A value that is made of the text of one common field."""
    match name:
        case "user_agent.family":
            return _made(source, "user_agent", agents.family, _agent)
        case "source.ip.network":
            return _made(source, "source.ip", network_of, _host)
        case "source.as.number":
            return _made(source, "source.ip", _Located(source.readers, autonomous_system), _nothing)
        case "source.geo.country":
            return _made(source, "source.ip", _Located(source.readers, country), _nothing)
    return None


def _made(
    source: Source, field: str, function: Callable[[str], Any], suggests: Callable[[object], Iterator[str]]
) -> Derived | None:
    place = source.common.get(field)
    return None if place is None else Derived(_reads(place), _Made(place, function), suggests)


def _reads(place: Accessor) -> tuple[str, ...]:
    return place.reads if isinstance(place, Derived) else place[:1]


@dataclass(frozen=True, slots=True)
class _Clock:
    """The hour (0 to 23) or the weekday (in English) of an event, by the clocks of a zone."""

    time: Callable[[View], int | None]
    name: str
    zone: Zone

    def __call__(self, view: View) -> int | str | None:
        time_us = self.time(view)
        return None if time_us is None else self.shown(time_us // 1_000_000)

    def shown(self, utc_seconds: int) -> int | str | None:
        """The value at a moment, in seconds since 1970."""
        local = self.zone.local_seconds(utc_seconds)
        if local is None:
            return None
        if self.name == "time.hour":
            return local % DAY_SECONDS // HOUR_SECONDS
        return WEEKDAYS[(local // DAY_SECONDS + _EPOCH_WEEKDAY) % 7]

    def suggested(self, value: object) -> Iterator[str]:
        """Times of one week at which it has that value: every day for an hour, every hour for a day."""
        wanted = str(value).casefold()
        for hour in range(7 * 24):
            seconds = _EXAMPLE_DAY * DAY_SECONDS + hour * HOUR_SECONDS
            if str(self.shown(seconds)) == wanted:
                yield f"2026-03-{2 + hour // 24:02d}T{hour % 24:02d}:00:00Z"


@dataclass(frozen=True, slots=True)
class _Made:
    """What a function makes of the texts at a place: None, one value, or a list of distinct ones."""

    place: Accessor
    function: Callable[[str], Any]

    def __call__(self, view: View) -> Any:
        made = dict.fromkeys(self.function(text) for text in _texts(view, self.place))
        found = [one for one in made if one is not None]
        return found if len(found) > 1 else next(iter(found), None)


@dataclass(frozen=True, slots=True)
class _Located:
    """What the databases say of an address."""

    readers: tuple[AddressReader, ...]
    function: Callable[[tuple[AddressReader, ...], str], int | str | None]

    def __call__(self, text: str) -> int | str | None:
        return self.function(self.readers, text)


def _texts(view: View, place: Accessor) -> Iterator[str]:
    """The texts at a place, bounded; a list anywhere on the way means any element."""
    level: list[Any] = [place.function(view)] if isinstance(place, Derived) else [view]
    for key in () if isinstance(place, Derived) else place:
        level = [one[key] for one in _flat(level) if isinstance(one, Mapping) and key in one]
    for value in _flat(level):
        if isinstance(value, str) and value:
            yield value


def _flat(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        found.extend(value[:MAX_VALUES] if isinstance(value, list) else (value,))
        if len(found) >= MAX_VALUES:
            break
    return found[:MAX_VALUES]


def _agent(value: object) -> Iterator[str]:
    yield agents.example(str(value))


def _host(value: object) -> Iterator[str]:
    found = first_host(str(value))
    if found is not None:
        yield found


def _nothing(_value: object) -> Iterator[str]:
    return iter(())
