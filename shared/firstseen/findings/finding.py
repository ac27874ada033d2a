"""A finding: what is reported for an episode. Its id locates its row, which holds all that sending needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec
import orjson

from firstseen.errors import StoreUnusable
from firstseen.language.rules import Card

FINDING_FORMAT = 1

Routing = Literal["send", "digest", "learning", "experimental", "suppressed", "expected", "canary"]
"""Decided once, by event time. Only ``send`` is notified singly. ``canary``: an example of ours, nobody's act."""

Status = Literal["pending", "sent", "refused", "kept"]
"""``kept``: durably decided not to be sent singly (every routing but ``send``)."""

Kind = Literal["finding", "digest", "summary", "test", "operational"]

MAX_RAW_BYTES = 100_000
"""Of the triggering event's own bytes kept in a finding; more is cut and said."""


def key_hash(rule_id: str, fingerprint: str, group: tuple[str, ...], terms: tuple[str, ...]) -> str:
    """The name of a key's row: 32 hex digits of SHA-256 over (rule id, fingerprint, group values, terms)."""
    text = orjson.dumps([rule_id, fingerprint, group, terms])
    return hashlib.sha256(text).hexdigest()[:32]


def finding_uid(key: str, generation: int) -> str:
    """The id of the finding for the key's episode with this generation: ``KEY-G``."""
    return f"{key}-{generation}"


def late_uid(key: str, event_id: str) -> str:
    """The id for an event older than every kept episode: ``KEY-e…`` with 16 hex digits of its id's hash."""
    return f"{key}-e{hashlib.sha256(event_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def key_of(uid: str) -> str:
    """The key whose row a finding belongs to."""
    return uid.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Related:
    """An event that helped to make the condition true.

    ``title`` says which step of the rule it was, in words; "" where the rule has but one.
    """

    event_id: str
    time_us: int
    base_id: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is reported.

    Attributes:
        uid: see :func:`finding_uid`.
        kind: ``finding`` for what a rule found; the others are firstseen's own messages.
        card: the rule, as people are told.
        type: the correlation's type.
        time_us: event time of the triggering event; start of the episode.
        received_us: when that event was enqueued.
        group, terms: (name, value) pairs of the key.
        reason: why it is reported, one sentence: never seen, last seen when, how many in what time.
        last_seen_us: for a term that returns, its last sighting; 0: never seen.
        late: the event is older than every kept episode.
        overflowed: the key's sightings log was cut.
        baseline: ``complete``, ``learning`` or ``none``.
        routing: where it goes.
        pack_version: the rules that found it.
        related: the events of the condition, the triggering one first; bounded.
        related_more: how many more there were.
        facts: the common vocabulary of the triggering event, as text: actor, action, outcome, account, …
        source, provider: the log source and cloud of the triggering event.
        raw: the triggering event's bytes as text, at most :data:`MAX_RAW_BYTES`.
        raw_bytes: its full size.
        pointer: where the whole event lies, e.g. ``s3://bucket/key`` or a file and line; "" if unknown.
        details: for digests and summaries: (label, value) lines.
        suppression: name of the suppression slot that it belongs to; "": none, or it stands alone.
    """

    uid: str
    card: Card
    type: str
    time_us: int
    received_us: int
    kind: Kind = "finding"
    group: tuple[tuple[str, str], ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    last_seen_us: int = 0
    late: bool = False
    overflowed: bool = False
    baseline: str = "none"
    routing: Routing = "send"
    pack_version: str = ""
    related: tuple[Related, ...] = ()
    related_more: int = 0
    facts: tuple[tuple[str, str], ...] = ()
    source: str = ""
    provider: str = ""
    raw: str = ""
    raw_bytes: int = 0
    pointer: str = ""
    details: tuple[tuple[str, str], ...] = ()
    suppression: str = ""

    def fact(self, name: str) -> str:
        """The value of one name of the common vocabulary, or ""."""
        return next((value for label, value in self.facts if label == name), "")

    @property
    def hour_us(self) -> int:
        """The hour of event time that limits and digests count in."""
        return self.time_us - self.time_us % 3_600_000_000


def dump(finding: Finding) -> bytes:
    """The finding's row as JSON."""
    return msgspec.json.encode({"format": FINDING_FORMAT, "finding": finding})


class _Row(msgspec.Struct):
    format: int
    finding: Finding


_decoder = msgspec.json.Decoder(_Row)


def load(data: bytes) -> Finding:
    """The finding that :func:`dump` wrote. Raises StoreUnusable on damage or another format."""
    try:
        row = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        msg = f"a finding's row cannot be read: {exc}"
        raise StoreUnusable(msg) from exc
    if row.format != FINDING_FORMAT:
        msg = f"a finding's row has format {row.format}, this version reads {FINDING_FORMAT}: upgrade"
        raise StoreUnusable(msg)
    return row.finding
