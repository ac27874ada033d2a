"""A store in one SQLite file: for the command line and for tests; several processes may use one file."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from firstseen.adapters.local.sqlite_file import open_file, transaction, translated
from firstseen.findings.finding import Finding, Status, key_of
from firstseen.findings.finding import load as load_finding
from firstseen.store import rows
from firstseen.store.state import KeyState
from firstseen.store.state import load as load_state
from firstseen.store.store import Change, Claimed, FindingRow, Outcome, Query, Record, StoredState

BUSY_SECONDS = 10.0
"""How long a call waits for other processes' transactions, which take milliseconds."""

STATES_PAGE = 256
"""Key states read at a time by a scan: at most 16 MB of the largest."""

FINDINGS_PAGE = 64
"""Findings read at a time by a scan: some 8 MB of the largest."""

_MIN_US, _MAX_US = -(2**63), 2**63 - 1

# A list of names travels as one JSON text: one statement, prepared once, for any number of them.
READ = "SELECT s.key, s.version, s.data FROM json_each(?) AS w CROSS JOIN state AS s ON s.key = w.value"
VERSIONS = "SELECT s.key, s.version FROM json_each(?) AS w CROSS JOIN state AS s ON s.key = w.value"
INSERT = "INSERT INTO state (version, rule_id, expires_at_us, data, key) VALUES (?, ?, ?, ?, ?)"
UPDATE = "UPDATE state SET version = ?, rule_id = ?, expires_at_us = ?, data = ? WHERE key = ?"
REWRITE = "UPDATE state SET version = ?, data = ? WHERE key = ?"
SCAN_STATES = """SELECT rowid, key, version, data FROM state
    WHERE rowid > ? AND (?2 IS NULL OR rule_id = ?2) ORDER BY rowid LIMIT ?3"""
ADD_FINDING = """INSERT INTO finding (uid, rule_id, time_us, routing, status, data) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (uid) DO NOTHING"""
LEASES = """SELECT f.uid, f.status, f.owner, f.lease_until_us, f.data
    FROM json_each(?) AS w CROSS JOIN finding AS f ON f.uid = w.value"""
FINDINGS = """SELECT f.uid, f.status, f.data FROM json_each(?) AS w CROSS JOIN finding AS f ON f.uid = w.value"""
STATUSES = """SELECT f.uid, f.status FROM json_each(?) AS w CROSS JOIN finding AS f ON f.uid = w.value"""
DUE = """SELECT uid FROM finding WHERE status = 'pending' AND (lease_until_us IS NULL OR lease_until_us <= ?)
    ORDER BY time_us, uid LIMIT ?"""
_PAGE = """(time_us, uid) > (:time_us, :uid) AND time_us < :until_us
    AND (:routing IS NULL OR routing = :routing) AND (:status IS NULL OR status = :status)
    ORDER BY time_us, uid LIMIT :limit"""
SCAN_FINDINGS = f"SELECT time_us, uid, status, data FROM finding WHERE {_PAGE}"  # noqa: S608 - constants
SCAN_RULE = f"SELECT time_us, uid, status, data FROM finding WHERE rule_id = :rule_id AND {_PAGE}"  # noqa: S608 - the same
EXPIRE_CANARIES = """DELETE FROM finding WHERE routing = 'canary' AND uid IN (SELECT f.uid FROM state AS s
    CROSS JOIN finding AS f ON f.uid > s.key || '-' AND f.uid < s.key || '.' WHERE s.expires_at_us < ?)"""
RECORD = "SELECT data, version, expires_at_us FROM record WHERE kind = ? AND name = ?"
SCAN_RECORDS = """SELECT name, data, version, expires_at_us FROM record WHERE kind = ? AND name >= ?
    ORDER BY name LIMIT ?"""
PUT_RECORD = """INSERT INTO record (kind, name, version, expires_at_us, data) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (kind, name) DO UPDATE
    SET version = excluded.version, expires_at_us = excluded.expires_at_us, data = excluded.data"""


