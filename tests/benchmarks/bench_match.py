# ruff: noqa: T201 - what a benchmark finds is printed
"""Matching, as ratios to reading the same lines with orjson in the same run: `make bench`.

Rates on a shared machine mean little; each round measures every contender once, one after the other, and what is
printed is the median over rounds of its time against orjson's. Both sides read the same lines from memory.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import orjson

from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack, dump
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base
from firstseen.matching.engine import Engine
from firstseen.sources.registry import SOURCES

ROUNDS = 5
NOW_US = 2_000_000_000_000_000


def pack_from(folder: Path) -> Pack:
    return build_pack({str(path): path.read_bytes() for path in sorted(folder.rglob("*.yml"))})


def renamed(tree: Predicate, copy: int) -> Predicate:
    """The same question about calls of another name."""
    match tree:
        case And(parts):
            return And(tuple(renamed(part, copy) for part in parts))
        case Or(parts):
            return Or(tuple(renamed(part, copy) for part in parts))
        case Not(part):
            return Not(renamed(part, copy))
        case Leaf("eventName", "equals", str() as name):
            return Leaf("eventName", "equals", f"{name}{copy}", tree.cased)
        case _:
            return tree


def times_as_many(pack: Pack, times: int) -> Pack:
    """The pack, and copies of those of its rules that name a call, each for calls of its own."""
    bases = list(pack.bases)
    for copy in range(1, times):
        for base in pack.bases:
            other = renamed(base.predicate, copy)
            if other != base.predicate:
                bases.append(Base(f"{base.id}-{copy}", base.title, base.sources, base.vocabulary, other, base.listed))
    return Pack.of(bases, [])


def each(function: Callable[[bytes], object], lines: list[bytes]) -> None:
    for line in lines:
        function(line)


def table(contenders: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Prints a row for each contender; gives each one's rate against the first's."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            start = time.process_time()
            run()
            taken[name].append(time.process_time() - start)
    first = next(iter(contenders))
    ratios = {}
    for name, seconds in taken.items():
        ratios[name] = statistics.median(a / b for a, b in zip(taken[first], seconds, strict=True))
        print(f"  {name:44} {count / statistics.median(seconds):>10,.0f} events/s   {ratios[name]:5.2f}")
    return ratios


def test_matching_against_reading(rules: Path, events: Path) -> None:
    """The rules, ten times and a hundred times as many, on the way that `match` takes and on the one `replay` takes."""
    lines = events.read_bytes().splitlines()
    documents = list(enumerate(lines, 1))
    pack = pack_from(rules)
    packs = {f"{len(pack.bases)} rules": pack}
    for times in (10, 100):
        larger = times_as_many(pack, times)
        packs[f"{len(larger.bases)} rules"] = larger

    def passing(engine: Engine, way: str) -> Callable[[], object]:
        return lambda: deque(getattr(engine, way)(documents, received_us=NOW_US), maxlen=0)

    contenders: dict[str, Callable[[], object]] = {"orjson.loads": lambda: each(orjson.loads, lines)}
    engines = {name: Engine(one) for name, one in packs.items()}
    for name, engine in engines.items():
        contenders[f"{name}: no match is read"] = lambda e=engine: each(e.matcher(SOURCES["aws.cloudtrail"]), lines)  # type: ignore[misc]
        contenders[f"{name}: sightings"] = passing(engine, "sightings")
    first = next(iter(engines.values()))
    contenders["all matches read in full"] = passing(first, "scan")
    passing(first, "sightings")()  # functions are made once, before anything is measured
    gc.collect()
    gc.freeze()
    print(f"\n\n{len(lines):,} events of {sum(map(len, lines)) / len(lines):,.0f} bytes, {rules}")
    matching = sum(1 for _ in first.sightings(documents, received_us=NOW_US))
    print(f"  {matching / len(lines):.1%} of the events match; rate, and ratio to orjson.loads:")
    ratios = table(contenders, len(lines))
    assert ratios, "nothing was measured"


MEMORY = """
import resource, sys
from pathlib import Path
from firstseen.language.pack import load
from firstseen.matching.engine import Engine
from firstseen.sources.splitting import split

def chunks(path, times):
    for _ in range(times):
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk

engine = Engine(load(Path(sys.argv[1]).read_bytes()))
scan = engine.sightings(split(chunks(sys.argv[2], int(sys.argv[3]))), received_us=2_000_000_000_000_000)
found = sum(1 for _ in scan)
print(scan.events, found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_stays_flat(rules: Path, events: Path, tmp_path: Path) -> None:
    """Peak memory over the file, and over ten times as much."""
    (tmp_path / "pack").write_bytes(dump(pack_from(rules)))
    peaks = []
    print()
    for times in (1, 10):
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "pack"), str(events), str(times)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, env=_path()).stdout.split()
        peaks.append(int(answer[2]) / 1024)
        print(f"  {int(answer[0]):>10,} events, {int(answer[1]):,} found: peak {peaks[-1]:.0f} MB")
    assert peaks[1] < peaks[0] * 1.5


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[2] / "shared")}
