"""The Store protocol: what a state store must do, and what callers may rely on.

Rows (design: one scheme serves every store)::

    key state    key                      one a rule and key, versioned
    finding      uid = key-generation     same partition as its key state: both change in one atomic write
    record       kind, name               small versioned JSON documents: slots, expectations, rules, digests, cursors

plus the orders in which findings are found again: due (pending, by time), by day, by rule and hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from firstseen.findings.finding import Finding, Routing, Status
from firstseen.store.state import KeyState

Version = str
"""Opaque; equal versions of a row mean equal contents."""

Outcome = Literal["committed", "conflict"]
Claim = Literal["claimed", "held", "done", "missing"]


@dataclass(frozen=True, slots=True)
class StoredState:
    """A key state with the version that a conditional write names."""

    state: KeyState
    version: Version


@dataclass(frozen=True, slots=True)
class Change:
    """One key's new state and the findings that it opened, written together or not at all.

    Attributes:
        key: :func:`firstseen.findings.finding.key_hash`.
        expected: the version that was read; None: the row must not exist.
        state: what it becomes.
        findings: new rows. Each is written with status ``pending`` (routing ``send``) or ``kept`` (any other). A row
            whose uid exists already is left as it is (late findings; a copy of one's own write).
        expires_at_us: the row may be dropped after this time, with findings of canaries that are written here, and with
            no other; None: never.
    """

    key: str
    expected: Version | None
    state: KeyState
    findings: tuple[Finding, ...] = ()
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim got: the finding itself when ``claimed``.

    ``held``: somebody else's lease is live. ``done``: sent, refused or kept. ``missing``: no such row.
    """

    claim: Claim
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A stored finding with its status."""

    finding: Finding
    status: Status


@dataclass(frozen=True, slots=True)
class Record:
    """A small versioned document. ``version`` None: it does not exist yet."""

    kind: str  # "slot", "expect", "rule", "digest", "cursor", …
    name: str
    data: bytes = b""
    version: Version | None = None
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Which findings to scan; all parts hold together. Times are event times, ``since_us`` ≤ t < ``until_us``."""

    since_us: int | None = None
    until_us: int | None = None
    rule_id: str | None = None
    routing: Routing | None = None
    status: Status | None = None


class Store(Protocol):
    """Obligations.

    - Synchronous; several threads and processes may use several store objects over one store at once, one object
      serves one thread at a time. No caller sleeps or reads a clock for a store: ``now_us`` is an argument.
    - What a call reports as done is durable. A call that raises StoreUnavailable may or may not have taken effect; the
      caller makes it again. Retries against throttling belong to the adapter, with bounds; retries after a conflict
      belong to the caller.
    - StoreUnusable means that trying again is useless.
    """

    def read(self, keys: Sequence[str], *, consistent: bool = False) -> Mapping[str, StoredState]:
        """The states of those keys that have one. ``consistent``: see every write that was committed before the call;
        otherwise a store may answer with a slightly older state (whose version then conflicts).
        """
        ...

    def commit(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Each change atomically, independent of the others; the outcomes are in order.

        ``conflict``: the row's version was not the expected one; nothing of that change was written. A repeat of
        one's own write, whose answer was lost, may answer ``conflict``. A call names a key at most once.
        """
        ...

    def claim(self, uids: Sequence[str], *, owner: str, now_us: int, lease_us: int) -> Sequence[Claimed]:
        """Take a lease on each pending finding, so that one worker at a time sends it.

        A lease is live while ``now_us`` is before its end; an expired one is taken over; one's own is renewed.
        """
        ...

    def mark(self, uids: Sequence[str], status: Status) -> None:
        """The findings are sent or refused (idempotent): they are no longer due, and their keys no longer list them
        as pending. The finding's row changes first: a crash in between leaves a stale entry, never a lost finding.
        """
        ...

    def due(self, *, now_us: int, limit: int) -> Sequence[str]:
        """Uids of pending findings without a live lease, oldest first, at most ``limit``."""
        ...

    def findings(self, uids: Sequence[str]) -> Mapping[str, FindingRow]:
        """The rows of those uids that exist."""
        ...

    def scan_findings(self, query: Query) -> Iterator[FindingRow]:
        """Findings by event time, oldest first. Rows written meanwhile may or may not be seen."""
        ...

    def scan_states(self, *, rule_id: str | None = None) -> Iterator[tuple[str, StoredState]]:
        """(key, state) of every key, or of one rule's; in no order."""
        ...

    def records(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Record]:
        """Those (kind, name) that exist; always consistent."""
        ...

    def scan_records(self, kind: str) -> Iterator[Record]:
        """Every record of a kind, by name."""
        ...

    def put_record(self, record: Record) -> Outcome:
        """Write it if the stored version is still ``record.version``."""
        ...

    def delete_record(self, kind: str, name: str) -> None:
        """Remove it; nothing happens when it is absent."""
        ...

    def forget(self, keys: Sequence[str], *, entirely: bool) -> None:
        """Reduce states to generation and last seen (episodes, sightings dropped), or remove them ``entirely``
        (the caller is sure that the key never opened an episode, or wants its finding ids to start anew).
        """
        ...

    def expire(self, *, now_us: int) -> int:
        """Drop rows whose ``expires_at_us`` has passed; how many. A store that does so itself answers 0."""
        ...

    def close(self) -> None:
        """Release what it holds; further calls are errors."""
        ...
