"""Key states: what the store keeps for one rule and key. Serialisable, versioned, bounded."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from firstseen.errors import StoreUnusable

STATE_FORMAT = 1

MAX_EPISODES = 64
"""Kept for each key. Older ones leave their findings, but an event that old would open one again, marked late."""

MAX_PENDING = 64
"""Unsent findings of one key that still hold deliveries; above it, deliveries that open another wait."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A maximal run of true times with gaps of at most the timespan. Times in microseconds since 1970.

    ``uid`` is the finding's.
    """

    start_us: int
    end_us: int
    uid: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event that a counting or ordering correlation still needs.

    ``member`` is the place of its base rule in the correlation; ``value`` what value_count counts, else "".
    """

    time_us: int
    event_id: str
    member: int = 0
    value: str = ""


@dataclass(frozen=True, slots=True)
class KeyState:
    """The state of one rule and key.

    Attributes:
        rule_id, fingerprint: which rule, in which meaning.
        group, terms: the key itself as text, for people (``baseline show``); cut to 256 characters each.
        generation: how many episodes the key has opened so far (late ones apart).
        last_us: the newest true time as far as it was written: behind by at most S/24. 0: none.
        episodes: at most :data:`MAX_EPISODES`, by start.
        sightings: events within 2 S behind the newest, and older ones while they are few, by (time, id, member, value);
            empty for ``new_terms`` and ``match``.
        dropped: how many sightings were cut because the log was full; from the first on, the key is outside the order
            guarantee and its findings say so. An older sighting that is no longer needed is let go of, not cut.
        cut: (place, number): how many cut sightings still count at place × S / 24 in time; within 2 S of the newest.
        pending: uids of findings that are not known to be sent, refused or durably not to be sent.
    """

    rule_id: str
    fingerprint: str
    group: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    generation: int = 0
    last_us: int = 0
    episodes: tuple[Episode, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    dropped: int = 0
    pending: tuple[str, ...] = ()
    cut: tuple[tuple[int, int], ...] = ()


class _Row(msgspec.Struct, forbid_unknown_fields=True, array_like=True):
    format: int
    rule_id: str
    fingerprint: str
    group: tuple[str, ...]
    terms: tuple[str, ...]
    generation: int
    last_us: int
    episodes: tuple[tuple[int, int, str], ...]
    sightings: tuple[tuple[int, str, int, str], ...]
    dropped: int
    pending: tuple[str, ...]
    cut: tuple[tuple[int, int], ...]


def dump(state: KeyState) -> bytes:
    """The state as compact JSON."""
    return msgspec.json.encode(
        _Row(
            STATE_FORMAT,
            state.rule_id,
            state.fingerprint,
            state.group,
            state.terms,
            state.generation,
            state.last_us,
            tuple((one.start_us, one.end_us, one.uid) for one in state.episodes),
            tuple((one.time_us, one.event_id, one.member, one.value) for one in state.sightings),
            state.dropped,
            state.pending,
            state.cut,
        )
    )


_decoder = msgspec.json.Decoder(_Row)


def load(data: bytes) -> KeyState:
    """The state that :func:`dump` wrote. Raises StoreUnusable on another version or damage: never a silent "new"."""
    try:
        row = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        msg = f"a key state cannot be read: {exc}; restore the store or forget the key ('firstseen baseline forget')"
        raise StoreUnusable(msg) from exc
    if row.format != STATE_FORMAT:
        msg = f"a key state has format {row.format}, this version reads {STATE_FORMAT}: upgrade firstseen"
        raise StoreUnusable(msg)
    return KeyState(
        row.rule_id,
        row.fingerprint,
        row.group,
        row.terms,
        row.generation,
        row.last_us,
        tuple(Episode(*one) for one in row.episodes),
        tuple(Sighting(*one) for one in row.sightings),
        row.dropped,
        row.pending,
        row.cut,
    )