class SQLiteStore:
    """See :class:`firstseen.store.store.Store`.

    Every writing call is one transaction that takes the write lock first; a conflict fails one change of it.
    :mod:`firstseen.adapters.local.sqlite_file` says how a file is known for ours and what else can be wrong.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._path = Path(path)
        self._db = open_file(self._path, busy_seconds)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with translated(self._path), transaction(self._db):
            yield self._db

    def _next_version(self) -> int:
        """One number for all rows of a transaction, never used before: not even by rows that were removed."""
        self._db.execute("UPDATE counter SET version = version + 1")
        return int(self._db.execute("SELECT version FROM counter").fetchone()[0])

    def read(self, keys: Sequence[str], *, consistent: bool = False) -> Mapping[str, StoredState]:
        """The states of those keys that have one; always consistent."""
        del consistent
        with translated(self._path):
            found = self._db.execute(READ, (json.dumps(keys),)).fetchall()
        return {key: StoredState(load_state(data), str(version)) for key, version, data in found}

    def commit(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Each change atomically; those that are not in conflict are written in one transaction."""
        rows.check_changes(changes)
        dumped = [_state_row(change) for change in changes]
        added = [[_finding_row(finding) for finding in change.findings] for change in changes]
        names = json.dumps([change.key for change in changes])
        with self._writing() as db:
            found = {key: str(version) for key, version in db.execute(VERSIONS, (names,))}
            fits = [found.get(change.key) == change.expected for change in changes]
            version = self._next_version()
            good = [one for one in range(len(changes)) if fits[one]]
            for statement, is_new in ((INSERT, True), (UPDATE, False)):
                chosen = (one for one in good if (changes[one].expected is None) is is_new)
                db.executemany(statement, ((version, *dumped[one]) for one in chosen))
            db.executemany(ADD_FINDING, (row for one in good for row in added[one]))
        return ["committed" if one else "conflict" for one in fits]

    def claim(self, uids: Sequence[str], *, owner: str, now_us: int, lease_us: int) -> Sequence[Claimed]:
        """Take a lease on each pending finding."""
        owner = rows.whole_text(owner)
        answers: dict[str, Claimed] = {}
        with self._writing() as db:
            for uid, status, holder, until_us, data in db.execute(LEASES, (json.dumps(uids),)):
                lease = None if holder is None else (holder, until_us)
                claim = rows.judge(status, lease, owner=owner, now_us=now_us)
                answers[uid] = Claimed(claim, load_finding(data) if claim == "claimed" else None)
            db.executemany(
                "UPDATE finding SET owner = ?, lease_until_us = ? WHERE uid = ?",
                [(owner, now_us + lease_us, uid) for uid, one in answers.items() if one.claim == "claimed"],
            )
        return [answers.get(uid, Claimed("missing")) for uid in uids]

    def mark(self, uids: Sequence[str], status: Status) -> None:
        """The findings are sent or refused; their keys no longer list them as pending."""
        rows.check_mark(status)
        with self._writing() as db:
            found = db.execute(STATUSES, (json.dumps(uids),)).fetchall()
            changed = [(status, uid) for uid, old in found if rows.may_become(old, status)]
            db.executemany("UPDATE finding SET status = ? WHERE uid = ?", changed)
            marked = frozenset(uids)
            self._rewrite({key_of(uid) for uid in uids}, lambda state: rows.without_pending(state, marked))

    def _rewrite(self, keys: Iterable[str], change: Callable[[KeyState], KeyState]) -> None:
        """Change states in place, with a new version where they become others. Within a transaction."""
        written: list[tuple[bytes, str]] = []
        for key, _, data in self._db.execute(READ, (json.dumps(list(keys)),)):
            old = load_state(data)
            new = change(old)
            if new != old:
                written.append((rows.state_bytes(new), key))
        if written:
            version = self._next_version()
            self._db.executemany(REWRITE, [(version, data, key) for data, key in written])

    def due(self, *, now_us: int, limit: int) -> Sequence[str]:
        """Uids of pending findings without a live lease, oldest first."""
        with translated(self._path):
            return [uid for (uid,) in self._db.execute(DUE, (now_us, limit))]

    def findings(self, uids: Sequence[str]) -> Mapping[str, FindingRow]:
        """The rows of those uids that exist."""
        with translated(self._path):
            found = self._db.execute(FINDINGS, (json.dumps(uids),)).fetchall()
        return {uid: FindingRow(load_finding(data), status) for uid, status, data in found}

    def scan_findings(self, query: Query) -> Iterator[FindingRow]:
        """Findings by event time, oldest first; read in pages, so that a long scan holds up no writer."""
        values: dict[str, object] = {
            "time_us": _MIN_US if query.since_us is None else query.since_us,
            "uid": "",
            "until_us": _MAX_US if query.until_us is None else query.until_us,
            "rule_id": None if query.rule_id is None else rows.whole_text(query.rule_id),
            "routing": query.routing,
            "status": query.status,
            "limit": FINDINGS_PAGE,
        }
        statement = SCAN_FINDINGS if query.rule_id is None else SCAN_RULE
        while True:
            with translated(self._path):
                page = self._db.execute(statement, values).fetchall()
            yield from (FindingRow(load_finding(data), status) for _, _, status, data in page)
            if len(page) < FINDINGS_PAGE:
                return
            values["time_us"], values["uid"] = page[-1][:2]

    def scan_states(self, *, rule_id: str | None = None) -> Iterator[tuple[str, StoredState]]:
        """(key, state) of every key, or of one rule's; in pages, in the order of their first writing."""
        wanted = None if rule_id is None else rows.whole_text(rule_id)
        last = 0
        while True:
            with translated(self._path):
                page = self._db.execute(SCAN_STATES, (last, wanted, STATES_PAGE)).fetchall()
            yield from ((key, StoredState(load_state(data), str(version))) for _, key, version, data in page)
            if len(page) < STATES_PAGE:
                return
            last = page[-1][0]

    def records(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Record]:
        """Those (kind, name) that exist."""
        found: dict[tuple[str, str], Record] = {}
        with translated(self._path):
            for kind, name in wanted:
                row = self._db.execute(RECORD, (kind, _name_bytes(name))).fetchone()
                if row is not None:
                    found[kind, name] = Record(kind, name, row[0], str(row[1]), row[2])
        return found

    def scan_records(self, kind: str) -> Iterator[Record]:
        """Every record of a kind, by name; in pages."""
        start = b""
        while True:
            with translated(self._path):
                page = self._db.execute(SCAN_RECORDS, (kind, start, STATES_PAGE)).fetchall()
            for name, data, version, expires_at_us in page:
                yield Record(kind, name.decode("utf-8", "surrogatepass"), data, str(version), expires_at_us)
            if len(page) < STATES_PAGE:
                return
            start = page[-1][0] + b"\0"  # nothing lies between a name and this

    def put_record(self, record: Record) -> Outcome:
        """Write it if the stored version is still ``record.version``."""
        name = _name_bytes(record.name)
        with self._writing() as db:
            row = db.execute(RECORD, (record.kind, name)).fetchone()
            if (None if row is None else str(row[1])) != record.version:
                return "conflict"
            db.execute(PUT_RECORD, (record.kind, name, self._next_version(), record.expires_at_us, record.data))
        return "committed"

    def delete_record(self, kind: str, name: str) -> None:
        """Remove it; nothing happens when it is absent."""
        with self._writing() as db:
            db.execute("DELETE FROM record WHERE kind = ? AND name = ?", (kind, _name_bytes(name)))

    def forget(self, keys: Sequence[str], *, entirely: bool) -> None:
        """Reduce states, or remove them ``entirely`` with their findings."""
        with self._writing() as db:
            if not entirely:
                self._rewrite(keys, rows.reduced)
                return
            named = [(key,) for key in keys]
            db.executemany("DELETE FROM state WHERE key = ?", named)
            # "." follows "-": the range holds the uids that begin with the key and a dash.
            db.executemany("DELETE FROM finding WHERE uid > ?1 || '-' AND uid < ?1 || '.'", named)

    def expire(self, *, now_us: int) -> int:
        """Drop rows whose ``expires_at_us`` has passed; how many."""
        with self._writing() as db:
            db.execute(EXPIRE_CANARIES, (now_us,))
            states = db.execute("DELETE FROM state WHERE expires_at_us < ?", (now_us,)).rowcount
            return states + db.execute("DELETE FROM record WHERE expires_at_us < ?", (now_us,)).rowcount

    def close(self) -> None:
        """Close the file; further calls raise sqlite3.ProgrammingError."""
        with translated(self._path):
            self._db.close()


def _state_row(change: Change) -> tuple[str, int | None, bytes, str]:
    return (
        rows.whole_text(change.state.rule_id),
        change.expires_at_us,
        rows.state_bytes(change.state),
        change.key,
    )


def _finding_row(finding: Finding) -> tuple[str, str, int, str, str, bytes]:
    status = rows.first_status(finding)
    rule_id = rows.whole_text(finding.card.id)
    return finding.uid, rule_id, finding.time_us, finding.routing, status, rows.finding_bytes(finding)


def _name_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
