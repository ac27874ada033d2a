"""Conformance cases: meanings as data, for every path from events to findings.

A file holds rules and cases. A case says which events arrive, in which order and batches, and which
findings come of it. A path under test is a function ``run(rules, batches) -> findings``; it starts from an
empty store every time.

The form of a file::

    about: what it is about
    rules: |                # Sigma documents, for the cases that bring none
    cases:
      - name: first_sight   # docs/episodes.md names the case so
        title: A term that was never seen opens an episode
        why: …              # where the title does not say it
        rules: |            # instead of the file's
        events:             # in order of arrival; a list in the list is one batch
          - {id: a, at: 1d, call: Ask, who: ada}
          - [{id: b, at: 2d …}, {id: c, at: 3d …}]
        findings:           # in any order
          - {key: [ada], opened: 1d, trigger: a, late: false, last_seen: none, overflowed: false, related:
            [a]}
        invariant: true     # any order and any batches give the same ids

``at``, ``received`` and ``opened`` are times after 2026-03-02T00:00:00Z, as sums: ``7d 1s``. An event is a
CloudTrail event with ``call`` as eventName and ``who`` as userIdentity.userName; ``set`` replaces
top-level parts, ``without`` removes some. It is received five minutes after its time unless ``received``
says otherwise. ``last_seen: none`` is the default; ``related`` is asked only where it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

START = datetime(2026, 3, 2, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000
FOLDER = Path(__file__).parent / "correlations"

_UNITS_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_RECEIVED_AFTER_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as it arrives: its JSON, and when the provider enqueued it."""

    raw: bytes
    received_us: int


@dataclass(frozen=True, slots=True)
class Reported:
    """What a case may ask of a finding. ``key``: group values, then terms. ``related``: event ids, the
    trigger first.
    """

    uid: str
    rule: str
    key: tuple[str, ...]
    opened_us: int
    trigger: str
    late: bool = False
    last_seen_us: int = 0
    overflowed: bool = False
    related: tuple[str, ...] = ()


Batches = Sequence[Sequence[Arrival]]
Run = Callable[[str, Batches], Sequence[Reported]]


@dataclass(frozen=True, slots=True)
class Case:
    """One case, expanded. ``findings`` have no uid: ids are the path's to make."""

    name: str
    title: str
    rules: str
    batches: tuple[tuple[Arrival, ...], ...]
    findings: tuple[dict[str, Any], ...]
    invariant: bool = False


@cache
def load_cases(folder: Path = FOLDER) -> tuple[Case, ...]:
    """Every case of every file. A misspelt part of a case is an error."""
    found: list[Case] = []
    for file in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        _only(document, {"about", "rules", "cases"}, file.name)
        found.extend(_case(file.stem, document.get("rules", ""), data) for data in document["cases"])
    assert len({case.name for case in found}) == len(found)
    return tuple(found)


def moment_us(text: str) -> int:
    """``7d 1s`` after the start, in microseconds since 1970."""
    return START_US + _seconds(text) * 1_000_000


def check(case: Case, reported: Sequence[Reported]) -> None:
    """The findings are those that the case says; nothing more, nothing less."""
    wanted = sorted((_asked(one) for one in case.findings), key=_in_order)
    found = sorted((_shown(one) for one in reported), key=_in_order)
    for ask, show in zip(wanted, found, strict=False):
        if "related" not in ask:
            show.pop("related")
    assert found == wanted, case.title
    assert len({one.uid for one in reported}) == len(reported), "ids are not unique"


def _case(stem: str, rules: str, data: dict[str, Any]) -> Case:
    _only(data, {"name", "title", "why", "rules", "events", "findings", "invariant"}, str(data.get("name")))
    batches = tuple(tuple(map(_arrival, entry if isinstance(entry, list) else [entry])) for entry in data["events"])
    return Case(
        f"{stem}-{data['name']}",
        data["title"],
        data.get("rules", rules),
        batches,
        tuple(data["findings"]),
        data.get("invariant", False),
    )


def _arrival(data: dict[str, Any]) -> Arrival:
    _only(data, {"id", "at", "received", "call", "who", "set", "without"}, str(data))
    seconds = _seconds(data["at"])
    received = _seconds(data["received"]) if "received" in data else seconds + _RECEIVED_AFTER_SECONDS
    event: dict[str, Any] = {
        "eventVersion": "1.11",
        "eventID": data["id"],
        "eventTime": f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "example.amazonaws.com",
        "eventName": data.get("call", "Ask"),
        "eventType": "AwsApiCall",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.17",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "accountId": "111122223333"},
    }
    if "who" in data:
        event["userIdentity"]["userName"] = data["who"]
    event.update(data.get("set", {}))
    for name in data.get("without", ()):
        del event[name]
    return Arrival(json.dumps(event).encode(), START_US + received * 1_000_000)


def _seconds(text: str) -> int:
    parts = str(text).split()
    assert parts, "an empty time"
    total = 0
    for part in parts:
        found = re.fullmatch(r"(\d+)([dhms])", part)
        assert found, f"not a time: {text!r}"
        total += int(found[1]) * _UNITS_SECONDS[found[2]]
    return total


def _asked(data: dict[str, Any]) -> dict[str, Any]:
    _only(data, {"rule", "key", "opened", "trigger", "late", "last_seen", "overflowed", "related"}, str(data))
    last_seen = data.get("last_seen", "none")
    asked = {
        "rule": data.get("rule", "reported"),
        "key": data["key"],
        "opened_us": moment_us(data["opened"]),
        "trigger": data["trigger"],
        "late": data.get("late", False),
        "last_seen_us": 0 if last_seen == "none" else moment_us(last_seen),
        "overflowed": data.get("overflowed", False),
    }
    return asked | ({"related": data["related"]} if "related" in data else {})


def _shown(one: Reported) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "key": list(one.key),
        "opened_us": one.opened_us,
        "trigger": one.trigger,
        "late": one.late,
        "last_seen_us": one.last_seen_us,
        "overflowed": one.overflowed,
        "related": list(one.related),
    }


def _in_order(one: dict[str, Any]) -> tuple[str, list[str], int]:
    return (one["rule"], one["key"], one["opened_us"])


def _only(data: dict[str, Any], known: Iterable[str], where: str) -> None:
    unknown = set(data) - set(known)
    assert not unknown, f"{where}: unknown {sorted(unknown)}"
