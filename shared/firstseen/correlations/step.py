"""The step: one key's state and its new hits → its next state and the episodes that opened. Pure.

A batch is stepped one hit after the other in event-time order, so how deliveries are cut into batches
makes no difference beyond the order in which hits come. The specification is ``docs/episodes.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from firstseen.correlations.conditions import affected, evidence, true_times
from firstseen.correlations.episodes import Episodes, Opened
from firstseen.correlations.sightings import Log, short
from firstseen.findings.finding import finding_uid
from firstseen.language.rules import Correlation
from firstseen.store.state import Episode, KeyState, Sighting

MAX_RELATED = 20
"""Events of the condition that an opening lists; the rest are a number."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One match of one key.

    Attributes:
        time_us: event time.
        event_id: the event's id; equal for copies.
        member: the place of the base rule in the correlation.
        value: what ``value_count`` counts; for ``event_count`` the operation's id if it is not the
            event's; else "".
        ref: the caller's index of the match that this hit comes from.
    """

    time_us: int
    event_id: str
    member: int = 0
    value: str = ""
    ref: int = 0


@dataclass(frozen=True, slots=True)
class Opening:
    """An episode that opened and is to be reported: it becomes a finding.

    Attributes:
        uid: the finding's id.
        time_us: the true time that opened it; later than ``hit`` when a late event completed the condition
            there.
        hit: the hit that was being stepped: the trigger.
        last_seen_us: end of the episode before, as stored (behind by at most S / 24); 0: none is known.
        late: older than every kept episode by more than the timespan.
        related: the events of the condition, the trigger first, at most :data:`MAX_RELATED`.
        related_more: how many more there were.
        overflowed: the key's log was cut at some time, so counts may be too high and the order guarantee
            is off.
    """

    uid: str
    time_us: int
    hit: Hit
    last_seen_us: int = 0
    late: bool = False
    related: tuple[Sighting, ...] = ()
    related_more: int = 0
    overflowed: bool = False


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step makes of a key. ``changed`` False: nothing is to be written, and nothing opened."""

    state: KeyState
    changed: bool
    openings: tuple[Opening, ...]


def step(correlation: Correlation, key: str, blank: KeyState, state: KeyState | None, hits: Sequence[Hit]) -> Stepped:
    """Step ``hits`` of one key, in any order.

    ``key`` is the key's hash, ``blank`` its state with nothing in it (used when ``state`` is None).
    ``state.pending`` is passed on as it is: the caller adds the uids that it decides to send.
    """
    before = blank if state is None else state
    ordered = sorted(hits, key=lambda hit: (hit.time_us, hit.event_id, hit.member, hit.value))
    if correlation.type == "match":
        return _match(key, before, ordered)
    episodes = Episodes(key, correlation.timespan_us, before)
    if correlation.type == "new_terms":
        openings = tuple(_terms(correlation, episodes, ordered))
        if not openings and not episodes.moved(before):
            return Stepped(before, changed=False, openings=())
        after = before
    else:
        log = Log(correlation, before)
        openings = tuple(_counts(correlation, episodes, log, ordered))
        after = replace(before, sightings=tuple(log.held), dropped=log.dropped, cut=log.cut)
    after = replace(after, generation=episodes.generation, last_us=episodes.last_us, episodes=episodes.kept)
    return Stepped(after, bool(openings) or after != before, openings)


def _match(key: str, before: KeyState, hits: Sequence[Hit]) -> Stepped:
    """A rule without memory: its key is one operation, which is reported once."""
    if before.generation or not hits:
        return Stepped(before, changed=False, openings=())
    hit, uid = hits[0], finding_uid(key, 0)
    episode = Episode(hit.time_us, hit.time_us, uid)
    after = replace(before, generation=1, last_us=hit.time_us, episodes=(episode,))
    return Stepped(after, changed=True, openings=(Opening(uid, hit.time_us, hit, related=(_sighting(hit),)),))


def _terms(correlation: Correlation, episodes: Episodes, hits: Sequence[Hit]) -> Iterator[Opening]:
    """Every occurrence of a term is a true time."""
    for hit in hits:
        opened = episodes.add(hit.time_us, hit.event_id)
        if opened is not None and _reported(correlation, opened):
            yield Opening(opened.uid, hit.time_us, hit, opened.last_seen_us, opened.late, (_sighting(hit),))


def _reported(correlation: Correlation, opened: Opened) -> bool:
    """``never`` reports the key's first episode, ``returning`` every other: a late one makes a second."""
    return correlation.when == "any" or opened.first == (correlation.when == "never")


def _counts(correlation: Correlation, episodes: Episodes, log: Log, hits: Sequence[Hit]) -> Iterator[Opening]:
    """A hit can make the condition true at its own time and at later event times whose windows hold it."""
    for hit in hits:
        sighting = _sighting(hit)
        if not log.add(sighting):
            continue
        times = affected(log, hit.time_us, correlation.timespan_us)
        open_times = [time_us for time_us in times if not episodes.covers(time_us)]
        for time_us in true_times(correlation, log, open_times):
            opened = episodes.add(time_us, hit.event_id)
            if opened is not None:
                yield _counted_opening(correlation, log, hit, opened, time_us)
        log.trim()


def _counted_opening(correlation: Correlation, log: Log, hit: Hit, opened: Opened, time_us: int) -> Opening:
    known = short(hit.event_id)
    others = [one for one in evidence(correlation, log, time_us) if one.event_id != known]
    more = max(0, len(others) + 1 - MAX_RELATED) + log.cut_within(time_us)
    related = (Sighting(hit.time_us, hit.event_id, hit.member, hit.value), *others[: MAX_RELATED - 1])
    return Opening(
        opened.uid, time_us, hit, opened.last_seen_us, opened.late, related, more, overflowed=log.dropped > 0
    )


def _sighting(hit: Hit) -> Sighting:
    return Sighting(hit.time_us, short(hit.event_id), hit.member, short(hit.value))
