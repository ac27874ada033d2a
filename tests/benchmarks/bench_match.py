"""Matching, as ratios to reading the same lines with orjson in the same run: `make bench`.

Each round measures every contender once, one after the other, and what counts is the median over rounds of its time
against orjson's. Both sides read the same lines from memory.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

import orjson

from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base
from firstseen.matching.engine import Engine, Sighted
from firstseen.sources.event import Reject
from firstseen.sources.splitting import Block, Document, blocks
from tests.benchmarks.measuring import ratio
from tests.benchmarks.report import Report, table

NOW_US = 2_000_000_000_000_000
CHUNK_BYTES = 1 << 16

Documents = list[Document | Reject | Block]


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


def measured(contenders: dict[str, Callable[[], object]], number: int) -> dict[str, list[float]]:
    """Each contender's processor seconds in each round."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(number):
        for name, run in contenders.items():
            start = time.process_time()
            run()
            taken[name].append(time.process_time() - start)
    return taken


def unindexed(pack: Pack) -> Pack:
    """The rules that name no call: they are asked of every event."""
    named = {id(base) for base in pack.bases if renamed(base.predicate, 1) != base.predicate}
    return Pack.of([base for base in pack.bases if id(base) not in named], [])


def quieter(pack: Pack, documents: Documents) -> Pack:
    """The pack without the rule that holds for most of the first events."""
    number: Counter[int] = Counter()
    for one in Engine(pack).sightings(documents[:100], received_us=NOW_US):
        if isinstance(one, Sighted):
            number.update(row for hit in one.hits for row in hit[2])
    (noisy, _), *_ = number.most_common(1)
    bases = [base for row, base in enumerate(pack.bases) if row != noisy]
    kept = {base.id for base in bases}
    return Pack.of(bases, [one for one in pack.correlations if all(member.base_id in kept for member in one.members)])


def passing(engine: Engine, way: str, documents: Documents) -> Callable[[], object]:
    return lambda: deque(getattr(engine, way)(documents, received_us=NOW_US), maxlen=0)


def matching(pack: Pack, documents: Documents) -> Callable[[], object]:
    return passing(Engine(pack), "sightings", documents)


def read(path: Path) -> Documents:
    """What the commands read of a file, in the pieces in which they do."""
    with path.open("rb") as file:
        return list(blocks(iter(lambda: file.read(CHUNK_BYTES), b"")))


def test_matching_against_reading(rules: Path, events: Path, number_of_rounds: int, report: Report) -> None:
    """The rules, ten times and a hundred times as many, and those that name no call; no command around them."""
    documents = read(events)
    lines = [line for one in documents if isinstance(one, Block) for line in one.documents]
    pack = pack_from(rules)
    contenders: dict[str, Callable[[], object]] = {
        "orjson.loads": lambda: each(orjson.loads, lines),
        f"{len(pack.bases):,} rules": matching(pack, documents),
    }
    own = list(contenders)[-1]
    for times in (10, 100):
        larger = times_as_many(pack, times)
        contenders[f"{len(larger.bases):,} rules"] = matching(larger, documents)
    calm = quieter(pack, documents)
    contenders[f"{len(calm.bases)} rules, without the one that matches most"] = matching(calm, documents)
    broad = unindexed(pack)
    contenders[f"the {len(broad.bases)} of them that name no call"] = matching(broad, documents)
    contenders["no rules"] = matching(Pack.of([], []), documents)
    contenders[f"{own}, and every match read in full"] = passing(Engine(pack), "scan", documents)
    for run in contenders.values():
        run()  # functions are made once, before anything is measured
    gc.collect()
    gc.freeze()
    taken = measured(contenders, number_of_rounds)
    found = Engine(pack).sightings(documents, received_us=NOW_US)
    wanted = sum(len(one.hits) for one in found if isinstance(one, Sighted))
    rows = [
        (
            name,
            f"{len(lines) / statistics.median(seconds) / 1000:,.0f}k",
            f"{ratio(taken['orjson.loads'], seconds):.2f}",
            f"{1 / ratio(taken[own], seconds):.2f}",
        )
        for name, seconds in taken.items()
    ]
    head = ("what runs over the lines", "events/s", "rate against orjson", f"time against {own}")
    report.add("matching", f"{wanted / len(lines):.1%} of the events match.\n\n{table(head, rows)}")
    assert wanted
