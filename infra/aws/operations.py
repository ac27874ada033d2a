"""What the demo's company makes DynamoDB do, by each way in: measured, for infra/cost.py to put prices on.

Units are reckoned from the requests (moto counts one for each, however large): a begun KB written or 4 KB read, twice
in a transaction, once more for each index that the item is in.
"""
# ruff: noqa: INP001, ANN401 - a script's part, no part of a package; requests are JSON

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from boto3.session import Session
from moto import mock_aws
from moto.events.models import EventPattern

from firstseen.adapters.aws.clients import dynamodb_client
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.items import STATE
from firstseen.adapters.aws.schema import create_table
from firstseen.deliveries import Delivery
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication
from firstseen.language.pack import Pack
from firstseen.matching.patterns import Pattern
from firstseen.pipeline import Pipeline

ROOT = Path(__file__).resolve().parent.parent.parent
DAY_US = 86_400_000_000
WRITE_BYTES, READ_BYTES = 1_024, 4_096
INDEXES = ("due_shard", "time_shard", "rule_shard")
TABLE = "state"

WINDOW_US, BATCH_MESSAGES = 20_000_000, 50
"""MaximumBatchingWindowInSeconds and BatchSize of the template."""

Events = list[tuple[int, Any]]
"""Each with its time, in order."""
Way = list[tuple[int, list[bytes]]]
"""Batches: when each comes, and its deliveries."""


@dataclass(frozen=True, slots=True)
class Used:
    """What one way of the events took, after the first day.

    ``reads`` and ``writes`` are DynamoDB's units, ``requests`` calls of it.
    """

    events: int
    deliveries: int
    batches: int
    matches: int
    findings: int
    sent: int
    reads: float
    writes: float
    requests: int = 0


@dataclass
class _Sink:
    """Takes everything."""

    sent: int = 0

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        del deadline_us
        self.sent += len(findings)
        return ["sent"] * len(findings)


class _Meter:
    """Counts requests and reckons their units, by remembering how large each item was when it was put."""

    def __init__(self) -> None:
        self.units = {"reads": 0.0, "writes": 0.0, "requests": 0.0}
        self._bytes: dict[str, int] = {}

    def __call__(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self.units["requests"] += 1
        match model.name:
            case "PutItem":
                self.units["writes"] += self._put(params["Item"])
            case "UpdateItem":
                due = params["Key"]["sk"]["S"] != STATE  # a finding's lease or mark changes the index of what is due
                self.units["writes"] += self._kept(params["Key"], WRITE_BYTES) + due
            case "TransactWriteItems":
                self.units["writes"] += 2 * sum(self._part(one) for one in params["TransactItems"])
            case "BatchGetItem":
                for asked in params["RequestItems"].values():
                    units = sum(self._kept(key, READ_BYTES) for key in asked["Keys"])
                    self.units["reads"] += units * (1.0 if asked.get("ConsistentRead") else 0.5)
            case "Query" | "Scan":
                self.units["reads"] += 1

    def _part(self, part: Mapping[str, Any]) -> int:
        if "Put" in part:
            return self._put(part["Put"]["Item"])
        (one,) = part.values()
        return self._kept(one["Key"], WRITE_BYTES)

    def _put(self, item: Mapping[str, Any]) -> int:
        size = self._bytes[_key(item)] = sum(len(name) + _size(value) for name, value in item.items())
        return ceil(size / WRITE_BYTES) + sum(name in item for name in INDEXES)

    def _kept(self, key: Mapping[str, Any], unit_bytes: int) -> int:
        return max(1, ceil(self._bytes.get(_key(key), 1) / unit_bytes))


def _key(item: Mapping[str, Any]) -> str:
    return json.dumps([item["pk"], item["sk"]])


def _size(value: Any) -> int:
    """Of one typed value, about as DynamoDB counts."""
    if isinstance(value, Mapping):
        return sum(_size(one) for one in value.values()) + 1
    if isinstance(value, (list, tuple)):
        return sum(_size(one) + 1 for one in value)
    return len(value) if isinstance(value, (str, bytes)) else 1


def events(folder: Path, number: int) -> Events:
    """So many events of the demo's company, spread over its fourteen days."""
    command = [sys.executable, "-m", "demo", "--out", str(folder), "--format", "lines", "--events", str(number)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - our own
    found = [json.loads(line) for file in folder.iterdir() for line in file.read_bytes().splitlines()]
    return sorted(((_time_us(one), one) for one in found), key=lambda pair: pair[0])


def _time_us(event: Mapping[str, Any]) -> int:
    return int(datetime.fromisoformat(event["eventTime"]).timestamp()) * 1_000_000


def by_trail(found: Events, to_an_object: int) -> Way:
    """Objects of so many events, each a batch."""
    return [
        (part[-1][0], [gzip.compress(json.dumps({"Records": [one for _, one in part]}).encode())])
        for part in (found[at : at + to_an_object] for at in range(0, len(found), to_an_object))
    ]


def by_bus(found: Events, patterns: Sequence[Pattern]) -> Way:
    """What EventBridge hands over of the same events, those of a window of the event source mapping together."""
    chosen = [EventPattern.load(json.dumps(one)) for one in patterns]
    names = {name.lower() for pattern in patterns for name in _names(pattern)}
    way: Way = []
    began_us = -WINDOW_US
    for time_us, event in found:
        if event["eventName"].lower() not in names:
            continue  # every pattern asks for a name, and this is a thousand times faster
        envelope: Any = {"source": "aws.any", "detail-type": "AWS API Call via CloudTrail", "detail": event}
        if not any(one.matches_event(envelope) for one in chosen):
            continue
        if time_us >= began_us + WINDOW_US or len(way[-1][1]) == BATCH_MESSAGES:
            began_us = time_us
            way.append((time_us, []))
        way[-1][1].append(json.dumps(envelope).encode())
    return way


def _names(pattern: Any) -> Iterator[str]:
    """The calls that a pattern asks for."""
    if isinstance(pattern, list):
        for one in pattern:
            yield from _names(one)
    elif isinstance(pattern, Mapping):
        for key, value in pattern.items():
            if key == "eventName":
                yield from (one["equals-ignore-case"] for one in value)
            else:
                yield from _names(value)


def used(pack: Pack, way: Way) -> Used:
    """Take the batches through the pipeline."""
    now_us = first_us = way[0][0]
    found: Counter[str] = Counter()
    before: dict[str, float] = {}
    meter, sink = _Meter(), _Sink()
    with mock_aws():
        client = dynamodb_client(Session("testing", "testing", "testing", "eu-central-1"))
        create_table(client, TABLE)
        client.meta.events.register("provide-client-params.dynamodb", meter)
        store = DynamoStore(TABLE, client=client, workers=1)
        pipeline = Pipeline(pack, store, sink, owner="cost", clock=lambda: now_us)
        pipeline.activate(first_us)
        for at_us, deliveries in way:
            now_us, last = at_us, dict(meter.units)
            report = pipeline.process([Delivery(str(n), [one], now_us) for n, one in enumerate(deliveries)])
            if now_us < first_us + DAY_US:
                continue
            before = before or dict(last)
            found.update({name: report.counts.get(name, 0) for name in ("events", "matches", "sent")})
            found.update(batches=1, deliveries=len(deliveries), findings=len(report.findings))
    units = {name: number - before.get(name, 0.0) for name, number in meter.units.items()}
    counts = {name: found[name] for name in ("events", "deliveries", "batches", "matches", "findings", "sent")}
    return Used(**counts, reads=units["reads"], writes=units["writes"], requests=int(units["requests"]))
