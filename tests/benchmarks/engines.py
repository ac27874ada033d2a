# ruff: noqa: PLC0415, S608 - an engine is imported where it is measured; the queries are the backend's text
"""One engine over one file, in a process of its own: ``engines.py NAME RULES EVENTS MATCHES``.

Writes a line ``rule-id line`` for each match, and prints what it took as JSON: processor seconds from opening the
file to the last match (reading rules is not counted, reading events is), and the rules that it refused.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import orjson

from tests.benchmarks import flattened

Matches = Iterable[tuple[str, int]]
Refused = dict[str, str]
Engine = Callable[[Path], tuple[Callable[[Path], Matches], Refused]]
"""From a folder of rules to what runs them over a file."""


def parsed(events: Path) -> Iterator[tuple[int, dict[str, object]]]:
    with events.open("rb") as file:
        for line, raw in enumerate(file, 1):
            yield line, orjson.loads(raw)


def none(_rules: Path) -> tuple[Callable[[Path], Matches], Refused]:
    """No rules: each line parsed, and dropped."""

    def run(events: Path) -> Matches:
        with events.open("rb") as file:
            for raw in file:
                orjson.loads(raw)
        return ()

    return run, {}


def firstseen(rules: Path) -> tuple[Callable[[Path], Matches], Refused]:
    from firstseen.language.frontends.loading import build_pack
    from firstseen.matching.engine import Engine as Own
    from firstseen.matching.engine import Sighted
    from firstseen.sources.splitting import blocks

    pack = build_pack({str(path): path.read_bytes() for path in sorted(rules.rglob("*.yml"))})
    engine = Own(pack)
    engine.compile()

    def run(events: Path) -> Matches:
        with events.open("rb") as file:
            chunks = iter(lambda: file.read(1 << 16), b"")
            for one in engine.sightings(blocks(chunks), received_us=2_000_000_000_000_000):
                if isinstance(one, Sighted):
                    for place, _, rows, _ in one.hits:
                        for row in rows:
                            yield pack.bases[row].id, place

    return run, {}


def sqlite(rules: Path) -> tuple[Callable[[Path], Matches], Refused]:
    backend = flattened.sqlite_backend()
    queries, columns, refused = flattened.conditions(flattened.base_rules(rules), backend)

    def run(events: Path) -> Matches:
        yield from flattened.sqlite_matches(flattened.sqlite_table(columns, parsed(events)), queries)

    return run, refused


def duckdb(rules: Path) -> tuple[Callable[[Path], Matches], Refused]:
    import duckdb as duck

    queries, columns, refused = flattened.conditions(flattened.base_rules(rules), flattened.duckdb_backend())
    taken = ", ".join(["row_number() OVER () AS line", *map(flattened.duckdb_column, columns)])

    def run(events: Path) -> Matches:
        connection = duck.connect(config={"threads": 1})
        connection.execute(f"CREATE TABLE logs AS SELECT {taken} FROM read_ndjson_objects(?)", [str(events)])
        for rule_id, condition in queries:
            for (line,) in connection.execute(f"SELECT line FROM logs WHERE {condition}").fetchall():
                yield rule_id, line

    return run, refused


ENGINES: dict[str, Engine] = {"orjson": none, "firstseen": firstseen, "sqlite": sqlite, "duckdb": duckdb}


def main() -> None:
    name, rules, events, matches = sys.argv[1:]
    run, refused = ENGINES[name](Path(rules))
    gc.collect()
    gc.freeze()
    with Path(matches).open("w", encoding="ascii") as out:
        start = time.process_time()
        found = list(run(Path(events)))
        seconds = time.process_time() - start
        out.writelines(f"{rule_id} {line}\n" for rule_id, line in found)
    sys.stdout.write(json.dumps({"cpu_seconds": seconds, "refused": refused}) + "\n")


if __name__ == "__main__":
    main()
