"""What comes in, and what becomes of it: deliveries, the matches in them, and the report of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from firstseen.findings.canaries import Tag
from firstseen.findings.finding import Finding
from firstseen.matching.engine import Found, Sighted
from firstseen.sources.event import MAX_REJECT_BYTES, Event, Reject
from firstseen.sources.source import Source


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivered input.

    Attributes:
        handle: the provider's name for it (a message id, a file name); what is acknowledged.
        chunks: its content in pieces; read once.
        received_us: when the provider enqueued it; the same when it is delivered again.
        source: the log source if it is known; None: recognise it.
        pointer: where the content lies (``s3://…``, a path), for findings and rejects.
        canary: its envelope says that it is one of firstseen's own examples: it has states of its own, and its finding
            is kept and not sent. What could not be read of it is no reject: sent again, it would be an event.
    """

    handle: str
    chunks: Iterable[bytes]
    received_us: int
    source: Source | None = None
    pointer: str = ""
    canary: Tag | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Base rules hold for an event."""

    event: Event
    bases: tuple[int, ...]
    handle: str
    pointer: str = ""
    canary: Tag | None = None


Rejected = tuple[str, str, Reject]
"""A reject with its delivery's handle and pointer."""

Keep = Callable[[Sequence[Rejected]], Mapping[str, str]]
"""Keeps rejects for good; handle → why, of those that it could not keep: their deliveries must come again."""


@dataclass(slots=True)
class Report:
    """What became of a batch.

    Attributes:
        retry: handle → why it is not acknowledged.
        rejects: what could not be read, and was not handed over before the end.
        findings: what opened, with routing; in order.
        refused: findings that the sink will never take.
        left_out: rule id → terms that were not looked at, because one event had more than a hundred combinations.
        matched: base rule id → events that it matched.
        counts: events, matches, commits, conflicts, sent, held, unavailable; missing: findings whose rows have gone;
            canary_events: those of canaries, which count nowhere else but in commits and conflicts.
        spoilt: canary → why an event of it could not be read, or its rule not be decided; the first reason.
    """

    retry: dict[str, str] = field(default_factory=dict)
    rejects: list[Rejected] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    matched: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    spoilt: dict[Tag, str] = field(default_factory=dict)

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        self.counts[name] = self.counts.get(name, 0) + number

    def merge(self, other: Report) -> None:
        """Take in what became of more."""
        for handle, reason in other.retry.items():
            self.retry.setdefault(handle, reason)
        self.rejects.extend(other.rejects)
        self.findings.extend(other.findings)
        self.refused.extend(other.refused)
        self.spoilt = {**other.spoilt, **self.spoilt}
        for mine, more in ((self.left_out, other.left_out), (self.matched, other.matched), (self.counts, other.counts)):
            for name, number in more.items():
                mine[name] = mine.get(name, 0) + number

    def give_back(self, handles: Iterable[str], reason: str) -> None:
        """These deliveries are not acknowledged; the first reason stays."""
        for handle in handles:
            self.retry.setdefault(handle, reason)


def raised(found: Found | Sighted) -> Iterator[Reject]:
    """A reject for each rule that could not be decided for an event: never "no match"."""
    raw = found.event.raw[:MAX_REJECT_BYTES] if isinstance(found, Found) else b""
    for base_id, error in found.failed:
        reason = f"rule {base_id} could not be decided for this event: {error}; mend the rule and send the event again"
        yield Reject(reason, raw, found.place, base_id)
