"""`make load`: what the built Lambda package bears. Writes the tables of docs/load.md.

FIRSTSEEN_LOAD_EVENTS says how many events a run takes, FIRSTSEEN_LOAD_SECONDS how long memory is watched.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack, dump
from tests.benchmarks import comparable
from tests.benchmarks.bench_match import times_as_many, unindexed
from tests.benchmarks.report import table
from tests.chaos.account import Account, account
from tests.chaos.lambda_process import Package
from tests.chaos.moving import MovedClock, moved_clock
from tests.chaos.weather import Service
from tests.faults.world import START_US
from tests.functions.aws_package import build, runtime_client, runtime_interpreter, unpack
from tests.load.driving import Driver, Run, until
from tests.load.tables import Tables
from tests.load.trails import BATCH_OBJECTS, OBJECT_EVENTS, Trail, demo_lines, one_person

PYTHON = "3.13"
EVENTS = int(os.environ.get("FIRSTSEEN_LOAD_EVENTS", "50000"))
SECONDS = float(os.environ.get("FIRSTSEEN_LOAD_SECONDS", "120"))
WORKERS = (1, 2, 4)
MANY_RULES = 10_000
HOT_BATCHES = 30
HOT = b"""
title: Asked
name: asked
id: 11111111-0000-4000-8000-000000000051
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: Ask}, condition: selection}
level: low
---
title: Asked a hundred times
id: 11111111-0000-4000-8000-000000000052
correlation:
    {type: event_count, rules: [asked], group-by: [userIdentity.userName], timespan: 10m, condition: {gte: 100}}
level: low
"""


@pytest.fixture(scope="session")
def tables(request: pytest.FixtureRequest) -> Tables:
    return Tables(write=request.config.getoption("--write-load"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="session")
def package(folder: Path) -> Package:
    """As it is deployed."""
    python = runtime_interpreter(PYTHON)
    if python is None:
        pytest.skip(f"no Python {PYTHON} on the PATH or in pyenv")
    zipped, _ = build(folder / "build", python=PYTHON)
    return Package(python, unpack(zipped, folder / "task"), runtime_client(folder / "runtime", PYTHON))


@pytest.fixture(scope="session")
def shipped(package: Package) -> Path:
    """The rules that the project ships, as they lie in the package."""
    return package.task / "rules.pack"


@pytest.fixture(scope="session")
def lines(folder: Path) -> list[bytes]:
    return demo_lines(folder / "demo", EVENTS)


@pytest.fixture(scope="session")
def clock(folder: Path) -> Iterator[MovedClock]:
    with moved_clock(folder / "clock", START_US) as made:
        yield made


@pytest.fixture(scope="session")
def deployed(folder: Path, shipped: Path) -> Iterator[Account]:
    with account(folder, shipped.read_bytes()) as made:
        yield made


@pytest.fixture(scope="session")
def trail(deployed: Account, lines: list[bytes]) -> Trail:
    return Trail(deployed, lines)


@pytest.fixture(scope="session")
def driver(package: Package, deployed: Account, clock: MovedClock, folder: Path) -> Driver:
    return Driver(package, deployed, clock, folder / "log")


def passed(driver: Driver, trail: Trail, workers: int, pack: Path) -> Run:
    """A run over one pass of the trail, which is stored before it begins."""
    trail.turn += 1
    batches = list(trail.batches())
    return driver.run(workers, trail.first(), iter(batches), received_us=trail.received_us, pack=pack)


def written(folder: Path, name: str, pack: Pack) -> Path:
    path = folder / f"{name}.pack"
    path.write_bytes(dump(pack))
    return path


def test_the_rate(driver: Driver, trail: Trail, shipped: Path, folder: Path, tables: Tables) -> None:
    """Events a second with one process and with several; how long a batch takes, and where that time goes.

    A first pass is not counted: to a table with nothing in it everything is new.
    """
    passed(driver, trail, 1, shipped)
    runs = [passed(driver, trail, workers, shipped) for workers in WORKERS]
    bare = passed(driver, trail, 1, written(folder, "none", Pack.of([], [])))
    about = f"{EVENTS:,} events, {OBJECT_EVENTS * BATCH_OBJECTS:,} to a batch, in objects of {OBJECT_EVENTS}."
    rows = [
        (
            str(run.workers), f"{run.rate:,.0f}", ms(run.latency_seconds(0.5)), ms(run.latency_seconds(0.99)),
            ms(statistics.fmean(one.cpu_seconds for one in run.taken)), f"{run.counts['conflicts']:,}",
        )
        for run in runs
    ]  # fmt: skip
    head = ("processes", "events/s", "p50 of a batch", "p99", "processor time of a batch", "conflicts")
    tables.add("rate", f"{about}\n\n{table(head, rows)}")
    tables.add("where", where(runs[0], bare))
    assert all(run.events == EVENTS for run in (*runs, bare))
    assert runs[0].counts["matches"] > 0


def where(run: Run, bare: Run) -> str:
    """A batch's time by what it went to."""
    number = len(run.taken)
    whole = statistics.fmean(one.seconds for one in run.taken)
    reading, own = (statistics.fmean(one.cpu_seconds for one in each.taken) for each in (bare, run))
    names: dict[Service, str] = {"other": "S3 answers", "store": "DynamoDB answers", "sink": "SNS answers"}
    waits = {
        said: (run.waited_seconds.get(name, 0.0) / number, run.calls[name] / number) for name, said in names.items()
    }
    parts = [
        ("reading: computed with no rules at all", reading, ""),
        ("matching, stepping, talking: computed with the shipped rules, beyond that", own - reading, ""),
        *((name, seconds, f"{calls:.1f}") for name, (seconds, calls) in waits.items()),
    ]
    rest = whole - sum(seconds for _, seconds, _ in parts)
    rows = [(name, ms(seconds), calls) for name, seconds, calls in parts]
    rows += [("the rest: the road, other processes", ms(rest), ""), ("a batch, one process", ms(whole), "")]
    return table(("where a batch's time goes", "mean", "calls"), rows)


