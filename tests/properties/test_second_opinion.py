"""A second opinion on what matches: pySigma's SQLite backend over a flattened table of the same events.

Somebody else wrote that backend from the same specification, and SQLite decides. Where both mean the same, they must
find the same; where they do not, the difference is one that docs/semantics.md states, and each is shown here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson
import pytest
import yaml

from firstseen.language.frontends.loading import build_pack
from firstseen.matching.engine import Engine, Sighted
from tests.benchmarks import comparable
from tests.benchmarks.flattened import conditions, sqlite_backend, sqlite_matches, sqlite_table

ROOT = Path(__file__).parents[2]
EVENTS = 4_000
RECEIVED_US = 2_000_000_000_000_000
BASE = {"eventID": "e", "eventTime": "2026-03-02T09:15:02Z", "eventSource": "ec2.amazonaws.com", "eventName": "Call"}

Detection = Mapping[str, Any]
Rules = Mapping[str, Detection]


def selecting(**fields: object) -> Detection:
    """A rule of one selection; ``__`` stands for a dot, ``___`` for a modifier's bar."""
    return {"selection": {name.replace("___", "|").replace("__", "."): value for name, value in fields.items()}}


RULES: Rules = {
    "a name in another case": selecting(eventName="assumeROLE"),
    "one of several names": selecting(eventName=["RunInstances", "StopInstances", "TerminateInstances"]),
    "the beginning of a name": selecting(eventName___startswith="describe"),
    "the end of a name": selecting(eventName___endswith="Role"),
    "a part of a name": selecting(eventSource___contains="onfi"),
    "all parts of a name": selecting(userAgent___contains___all=["boto3", "MD/"]),
    "wildcards": selecting(eventName="D?scribe*s"),
    "an escaped wildcard": selecting(userAgent___contains=r"\*"),
    "an underscore and a percent sign, which are SQL's wildcards": selecting(userAgent___contains=["x86_64", "%"]),
    "case that counts": selecting(eventName___cased___startswith="describe"),
    "case that counts, and fits": selecting(eventName___cased___startswith="Describe"),
    "an expression": selecting(userIdentity__arn___re=":assumed-role/[^/]+/i-[0-9a-f]{8,17}$"),
    "an expression in any case": selecting(userIdentity__arn___re___i="ASSUMED-ROLE/Shop-"),
    "a boolean": selecting(readOnly=True),
    "a boolean as text": selecting(readOnly="false"),
    "a field that is missing or null": {"selection": {"errorCode": None, "responseElements": None}},
    "a field that has a value": selecting(errorCode="*"),
    "a field that is there": selecting(errorCode___exists=True),
    "a field that is not": selecting(userIdentity__sessionContext__sessionIssuer__arn___exists=False),
    "a network": selecting(sourceIPAddress___cidr=["192.0.2.0/28", "203.0.113.16/30"]),
    "a network of sixth version": selecting(sourceIPAddress___cidr="2001:db8::/32"),
    "a part of an object": selecting(requestParameters___contains="instanceId"),
    "quotes inside of an object": selecting(requestParameters___contains='":"'),
    "a field deep inside": selecting(userIdentity__sessionContext__attributes__mfaAuthenticated="true"),
    "a field of the same value": selecting(recipientAccountId___fieldref="userIdentity.accountId"),
    "a time part": selecting(eventTime___hour=[9, 10, 11]),
    "a number": selecting(requestParameters__maxResults___gte=50),
    "not": {
        "selection": {"eventName|startswith": "Get"},
        "filter": {"errorCode|contains": "NoSuch"},
        "condition": "selection and not filter",
    },
    "not of several, some of fields that are missing": {
        "selection": {"userIdentity.type": "AssumedRole"},
        "filter_one": {"userAgent|contains": ["boto", "terraform"]},
        "filter_two": {"userIdentity.invokedBy|endswith": ".amazonaws.com"},
        "condition": "selection and not 1 of filter_*",
    },
    "not of not": {
        "selection": {"errorCode|contains": "Denied"},
        "other": {"readOnly": True},
        "condition": "not (not selection and not other)",
    },
    "either of two selections": {
        "selection_one": {"errorCode": "AccessDenied"},
        "selection_two": [{"eventName": "ConsoleLogin"}, {"userIdentity.type": "Root"}],
        "condition": "1 of selection_*",
    },
    "all of them": {
        "selection_one": {"userIdentity.type": "IAMUser"},
        "selection_two": {"eventSource|startswith": ["iam.", "sts."]},
        "condition": "all of selection_*",
    },
}


def documents(rules: Rules) -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "id": str(uuid5(NAMESPACE_URL, title)),
            "status": "test",
            "level": "low",
            "logsource": {"product": "aws", "service": "cloudtrail"},
            "detection": {"condition": "selection", **detection},
        }
        for title, detection in rules.items()
    ]


