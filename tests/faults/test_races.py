"""Many workers at once on one new term: exactly one finding, told once."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.deliveries import Delivery
from firstseen.pipeline import Pipeline
from firstseen.store.store import Query, Store
from tests.faults.faulty import RecordingSink
from tests.faults.world import MINUTE_US, START_US, Clock, event, pack

WRITERS = 50
PROCESSES = 8


def _write(store: Store, number: int, sink: RecordingSink, clock: Clock) -> set[str]:
    """One worker with one event of the same new term, at most five times until it is acknowledged."""
    pipeline = Pipeline(pack(), store, sink, owner=f"worker-{number}", clock=clock)
    delivery = Delivery(str(number), [event(number, 0)], clock())
    return set(pipeline.process([delivery]).retry)


def _new_term_uids(store: Store) -> list[str]:
    return [row.finding.uid for row in store.scan_findings(Query()) if row.finding.card.title == "Somebody new asked"]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_fifty_threads_with_one_new_term_make_one_finding(kind: str, tmp_path: Path) -> None:
    """Each thread has a store object, a pipeline and a sink of its own; whoever is not done is given back."""
    shared = MemoryStore()
    path = str(tmp_path / "state.db")
    if kind == "sqlite":
        SQLiteStore(path).close()
    clock, barrier = Clock(), Barrier(WRITERS)
    sinks = [RecordingSink() for _ in range(WRITERS)]

    def work(number: int) -> set[str]:
        store: Store = MemoryStore(shared=shared) if kind == "memory" else SQLiteStore(path)
        barrier.wait()
        return _write(store, number, sinks[number], clock)

    with ThreadPoolExecutor(WRITERS) as threads:
        left = set().union(*threads.map(work, range(WRITERS)))
    store: Store = shared if kind == "memory" else SQLiteStore(path)
    uids = _new_term_uids(store)
    assert len(uids) == 1
    told = [uid for sink in sinks for uid in sink.uids if uid == uids[0]]
    assert len(told) == 1
    clock.now_us += 2 * MINUTE_US
    sink = RecordingSink()
    assert not set().union(*(_write(store, int(number), sink, clock) for number in left)), "given back for ever"
    assert _new_term_uids(store) == uids


def _process(path: str, number: int, start: multiprocessing.synchronize.Event) -> None:
    store = SQLiteStore(path)
    start.wait(60)
    _write(store, number, RecordingSink(), Clock(START_US + 100 * MINUTE_US))
    store.close()


def test_processes_on_one_file_make_one_finding(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    SQLiteStore(path).close()
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    workers = [context.Process(target=_process, args=(path, number, start)) for number in range(PROCESSES)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert len(_new_term_uids(SQLiteStore(path))) == 1
