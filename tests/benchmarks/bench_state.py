"""What state costs: items read and written for each event and match of the demo's company, after its first day.

The numbers are counts, so they do not depend on the machine: `make bench`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.schema import create_table
from firstseen.cli.ruleset import load_pack
from firstseen.deliveries import Delivery
from firstseen.language.pack import Pack
from firstseen.pipeline import Pipeline
from tests.benchmarks.report import Report, table
from tests.contracts.aws_services import running
from tests.faults.faulty import RecordingSink

ROOT = Path(__file__).parents[2]
DAY_US = 86_400_000_000

BUSY = b"""
title: Any call
id: 22222222-0000-4000-8000-000000000001
name: any_call
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: '*'}, condition: selection}
level: informational
---
title: Somebody makes a call that is new for them
id: 22222222-0000-4000-8000-000000000002
correlation:
    type: new_terms
    rules: [any_call]
    fields: [userIdentity.arn, eventName]
    timespan: 7d
level: informational
"""
"""The other end: a rule that every event matches, with a key for each principal and call."""


@dataclass(frozen=True, slots=True)
class Trail:
    """One object of the trail: when it was written, by its name, and where it lies."""

    time_us: int
    path: Path


@pytest.fixture(scope="module")
def trails(tmp_path_factory: pytest.TempPathFactory) -> list[Trail]:
    """The demo's objects, in the order in which they are delivered."""
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run([sys.executable, "-m", "demo", "--out", str(folder)], cwd=ROOT, check=True, capture_output=True)
    return sorted((Trail(_written_us(path), path) for path in folder.rglob("*.json.gz")), key=lambda one: one.time_us)


def _written_us(path: Path) -> int:
    found = re.search(r"_(\d{8}T\d{4})Z_", path.name)
    assert found
    return int(datetime.fromisoformat(f"{found[1]}Z").timestamp()) * 1_000_000


def _used(pack: Pack, trails: list[Trail]) -> Counter[str]:
    """Take each object as one batch, as a function does. What was done from the second day on.

    Items, not capacity units: moto reckons each write as one unit, however large the item and however many its
    indexes.
    """
    now_us = first_us = trails[0].time_us
    seen, first_day = Counter[str](), Counter[str]()
    with running("moto") as service:
        client = service.dynamodb()
        create_table(client, "state")
        store = DynamoStore("state", client=client, workers=1)
        pipeline = Pipeline(pack, store, RecordingSink(), owner="bench", clock=lambda: now_us)
        pipeline.activate(first_us)
        for one in trails:
            now_us = one.time_us
            later = now_us >= first_us + DAY_US
            report = pipeline.process([Delivery(str(one.path), [one.path.read_bytes()], now_us)])
            assert not report.retry
            assert not report.rejects
            if later:
                seen.update(report.counts)
                seen.update(objects=1, findings=len(report.findings), matching=bool(report.counts.get("matches")))
            else:
                first_day = Counter(store.operations)
        seen.update(store.operations - first_day)
    return seen


def test_state_for_each_event_and_match(shipped: Path, trails: list[Trail], report: Report, tmp_path: Path) -> None:
    """The shipped rules, which want few events, and a rule with memory that wants every one."""
    busy = tmp_path / "busy.yml"
    busy.write_bytes(BUSY)
    used = {
        "the rules that are shipped": _used(load_pack([str(shipped)]), trails),
        "and one that every event matches": _used(load_pack([str(shipped), str(busy)]), trails),
    }
    rows = [
        (
            name,
            *(f"{one[part]:,}" for part in ("matches", "findings", "sent", "reads", "writes")),
            *(f"{one[part] / one['events']:.3f}" for part in ("reads", "writes")),
            *(f"{one[part] / one['matches']:.2f}" for part in ("reads", "writes")),
        )
        for name, one in used.items()
    ]
    head = (
        "rules", "matches", "findings", "notified", "items read", "items written",
        "reads an event", "writes an event", "reads a match", "writes a match",
    )  # fmt: skip
    few, stirred = used.values()
    about = (
        f"{few['events']:,} events in {few['objects']:,} objects, copies among them; "
        f"{few['matching']:,} of the objects hold a match for the shipped rules."
    )
    report.add("state", f"{about}\n\n{table(head, rows)}")
    assert few["matches"] < stirred["matches"]
    assert stirred["matches"] >= stirred["events"] > 0
