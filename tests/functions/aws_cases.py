"""Conformance cases side by side in one deployment: each with rules and calls of its own; and what its topic told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from tests.conformance.cases import Arrival, Case, Reported

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def apart(case: Case, number: int) -> Case:
    """The same case with names, ids and calls that end in its number: rules and keys of two cases never meet."""
    documents = [_own_rule(one, number) for one in yaml.safe_load_all(case.rules)]
    batches = tuple(tuple(_own_event(one, number) for one in batch) for batch in case.batches)
    findings = tuple({**one, "rule": f"{one.get('rule', 'reported')}_{number}"} for one in case.findings)
    return replace(case, rules=yaml.safe_dump_all(documents), batches=batches, findings=findings)


def _own_rule(document: dict[str, Any], number: int) -> dict[str, Any]:
    first, _, rest = document["id"].split("-", 2)
    own = {**document, "id": f"{first}-{number:04x}-{rest}", "name": f"{document['name']}_{number}"}
    if "correlation" in document:
        bases = [f"{base}_{number}" for base in document["correlation"]["rules"]]
        own["correlation"] = {**document["correlation"], "rules": bases}
    else:
        selection = document["detection"]["selection"]
        own["detection"] = {"selection": {**selection, "eventName": f"{selection['eventName']}{number}"}}
        own["detection"]["condition"] = document["detection"]["condition"]
    return own


def _own_event(arrival: Arrival, number: int) -> Arrival:
    event = json.loads(arrival.raw)
    return replace(arrival, raw=json.dumps({**event, "eventName": f"{event['eventName']}{number}"}).encode())


def reported(finding: dict[str, Any]) -> Reported:
    """A finding as its subscriber reads it: OCSF."""
    info, more = finding["finding_info"], finding["unmapped"]
    return Reported(
        info["uid"],
        more["rule_name"],
        tuple(pair["value"] for pair in (*more.get("group", ()), *more.get("terms", ()))),
        finding["time"] * 1000,
        json.loads(finding["raw_data"])["eventID"],
        more["late"],
        _us(more["last_seen"]) if "last_seen" in more else 0,
        more["overflowed"],
        tuple(one["uid"] for one in info["related_events"]),
    )


def _us(iso: str) -> int:
    return (datetime.fromisoformat(iso) - _EPOCH) // timedelta(microseconds=1)