def test_memory_stays_flat(driver: Driver, trail: Trail, shipped: Path, tables: Tables) -> None:
    """The resident memory of one process while new events come."""
    batches = until(SECONDS, trail.passes)
    later_us = trail.received_us + 10_000 * 86_400_000_000
    run = driver.run(1, trail.first(), batches, received_us=later_us, pack=shipped)
    parts = {"the first tenth": (0.0, 0.1), "the middle": (0.45, 0.55), "the last tenth": (0.9, 1.0)}
    rows = [(name, f"{run.rss_bytes(*part) / 1e6:.1f} MB") for name, part in parts.items()]
    about = f"{run.seconds / 60:.0f} minutes, {run.events:,} events in {len(run.taken):,} batches, one process."
    tables.add("memory", f"{about}\n\n{table(('resident memory, mean of', ''), rows)}")
    assert run.rss_bytes(0.9, 1.0) < 1.1 * run.rss_bytes(0.1, 0.3)


def test_a_hot_key(driver: Driver, deployed: Account, folder: Path, tables: Tables) -> None:
    """Every event of every process is one key's."""
    pack, rows = written(folder, "hot", build_pack({"hot.yml": HOT})), []
    for workers in WORKERS:
        first, *batches = one_person(deployed, workers, HOT_BATCHES + 1)
        run = driver.run(workers, first[0], iter(batches), received_us=START_US + 10**11, pack=pack)
        rows.append(
            (
                str(workers), f"{run.rate:,.0f}", ms(run.latency_seconds(0.5)), ms(run.latency_seconds(0.99)),
                f"{run.counts['conflicts']:,}", f"{len(run.taken) - HOT_BATCHES:,}",
            )
        )  # fmt: skip
        assert run.events == HOT_BATCHES * OBJECT_EVENTS
    head = ("processes", "events/s", "p50 of a batch", "p99", "conflicts", "batches that came again")
    about = f"{HOT_BATCHES} batches of {OBJECT_EVENTS} events, all of one key."
    tables.add("hot", f"{about}\n\n{table(head, rows)}")


def test_ten_thousand_rules(driver: Driver, trail: Trail, folder: Path, tables: Tables) -> None:
    """Most of them name calls that nobody makes; some name none, and are asked of every event."""
    (folder / "comparable").mkdir()
    comparable.write(folder / "comparable")
    few = build_pack({str(path): path.read_bytes() for path in (folder / "comparable").iterdir()})
    many = times_as_many(few, -(-MANY_RULES // (len(few.bases) - len(unindexed(few).bases))))
    rows = []
    for bases in ((), few.bases, many.bases[:MANY_RULES]):
        run = passed(driver, trail, 1, written(folder, f"rules-{len(bases)}", Pack.of(list(bases), [])))
        rows.append(
            (
                f"{len(bases):,} rules", f"{run.first_seconds[0]:.2f} s", f"{run.rate:,.0f}",
                ms(statistics.fmean(one.cpu_seconds for one in run.taken)),
                f"{run.rss_bytes(0.5, 1.0) / 1e6:.0f} MB",
            )
        )  # fmt: skip
        assert run.events == EVENTS
    tables.add("rules", table(("a pack of", "first answer", "events/s", "processor time of a batch", "memory"), rows))


def ms(seconds: float) -> str:
    return f"{seconds * 1_000:,.0f} ms"
