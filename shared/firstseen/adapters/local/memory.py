"""A store in this process's memory: for tests, and for a run over files that is to leave nothing behind."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from firstseen.findings.finding import Finding, Routing, Status, key_of
from firstseen.findings.finding import load as load_finding
from firstseen.store import rows
from firstseen.store.state import KeyState
from firstseen.store.state import load as load_state
from firstseen.store.store import Change, Claimed, FindingRow, Outcome, Query, Record, StoredState

_Rewrite = Callable[[KeyState], KeyState]


@dataclass(slots=True)
class _State:
    data: bytes
    version: int
    rule_id: str
    expires_at_us: int | None


@dataclass(slots=True)
class _Finding:
    data: bytes
    time_us: int
    rule_id: str
    routing: Routing
    status: Status
    lease: tuple[str, int] | None = None


@dataclass(slots=True)
class _Shared:
    """The storage itself; every access holds the lock."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    version: int = 0
    states: dict[str, _State] = field(default_factory=dict)
    findings: dict[str, _Finding] = field(default_factory=dict)
    by_key: dict[str, set[str]] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)

    def next_version(self) -> int:
        """Never used before in this storage, so that a row removed and written again is a different one."""
        self.version += 1
        return self.version


class MemoryStore:
    """See :class:`firstseen.store.store.Store`.

    Rows are kept as bytes, so that nothing is shared by reference and what no other store could hold is not
    held here. ``shared``: another object over the same storage, as a second worker has one.
    """

    def __init__(self, *, shared: MemoryStore | None = None) -> None:
        self._rows: _Shared = _Shared() if shared is None else shared._open()  # noqa: SLF001 - this class
        self._closed = False

    def _open(self) -> _Shared:
        if self._closed:
            msg = "this store object is closed"
            raise ValueError(msg)
        return self._rows

    def read(self, keys: Sequence[str], *, consistent: bool = False) -> Mapping[str, StoredState]:
        """The states of those keys that have one; always consistent."""
        del consistent
        shared = self._open()
        with shared.lock:
            found = [(key, row.data, row.version) for key in keys if (row := shared.states.get(key)) is not None]
        return {key: StoredState(load_state(data), str(version)) for key, data, version in found}

    def commit(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Each change atomically, independent of the others."""
        rows.check_changes(changes)
        shared = self._open()
        dumped = [(rows.state_bytes(one.state), [rows.finding_bytes(new) for new in one.findings]) for one in changes]
        with shared.lock:
            return [_commit_one(shared, one, *data) for one, data in zip(changes, dumped, strict=True)]

    def claim(self, uids: Sequence[str], *, owner: str, now_us: int, lease_us: int) -> Sequence[Claimed]:
        """Take a lease on each pending finding."""
        shared = self._open()
        answers: list[Claimed] = []
        with shared.lock:
            for uid in uids:
                row = shared.findings.get(uid)
                if row is None:
                    answers.append(Claimed("missing"))
                    continue
                claim = rows.judge(row.status, row.lease, owner=owner, now_us=now_us)
                if claim == "claimed":
                    row.lease = (owner, now_us + lease_us)
                answers.append(Claimed(claim, load_finding(row.data) if claim == "claimed" else None))
        return answers

    def mark(self, uids: Sequence[str], status: Status) -> None:
        """The findings are sent or refused; their keys no longer list them as pending."""
        rows.check_mark(status)
        shared = self._open()
        with shared.lock:
            for uid in uids:
                row = shared.findings.get(uid)
                if row is not None and rows.may_become(row.status, status):
                    row.status = status
                    shared.pending.discard(uid)
            for key in {key_of(uid) for uid in uids}:
                _rewrite(shared, key, lambda state: rows.without_pending(state, set(uids)))

    def due(self, *, now_us: int, limit: int) -> Sequence[str]:
        """Uids of pending findings without a live lease, oldest first."""
        shared = self._open()
        with shared.lock:
            free = (
                (row.time_us, uid)
                for uid in shared.pending
                if (row := shared.findings[uid]).lease is None or row.lease[1] <= now_us
            )
            return [uid for _, uid in heapq.nsmallest(limit, free)]

    def findings(self, uids: Sequence[str]) -> Mapping[str, FindingRow]:
        """The rows of those uids that exist."""
        shared = self._open()
        with shared.lock:
            found = [(uid, row.data, row.status) for uid in uids if (row := shared.findings.get(uid)) is not None]
        return {uid: FindingRow(load_finding(data), status) for uid, data, status in found}

    def scan_findings(self, query: Query) -> Iterator[FindingRow]:
        """Findings by event time, oldest first: those that the storage held at the first step."""
        shared = self._open()
        with shared.lock:
            asked = sorted((row.time_us, uid) for uid, row in shared.findings.items() if _asked(row, query))
        for _, uid in asked:
            row = self.findings([uid]).get(uid)
            if row is not None and query.status in (None, row.status):
                yield row

    def scan_states(self, *, rule_id: str | None = None) -> Iterator[tuple[str, StoredState]]:
        """(key, state) of every key, or of one rule's."""
        shared = self._open()
        asked = None if rule_id is None else rows.whole_text(rule_id)
        with shared.lock:
            keys = [key for key, row in shared.states.items() if asked in (None, row.rule_id)]
        for key in keys:
            yield from self.read([key]).items()

    def records(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Record]:
        """Those (kind, name) that exist."""
        shared = self._open()
        with shared.lock:
            return {place: shared.records[place] for place in wanted if place in shared.records}

    def scan_records(self, kind: str) -> Iterator[Record]:
        """Every record of a kind, by name."""
        shared = self._open()
        with shared.lock:
            found = [row for row in shared.records.values() if row.kind == kind]
        yield from sorted(found, key=lambda row: row.name)

    def put_record(self, record: Record) -> Outcome:
        """Write it if the stored version is still ``record.version``."""
        shared = self._open()
        place = (record.kind, record.name)
        with shared.lock:
            row = shared.records.get(place)
            if (None if row is None else row.version) != record.version:
                return "conflict"
            shared.records[place] = replace(record, version=str(shared.next_version()))
            return "committed"

    def delete_record(self, kind: str, name: str) -> None:
        """Remove it; nothing happens when it is absent."""
        shared = self._open()
        with shared.lock:
            shared.records.pop((kind, name), None)

    def forget(self, keys: Sequence[str], *, entirely: bool) -> None:
        """Reduce states, or remove them ``entirely`` with their findings."""
        shared = self._open()
        with shared.lock:
            for key in keys:
                if not entirely:
                    _rewrite(shared, key, rows.reduced)
                    continue
                shared.states.pop(key, None)
                for uid in shared.by_key.pop(key, ()):
                    del shared.findings[uid]
                    shared.pending.discard(uid)

    def expire(self, *, now_us: int) -> int:
        """Drop rows whose ``expires_at_us`` has passed; how many."""
        shared = self._open()
        with shared.lock:
            states = [key for key, row in shared.states.items() if _passed(row.expires_at_us, now_us)]
            records = [place for place, row in shared.records.items() if _passed(row.expires_at_us, now_us)]
            for key in states:
                del shared.states[key]
                for uid in [one for one in shared.by_key.get(key, ()) if shared.findings[one].routing == "canary"]:
                    shared.by_key[key].remove(uid)
                    del shared.findings[uid]
            for place in records:
                del shared.records[place]
        return len(states) + len(records)

    def close(self) -> None:
        """Further calls on this object are errors; the storage stays with the other objects over it."""
        self._closed = True


def _commit_one(shared: _Shared, change: Change, data: bytes, findings: Sequence[bytes]) -> Outcome:
    row = shared.states.get(change.key)
    if (None if row is None else str(row.version)) != change.expected:
        return "conflict"
    shared.states[change.key] = _State(
        data, shared.next_version(), rows.whole_text(change.state.rule_id), change.expires_at_us
    )
    for finding, dumped in zip(change.findings, findings, strict=True):
        if finding.uid not in shared.findings:
            _insert(shared, finding, dumped)
    return "committed"


def _insert(shared: _Shared, finding: Finding, data: bytes) -> None:
    status = rows.first_status(finding)
    rule_id = rows.whole_text(finding.card.id)
    shared.findings[finding.uid] = _Finding(data, finding.time_us, rule_id, finding.routing, status)
    shared.by_key.setdefault(key_of(finding.uid), set()).add(finding.uid)
    if status == "pending":
        shared.pending.add(finding.uid)


def _asked(row: _Finding, query: Query) -> bool:
    """Whether the query asks for this row; its parts hold together."""
    return (
        (query.since_us is None or query.since_us <= row.time_us)
        and (query.until_us is None or row.time_us < query.until_us)
        and (query.rule_id is None or rows.whole_text(query.rule_id) == row.rule_id)
        and query.routing in (None, row.routing)
        and query.status in (None, row.status)
    )


def _passed(expires_at_us: int | None, now_us: int) -> bool:
    return expires_at_us is not None and expires_at_us < now_us


def _rewrite(shared: _Shared, key: str, change: _Rewrite) -> None:
    """Change a state in place, with a new version if it becomes another."""
    row = shared.states.get(key)
    if row is None:
        return
    old = load_state(row.data)
    new = change(old)
    if new != old:
        row.data, row.version = rows.state_bytes(new), shared.next_version()
