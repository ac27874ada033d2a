"""What good input looks like: the shipped rules, the events of their tests, samples of every log, every envelope."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack
from firstseen.sources.registry import SOURCES
from tests.emulators import ROOT
from tests.faults.world import RULES
from tests.shipped import shipped_rules

RULES_FOLDER = ROOT / "shared" / "rules"

WATCHED = """
title: Witnessed
id: 11111111-0000-4000-8000-000000000099
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: Witnessed}, condition: selection}
level: high
"""


@cache
def pack() -> Pack:
    """The shipped rules, and one for a witness."""
    own = build_pack({"own.yml": WATCHED.encode()})
    shipped = shipped_rules()
    return Pack.of([*shipped.bases, *own.bases], [*shipped.correlations, *own.correlations])


@cache
def events() -> tuple[dict[str, Any], ...]:
    """A sample of each log and, of the events that the shipped rules are tested with, one for each call."""
    found: dict[str, dict[str, Any]] = {}
    for test in shipped_rules().tests:
        for raw in test.events:
            view = json.loads(raw)
            found.setdefault(str(view.get("eventName") or view.get("operationName") or view.get("event_type")), view)
    return (*(dict(one.sample) for one in SOURCES.values()), *found.values())


def _lines(one: dict[str, Any]) -> bytes:
    return json.dumps(one).encode() + b"\n" + json.dumps(one).encode() + b"\n"


def _in(envelope: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], bytes]:
    return lambda one: json.dumps(envelope(one)).encode()


def _pub_sub(one: dict[str, Any]) -> object:
    return {"message": {"data": base64.b64encode(json.dumps(one).encode()).decode(), "messageId": "1"}}


ENVELOPES: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    "alone": _in(lambda one: one),
    "lines": _lines,
    "array": _in(lambda one: [one, one]),
    "Records": _in(lambda one: {"Records": [one]}),
    "records": _in(lambda one: {"records": [one, one]}),
    "value": _in(lambda one: {"value": [one]}),
    "detail": _in(lambda one: {"detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "detail": one}),
    "LookupEvents": _in(lambda one: {"Events": [{"CloudTrailEvent": json.dumps(one)}]}),
    "CloudWatch Logs": _in(
        lambda one: {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": json.dumps(one)}]}
    ),
    "SNS": _in(lambda one: {"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(one)}),
    "Pub/Sub": _in(_pub_sub),
    "gzip": lambda one: gzip.compress(json.dumps({"Records": [one]}).encode(), mtime=0),
}


@cache
def deliveries() -> tuple[bytes, ...]:
    """Every envelope around the samples, and the tests' events as they are."""
    samples = events()[: len(SOURCES)]
    wrapped = [write(one) for write in ENVELOPES.values() for one in samples]
    return (*wrapped, *(json.dumps(one).encode() for one in events()))


@cache
def rule_files() -> tuple[bytes, ...]:
    """Rules of each kind, the shortest of each folder, and a long one, so that every key stands somewhere."""
    found = [RULES.encode(), WATCHED.encode()]
    folders = sorted({path.parent for path in RULES_FOLDER.rglob("*.yml")})
    found += [min(one.glob("*.yml"), key=lambda path: path.stat().st_size).read_bytes() for one in folders]
    found.append(max((RULES_FOLDER / "aws").rglob("*.yml"), key=lambda path: path.stat().st_size).read_bytes())
    lists = sorted((ROOT / "shared" / "value_lists").rglob("*.yml"))
    return (*found, *(path.read_bytes() for path in lists[:2]))


@cache
def elastic_files() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((ROOT / "tests" / "data" / "elastic").glob("*.toml")))