def ours(rules: list[dict[str, Any]], lines: list[bytes]) -> dict[str, set[int]]:
    """Rule id → the lines that match."""
    pack = build_pack({f"{one['id']}.yml": yaml.safe_dump(one).encode() for one in rules})
    found: dict[str, set[int]] = {one["id"]: set() for one in rules}
    for one in Engine(pack).sightings(enumerate(lines), received_us=RECEIVED_US):
        assert isinstance(one, Sighted), one
        assert not one.failed
        for place, _, rows, _ in one.hits:
            for row in rows:
                found[pack.bases[row].id].add(place)
    return found


def theirs(rules: list[dict[str, Any]], lines: list[bytes]) -> dict[str, set[int]]:
    """The same, as SQLite finds it."""
    queries, columns, refused = conditions(rules, sqlite_backend())
    assert not refused
    found: dict[str, set[int]] = {one["id"]: set() for one in rules}
    table = sqlite_table(columns, ((place, orjson.loads(line)) for place, line in enumerate(lines)))
    for rule_id, place in sqlite_matches(table, queries):
        found[rule_id].add(place)
    table.close()
    return found


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Events of the demo's company, one a line."""
    folder = tmp_path_factory.mktemp("events")
    command = [sys.executable, "-m", "demo", "--format", "lines", "--events", str(EVENTS), "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (path,) = folder.iterdir()
    return path.read_bytes().splitlines()


def test_each_kind_of_question_finds_the_same_events(company: list[bytes]) -> None:
    rules = documents(RULES)
    found, other = ours(rules, company), theirs(rules, company)
    for rule in rules:
        assert found[rule["id"]] == other[rule["id"]], rule["title"]
    idle = {rule["title"] for rule in rules if not found[rule["id"]]}
    assert idle == NEVER_TRUE_HERE
    assert not [rule["title"] for rule in rules if len(found[rule["id"]]) == len(company)]


NEVER_TRUE_HERE = {
    "an escaped wildcard",
    "case that counts",
    "a network of sixth version",
}
"""Rules that agree only about finding nothing among these events; the rest find some, and not all."""


def test_rules_of_a_usual_kind_find_the_same_events(company: list[bytes]) -> None:
    rules = [comparable.document(number, one) for number, one in enumerate(comparable.selections(), 1)]
    assert ours(rules, company) == theirs(rules, company)


DIFFERENCES: tuple[tuple[str, Detection, Mapping[str, object], bool], ...] = (
    (
        "values 1: a list stands for any of its elements; a column holds one value",
        selecting(requestParameters__names="b"),
        {"requestParameters": {"names": ["a", "b"]}},
        True,
    ),
    (
        "values 1: a path goes through lists; a column's name does not",
        selecting(resources__ARN___endswith="/key"),
        {"resources": [{"ARN": "arn:x/other"}, {"ARN": "arn:x/key"}]},
        True,
    ),
    (
        "values 1: a list has no text form of its own; a column holds its JSON",
        selecting(requestParameters__names___contains='","'),
        {"requestParameters": {"names": ["a", "b"]}},
        False,
    ),
    (
        "values 2: 1.0 is not 1, as texts go; to SQLite they are one number",
        selecting(requestParameters__count=1),
        {"requestParameters": {"count": 1.0}},
        False,
    ),
    (
        "values 2: a number as text in a rule equals the number; SQLite tells 1 from '1'",
        {"selection": {"requestParameters.count": "1"}},
        {"requestParameters": {"count": 1}},
        True,
    ),
    (
        "exists: a field that is null is there; SQL has one NULL for both",
        selecting(errorCode___exists=True),
        {"errorCode": None},
        True,
    ),
    (
        "case: it is ignored in every script; SQLite ignores that of ASCII",
        selecting(requestParameters__name="größe Σ"),
        {"requestParameters": {"name": "GRÖẞE ς"}},
        True,
    ),
    (
        "lt and its kin: text that is no number is not compared; SQLite puts every text above every number",
        selecting(requestParameters__count___gt=5),
        {"requestParameters": {"count": "many"}},
        False,
    ),
    (
        "cidr: an address with leading zeros is none; SQLite compares its beginning",
        selecting(sourceIPAddress___cidr="10.0.0.0/8"),
        {"sourceIPAddress": "10.01.2.3"},
        False,
    ),
)


@pytest.mark.parametrize(("reason", "detection", "change", "holds"), DIFFERENCES, ids=[one[0] for one in DIFFERENCES])
def test_where_the_two_differ_the_semantics_say_so(
    reason: str, detection: Detection, change: Mapping[str, object], *, holds: bool
) -> None:
    lines = [json.dumps({**BASE, **change}).encode()]
    (rule,) = documents({reason: detection})
    assert ours([rule], lines)[rule["id"]] == ({0} if holds else set())
    assert theirs([rule], lines)[rule["id"]] == (set() if holds else {0})
