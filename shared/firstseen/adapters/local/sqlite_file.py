"""The SQLite state file itself: opening it, knowing it for ours, and saying what is wrong with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from firstseen.errors import StoreError, StoreUnavailable, StoreUnusable

APPLICATION_ID = 0x46535431
"""``FST1`` in SQLite's header: this file is firstseen's, whatever it is called."""

FILE_FORMAT = 1
"""``user_version`` of the header: the tables below. The rows' own formats are in the rows."""

OPEN_ATTEMPTS = 8
"""Of switching a new file to WAL, which answers "busy" at once while another process does the same."""

WAL_PAGES = 8192
"""How far the write-ahead log grows before it is written back: 32 MiB of 4 KiB pages."""

_TABLES = (
    "CREATE TABLE counter (version INTEGER NOT NULL)",
    "INSERT INTO counter VALUES (0)",
    # With rowids: rows of up to 60 KB stay out of the tree of random keys.
    """CREATE TABLE state (
        key TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, rule_id TEXT NOT NULL, expires_at_us INTEGER,
        data BLOB NOT NULL)""",
    "CREATE INDEX state_expires ON state (expires_at_us) WHERE expires_at_us IS NOT NULL",
    """CREATE TABLE finding (
        uid TEXT NOT NULL UNIQUE, rule_id TEXT NOT NULL, time_us INTEGER NOT NULL, routing TEXT NOT NULL,
        status TEXT NOT NULL, owner TEXT, lease_until_us INTEGER, data BLOB NOT NULL)""",
    "CREATE INDEX finding_time ON finding (time_us, uid)",
    "CREATE INDEX finding_rule ON finding (rule_id, time_us, uid)",
    "CREATE INDEX finding_due ON finding (time_us, uid, lease_until_us) WHERE status = 'pending'",
    # Names are bytes: any text can be one, and bytes sort as the text's code points do.
    """CREATE TABLE record (
        kind TEXT NOT NULL, name BLOB NOT NULL, version INTEGER NOT NULL, expires_at_us INTEGER,
        data BLOB NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID""",
    "CREATE INDEX record_expires ON record (expires_at_us) WHERE expires_at_us IS NOT NULL",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FILE_FORMAT}",
)

_PASSING = {
    sqlite3.SQLITE_BUSY: "is locked by another process: try again when it has finished",
    sqlite3.SQLITE_LOCKED: "is locked: try again",
    sqlite3.SQLITE_PROTOCOL: "is locked by another process: try again when it has finished",
    sqlite3.SQLITE_IOERR: "could not be read or written (the disk's or the file system's fault): try again",
    sqlite3.SQLITE_NOMEM: "could not be used, memory is short: try again with more",
    sqlite3.SQLITE_INTERRUPT: "was interrupted: try again",
}
_LASTING = {
    sqlite3.SQLITE_NOTADB: "is no state file of firstseen (not SQLite at all): name another path",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore a copy, or move it away and build the baseline again",
    sqlite3.SQLITE_READONLY: "is read-only, or its folder is: make both writable or name another path",
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: free some space and run again",
    sqlite3.SQLITE_PERM: "may not be used: check the permissions of the file and its folder",
    sqlite3.SQLITE_AUTH: "may not be used: check the permissions of the file and its folder",
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what sqlite3 raises into a StoreError that names the file and the mend.

    Decided by SQLite's code, never by its message.
    Errors without a code are wrong use (a closed object, a value of a wrong type) and pass.
    """
    try:
        yield
    except sqlite3.Error as exc:
        code = getattr(exc, "sqlite_errorcode", None)
        if code is None:
            raise
        raise _meaning(path, code & 0xFF, str(exc)) from exc


def _meaning(path: Path, code: int, said: str) -> StoreError:
    if code in _PASSING:
        return StoreUnavailable(f"state file {path} {_PASSING[code]} ({said})")
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnusable(f"state file {path} {_why_closed(path)} ({said})")
    fault = _LASTING.get(code, "cannot be used: it may be damaged, or changed by another program")
    return StoreUnusable(f"state file {path} {fault} ({said})")


def _why_closed(path: Path) -> str:
    """Why a file cannot be opened at all."""
    try:
        if path.is_dir():
            return "is a folder: name a file in it"
        if not path.parent.is_dir():
            return f"cannot be made, there is no folder {path.parent}: make it first"
    except OSError:
        return "cannot be reached: check the path"
    return "cannot be opened: check the permissions of the file and its folder"


def open_file(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """The connection to a file that is ours, made when it is missing or empty.

    Raises StoreUnusable when it is not ours, of another version, read-only or no file; StoreUnavailable when
    it stays locked for ``busy_seconds``.
    """
    if _bytes(path) == 1:  # the one size at which SQLite takes any content for an empty file
        msg = f"state file {path} {_LASTING[sqlite3.SQLITE_NOTADB]}"
        raise StoreUnusable(msg)
    with translated(path):
        # A URI with an absolute path: no name is special then, ":memory:" included.
        address = "file:" + quote(str(path.absolute()), errors="surrogateescape")
        db = sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        with translated(path):
            _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _bytes(path: Path) -> int:
    """The file's size; 0 if it cannot be told, which opening it will explain."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    with transaction(db, "BEGIN"):  # what is read to know a file must be of one moment: others may be making it
        new = _is_new(db, path)
    if new:
        _use_wal(db)
    # FULL, not NORMAL: a delivery is acknowledged once its change is reported as committed, so that must
    # outlive a power cut. In WAL mode NORMAL would then lose the last commits (though not the file).
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA cache_size = -32768")
    # Keys are hashes, so each batch touches pages everywhere: the seldomer they are written back, the better.
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    db.execute(f"PRAGMA journal_size_limit = {2 * WAL_PAGES * 4096}")
    with transaction(db):
        if _is_new(db, path):
            for statement in _TABLES:
                db.execute(statement)
        # Changes nothing, and fails at once where the file may not be written; a transaction alone does not.
        db.execute("UPDATE counter SET version = version WHERE FALSE")


def _is_new(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is empty; raises StoreUnusable when it is neither empty nor ours."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (application, version, tables) == (0, 0, 0):
        return True
    if application != APPLICATION_ID:
        msg = f"state file {path} belongs to another program: name another path"
        raise StoreUnusable(msg)
    if version != FILE_FORMAT:
        mend = "upgrade firstseen" if version > FILE_FORMAT else "move it away and build the baseline again"
        msg = f"state file {path} has format {version}, this version of firstseen reads {FILE_FORMAT}: {mend}"
        raise StoreUnusable(msg)
    return False


def _use_wal(db: sqlite3.Connection) -> None:
    """Readers beside a writer. The mode stays in the file, so it is set when the file is made.

    A file system that cannot do it keeps its own mode, which is as safe and slower.
    """
    for attempt in range(OPEN_ATTEMPTS):
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt == OPEN_ATTEMPTS - 1:
                raise
            with transaction(db):  # waits for the other process, where the switch itself does not
                pass
        else:
            return


@contextmanager
def transaction(db: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """One transaction: all of it or nothing.

    As a rule one that takes the write lock at its start, so that what it reads is what it changes; a plain ``BEGIN``
    serves for reading several things of one moment.
    """
    db.execute(begin)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            with suppress(sqlite3.Error):  # the first error says more
                db.execute("ROLLBACK")
        raise
