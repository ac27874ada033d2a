"""Stores and sinks that fail on purpose: the n-th call, before or after it takes effect.

::

    calls = Calls()                                              # one count for store and sink
    store = FaultyStore(store, fail_at=n, when="after", calls=calls)
    sink = FaultySink(sink, fail_at=n, when="after", calls=calls)

Run with n = 1, 2, 3, … until a run ends with ``calls.failed == 0``: then there was no n-th call any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from firstseen.errors import StoreUnavailable
from firstseen.findings.finding import Finding, Status
from firstseen.findings.sink import Publication, Sink
from firstseen.store.store import Change, Claimed, FindingRow, Outcome, Query, Record, Store, StoredState

When = Literal["before", "after"]
T = TypeVar("T")


@dataclass(slots=True)
class Calls:
    """What was called, in order (``store.commit``, ``sink.publish``, …); how many calls failed on purpose."""

    names: list[str] = field(default_factory=list)
    failed: int = 0

    @property
    def made(self) -> int:
        """How many calls there were, the failed ones among them."""
        return len(self.names)


class Faults:
    """Counts calls and says which fail: ``fail_for`` of them from ``fail_at`` on (from 1; None: none)."""

    def __init__(self, fail_at: int | None, when: When, fail_for: int, calls: Calls | None) -> None:
        self.calls = Calls() if calls is None else calls
        self.when = when
        self._failing = range(0) if fail_at is None else range(fail_at, fail_at + fail_for)

    def hits(self, name: str) -> bool:
        """Count a call; whether it is to fail."""
        self.calls.names.append(name)
        if self.calls.made not in self._failing:
            return False
        self.calls.failed += 1
        return True


class FaultyStore:
    """A store whose n-th call raises StoreUnavailable, before or after the call took effect.

    Every call of the protocol counts but ``close``; a scan counts when it begins to be read. One that fails
    "after" breaks off behind its first row.
    """

    def __init__(
        self,
        store: Store,
        *,
        fail_at: int | None = None,
        when: When = "before",
        fail_for: int = 1,
        calls: Calls | None = None,
    ) -> None:
        self._store = store
        self._faults = Faults(fail_at, when, fail_for, calls)

    @property
    def calls(self) -> Calls:
        """The count."""
        return self._faults.calls

    def _call(self, name: str, work: Callable[[], T]) -> T:
        if not self._faults.hits(f"store.{name}"):
            return work()
        if self._faults.when == "after":
            work()
        raise self._fault(name)

    def _fault(self, name: str) -> StoreUnavailable:
        return StoreUnavailable(f"fault put in {self._faults.when} call {self.calls.made} ({name}) took effect")

    def _scan(self, name: str, rows: Iterator[T]) -> Iterator[T]:
        if not self._faults.hits(f"store.{name}"):
            yield from rows
            return
        if self._faults.when == "after":
            yield from (row for row, _ in zip(rows, range(1), strict=False))
        raise self._fault(name)

    def read(self, keys: Sequence[str], *, consistent: bool = False) -> Mapping[str, StoredState]:
        return self._call("read", lambda: self._store.read(keys, consistent=consistent))

    def commit(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._call("commit", lambda: self._store.commit(changes))

    def claim(self, uids: Sequence[str], *, owner: str, now_us: int, lease_us: int) -> Sequence[Claimed]:
        return self._call("claim", lambda: self._store.claim(uids, owner=owner, now_us=now_us, lease_us=lease_us))

    def mark(self, uids: Sequence[str], status: Status) -> None:
        self._call("mark", lambda: self._store.mark(uids, status))

    def due(self, *, now_us: int, limit: int) -> Sequence[str]:
        return self._call("due", lambda: self._store.due(now_us=now_us, limit=limit))

    def findings(self, uids: Sequence[str]) -> Mapping[str, FindingRow]:
        return self._call("findings", lambda: self._store.findings(uids))

    def scan_findings(self, query: Query) -> Iterator[FindingRow]:
        return self._scan("scan_findings", self._store.scan_findings(query))

    def scan_states(self, *, rule_id: str | None = None) -> Iterator[tuple[str, StoredState]]:
        return self._scan("scan_states", self._store.scan_states(rule_id=rule_id))

    def records(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Record]:
        return self._call("records", lambda: self._store.records(wanted))

    def scan_records(self, kind: str) -> Iterator[Record]:
        return self._scan("scan_records", self._store.scan_records(kind))

    def put_record(self, record: Record) -> Outcome:
        return self._call("put_record", lambda: self._store.put_record(record))

    def delete_record(self, kind: str, name: str) -> None:
        self._call("delete_record", lambda: self._store.delete_record(kind, name))

    def forget(self, keys: Sequence[str], *, entirely: bool) -> None:
        self._call("forget", lambda: self._store.forget(keys, entirely=entirely))

    def expire(self, *, now_us: int) -> int:
        return self._call("expire", lambda: self._store.expire(now_us=now_us))

    def close(self) -> None:
        self._store.close()


class FaultySink:
    """A sink whose n-th call answers ``unavailable`` for every finding, before or after publishing them."""

    def __init__(
        self,
        sink: Sink,
        *,
        fail_at: int | None = None,
        when: When = "before",
        fail_for: int = 1,
        calls: Calls | None = None,
    ) -> None:
        self._sink = sink
        self._faults = Faults(fail_at, when, fail_for, calls)

    @property
    def calls(self) -> Calls:
        """The count."""
        return self._faults.calls

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        if not self._faults.hits("sink.publish"):
            return self._sink.publish(findings, deadline_us=deadline_us)
        if self._faults.when == "after":
            self._sink.publish(findings, deadline_us=deadline_us)
        return ["unavailable"] * len(findings)


@dataclass(slots=True)
class RecordingSink:
    """A sink that keeps what it published and answers as it is told.

    Attributes:
        down: while true, every finding is ``unavailable`` and nothing is published: set it for a period.
        refuses: uids that are ``refused``, unless ``minimal`` says that the finding is in the short form.
        minimal: whether a finding is in the form that is not refused any more; never, if not given.
        findings: what was published, in order; a finding that was published twice is there twice.
        asked: the uids of each call, whatever became of them.
    """

    down: bool = False
    refuses: Collection[str] = ()
    minimal: Callable[[Finding], bool] = lambda _: False
    findings: list[Finding] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def uids(self) -> list[str]:
        """The uids of what was published, in order."""
        return [one.uid for one in self.findings]

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        del deadline_us
        self.asked.append(tuple(one.uid for one in findings))
        return [self._answer(one) for one in findings]

    def _answer(self, finding: Finding) -> Publication:
        if self.down:
            return "unavailable"
        if finding.uid in self.refuses and not self.minimal(finding):
            return "refused"
        self.findings.append(finding)
        return "sent"
