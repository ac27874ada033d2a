"""What can be wrong with a state file, and how it is used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firstseen.adapters.local import sqlite
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.adapters.local.sqlite_file import APPLICATION_ID, FILE_FORMAT
from firstseen.errors import StoreUnavailable, StoreUnusable
from firstseen.store.store import Change
from tests.contracts.store_samples import NOW_US, committed, finding, key, opening, state

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def ours(path: Path) -> Path:
    """A state file of ours with one key."""
    store = SQLiteStore(path)
    committed(store, opening(0))
    store.close()
    return path


def refused(path: Path, *words: str) -> None:
    """Opening says StoreUnusable, and the message names the path and each of the words."""
    with pytest.raises(StoreUnusable) as caught:
        SQLiteStore(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_a_file_carries_its_mark_and_format_and_readers_do_not_block(ours: Path) -> None:
    db = sqlite3.connect(ours)
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert db.execute("PRAGMA user_version").fetchone() == (FILE_FORMAT,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_commits_are_synced_to_the_disk(path: Path) -> None:
    store = SQLiteStore(path)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


@pytest.mark.parametrize("name", [":memory:", "a?b#c%20d.db", "with space", "ümläut.db", "file:x?mode=memory", "-"])
def test_any_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    SQLiteStore(name).close()
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_an_empty_file_becomes_ours(path: Path) -> None:
    path.touch()
    store = SQLiteStore(path)
    committed(store, opening(0))
    store.close()


@pytest.mark.parametrize("content", [b"x", b"not a database\n", b"\0" * 4096, b"{}\n" * 5000, b"SQLite format 3\0"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, "name another path")
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bookmarks (url TEXT)")
    db.close()
    before = path.read_bytes()
    refused(path, "belongs to another program", "name another path")
    assert path.read_bytes() == before


def test_another_programs_mark_is_refused(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA application_id = 7")
    db.close()
    refused(path, "belongs to another program")


@pytest.mark.parametrize(("version", "mend"), [(FILE_FORMAT + 1, "upgrade firstseen"), (0, "move it away")])
def test_another_format_is_refused_with_the_mend(ours: Path, version: int, mend: str) -> None:
    db = sqlite3.connect(ours)
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    refused(ours, f"format {version}", mend)


def test_a_damaged_file_is_refused(ours: Path) -> None:
    content = bytearray(ours.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    ours.write_bytes(content)
    with pytest.raises(StoreUnusable, match="damaged"):
        SQLiteStore(ours).read([key(0)])


def test_a_file_of_ours_without_its_tables_is_unusable(ours: Path) -> None:
    db = sqlite3.connect(ours)
    db.execute("DROP TABLE state")
    db.close()
    store = SQLiteStore(ours)
    with pytest.raises(StoreUnusable, match="damaged"):
        store.read([key(0)])
    store.close()


def test_a_row_of_another_format_is_unusable_and_never_new(ours: Path) -> None:
    db = sqlite3.connect(ours)
    db.execute("UPDATE state SET data = '[99' || substr(data, 3)")
    db.commit()
    db.close()
    store = SQLiteStore(ours)
    with pytest.raises(StoreUnusable, match="format"):
        store.read([key(0)])
    store.close()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


def test_a_missing_folder_is_refused_and_named(tmp_path: Path) -> None:
    refused(tmp_path / "no" / "state.db", f"no folder {tmp_path / 'no'}")


def test_a_file_where_a_folder_belongs_is_refused(ours: Path) -> None:
    refused(ours / "state.db", f"no folder {ours}")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may reach; pytest's own are the user's alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    folder.chmod(0o777)
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody() -> Iterator[Callable[[], None]]:
    """Give up root's right to write anywhere, which would hide every permission, until the test ends."""
    was = os.geteuid()

    def drop() -> None:
        if was == 0:
            os.seteuid(NOBODY)

    yield drop
    os.seteuid(was)


