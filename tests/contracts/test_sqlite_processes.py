"""What many processes do to one state file, and what is left when one dies."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.errors import StoreUnavailable
from tests.contracts.store_samples import committed, opening, stored

PROCESSES = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_a_file_that_another_process_is_making_is_never_taken_for_foreign(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else makes it between the first look at the file and the second."""
    connect = sqlite3.connect
    looks: list[str] = []

    def made_meanwhile(statement: str) -> None:
        looks.append(statement)
        if looks.count("PRAGMA user_version") == 1 and statement == "PRAGMA user_version":
            with contextlib.suppress(StoreUnavailable):  # it may be kept waiting
                SQLiteStore(path, busy_seconds=0.0).close()

    def watched(address: str, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - they are passed on
        monkeypatch.undo()
        db: sqlite3.Connection = connect(address, **options)
        db.set_trace_callback(made_meanwhile)
        return db

    monkeypatch.setattr(sqlite3, "connect", watched)
    store = SQLiteStore(path, busy_seconds=0.0)
    assert looks.count("PRAGMA user_version") > 0
    committed(store, opening(0))
    store.close()


WRITER = """
import sys
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.store.state import KeyState
from firstseen.store.store import Change

print("ready", flush=True)
sys.stdin.readline()
store = SQLiteStore(sys.argv[1], busy_seconds=60)
print(store.commit([Change("race", None, KeyState("rule", sys.argv[2]))])[0])
for _ in range(20):
    for _ in range(1000):
        found = store.read(["count"]).get("count")
        count = 0 if found is None else found.state.generation
        change = Change("count", found and found.version, KeyState("rule", "f", generation=count + 1))
        if store.commit([change])[0] == "committed":
            break
store.close()
"""


def test_processes_that_make_and_write_one_file_at_once_agree_on_one_winner(path: Path) -> None:
    """The file does not exist when they start: they race to make it, too."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    for one in processes:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    answers = [one.communicate(timeout=100)[0].strip() for one in processes]
    assert [one.returncode for one in processes] == [0] * PROCESSES
    assert sorted(answers) == ["committed"] + ["conflict"] * (PROCESSES - 1)
    store = SQLiteStore(path)
    assert stored(store, "race").state.fingerprint == str(answers.index("committed"))
    assert stored(store, "count").state.generation == 20 * PROCESSES
    store.close()


def test_a_process_that_dies_after_a_commit_has_written_it(path: Path) -> None:
    script = WRITER.split("for _ in", maxsplit=1)[0] + "import os\nsys.stdout.flush()\nos._exit(9)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), "f"],
        input="go\n", env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (9, "ready\ncommitted\n")
    store = SQLiteStore(path)
    assert stored(store, "race").state.rule_id == "rule"
    store.close()