@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o777), (0o444, 0o555), (0o666, 0o555)])
def test_a_read_only_file_or_folder_is_refused(
    open_folder: Path, as_nobody: Callable[[], None], file_mode: int, folder_mode: int
) -> None:
    path = open_folder / "state.db"
    SQLiteStore(path).close()
    path.chmod(file_mode)
    open_folder.chmod(folder_mode)
    as_nobody()
    refused(path, "folder")


def test_a_file_in_a_read_only_folder_cannot_be_made(open_folder: Path, as_nobody: Callable[[], None]) -> None:
    open_folder.chmod(0o555)
    as_nobody()
    refused(open_folder / "state.db", "check the permissions")


def test_an_unreadable_file_is_refused(open_folder: Path, as_nobody: Callable[[], None]) -> None:
    path = open_folder / "state.db"
    SQLiteStore(path).close()
    path.chmod(0)
    as_nobody()
    refused(path, "check the permissions")


def test_a_full_disk_is_said_and_what_was_committed_stays(path: Path) -> None:
    store = SQLiteStore(path)
    committed(store, opening(0))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    # What SQLite answers at this limit is what it answers on a full disk.
    store._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    large = finding(key(1), raw="x" * 100_000)
    with pytest.raises(StoreUnusable, match="disk is full: free some space"):
        store.commit([Change(key(1), None, state(1), (large,))])
    assert dict(store.read([key(1)])) == {}
    store._db.execute(f"PRAGMA max_page_count = {pages + 200}")
    committed(store, Change(key(1), None, state(1), (large,)))
    assert len(store.read([key(0), key(1)])) == 2
    store.close()


def test_a_locked_file_is_unavailable_for_writing_and_open_for_reading(ours: Path) -> None:
    store = SQLiteStore(ours, busy_seconds=0.0)
    other = sqlite3.connect(ours, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked by another process"):
        store.commit([opening(1)])
    with pytest.raises(StoreUnavailable, match=r"state\.db"):
        SQLiteStore(ours, busy_seconds=0.0)
    assert len(store.read([key(0)])) == 1
    other.execute("ROLLBACK")
    committed(store, opening(1))
    other.close()
    store.close()


def test_a_failure_within_a_call_leaves_nothing_of_it(ours: Path) -> None:
    store = SQLiteStore(ours)
    store._db.execute("CREATE TEMP TRIGGER fault BEFORE INSERT ON finding BEGIN SELECT RAISE(ABORT, 'fault'); END")
    with pytest.raises(StoreUnusable):
        store.commit([opening(1)])
    assert dict(store.read([key(1)])) == {}
    store._db.execute("DROP TRIGGER fault")
    committed(store, opening(1))
    store.close()


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (sqlite.DUE, (NOW_US, 10), "finding_due"),
        (sqlite.SCAN_RECORDS, ("slot", b"", 10), "PRIMARY KEY"),
        (sqlite.SCAN_STATES, (0, None, 10), "INTEGER PRIMARY KEY"),
        (sqlite.READ, ("[]",), "sqlite_autoindex_state"),
        (sqlite.FINDINGS, ("[]",), "sqlite_autoindex_finding"),
        (sqlite.LEASES, ("[]",), "sqlite_autoindex_finding"),
    ],
)
def test_a_statement_uses_its_index_and_sorts_nothing(
    ours: Path, statement: str, values: tuple[object, ...], index: str
) -> None:
    plan = planned(ours, statement, values)
    assert index in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(
    ("statement", "index"), [(sqlite.SCAN_FINDINGS, "finding_time"), (sqlite.SCAN_RULE, "finding_rule")]
)
def test_a_scan_of_findings_uses_its_index_and_sorts_nothing(ours: Path, statement: str, index: str) -> None:
    names = ("time_us", "uid", "until_us", "rule_id", "routing", "status", "limit")
    plan = planned(ours, statement, dict.fromkeys(names, 1))
    assert index in plan
    assert "TEMP B-TREE" not in plan


def planned(path: Path, statement: str, values: tuple[object, ...] | dict[str, int]) -> str:
    """SQLite's plan for a statement."""
    db = sqlite3.connect(path)
    plan = " ".join(str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values))
    db.close()
    return plan
