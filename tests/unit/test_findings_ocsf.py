"""The wire form holds against OCSF's own schema."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, get_args

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema, get_packaged_versions

from firstseen.findings.attack import tactics, techniques
from firstseen.findings.build import build
from firstseen.findings.finding import MAX_RAW_BYTES, Finding, Kind
from firstseen.findings.ocsf import OCSF_VERSION, ocsf_bytes, to_ocsf
from firstseen.language.rules import LEVELS, CorrelationType, Level
from tests.unit.findings_samples import CARD, ROLE, event, finding, opening, rule

KINDS: tuple[Kind, ...] = get_args(Kind)


@cache
def validator(*, cloud: bool) -> jsonschema.Draft202012Validator:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(OCSF_VERSION))
    return jsonschema.Draft202012Validator(schema.get_class_schema("detection_finding", ["cloud"] if cloud else []))


def check(found: Finding) -> dict[str, Any]:
    """Validate the bytes, not the object: what a receiver reads."""
    read: dict[str, Any] = orjson.loads(ocsf_bytes(found))
    errors = [
        f"{list(one.path)}: {one.message[:200]}" for one in validator(cloud=bool(found.provider)).iter_errors(read)
    ]
    assert errors == []
    return read


def test_the_version_is_the_newest_that_the_schemas_have() -> None:
    assert (
        max(get_packaged_versions(), key=lambda one: [part.isdigit() and int(part) for part in one.split(".")])
        == OCSF_VERSION
    )


@pytest.mark.parametrize("kind", ["new_terms", "match", "event_count", "value_count", "temporal", "temporal_ordered"])
def test_a_finding_of_each_type_is_a_valid_detection_finding(kind: CorrelationType) -> None:
    found = event()
    made = build(opening(found, 5), rule(kind), found, group=("111122223333",), terms=(ROLE,))
    assert check(made)["unmapped"]["type"] == kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", ["AWS", ""])
def test_each_kind_is_valid_with_and_without_a_cloud(kind: Kind, provider: str) -> None:
    read = check(finding(kind=kind, provider=provider, details=(("findings", "3"),)))
    assert read["class_uid"] == 2004
    assert read["type_uid"] == 200401
    assert read["is_alert"] is (kind == "finding")


@pytest.mark.parametrize(("level", "severity_id"), list(zip(LEVELS, (1, 2, 3, 4, 5), strict=True)))
def test_the_level_is_the_severity(level: Level, severity_id: int) -> None:
    assert check(finding(card=replace(CARD, level=level)))["severity_id"] == severity_id


def test_the_receiver_finds_ids_times_and_attack_where_ocsf_has_them() -> None:
    found = event(errorCode="AccessDenied")
    made = build(opening(found, 3), rule(), found, group=("111122223333",), terms=(ROLE,), pack_version="abc")
    read = check(made)
    info = read["finding_info"]
    assert info["uid"] == read["metadata"]["uid"] == made.uid
    assert info["analytic"]["uid"] == CARD.id
    assert info["related_events"][0]["uid"] == found.id
    assert info["related_events_count"] == 4
    assert info["attacks"] == [
        {
            "technique": {"uid": "T1552", "name": "Unsecured Credentials"},
            "sub_technique": {"uid": "T1552.005", "name": "Cloud Instance Metadata API"},
        },
        {"tactic": {"uid": "TA0006", "name": "Credential Access"}},
    ]
    assert read["time"] == found.time_us // 1000
    assert read["api"]["operation"] == "StopInstances"
    assert read["api"]["response"]["error"] == "AccessDenied"
    assert read["cloud"] == {
        "provider": "AWS",
        "region": "eu-central-1",
        "account": {"uid": "111122223333", "type_id": 10, "type": "AWS Account"},
    }
    assert read["unmapped"]["routing"] == "send"
    assert read["unmapped"]["late"] is False
    assert read["unmapped"]["pack_version"] == "abc"
    assert orjson.loads(read["raw_data"])["eventID"] == found.id


@pytest.mark.parametrize(
    "address",
    [
        "198.51.100.24",
        "2001:db8::1",
        "ec2.amazonaws.com",
        "AWS Internal",
        "007.1.2.3",
        "x" * 500,
        "::ffff:1.2.3.4",
    ],
)
def test_any_source_address_gives_a_valid_endpoint(address: str) -> None:
    found = event(sourceIPAddress=address)
    read = check(build(opening(found), rule("match"), found))
    assert address in read["evidences"][0]["src_endpoint"].values()


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_hostile_values_stay_valid_and_come_back_as_they_were(a: str, b: str, c: str) -> None:
    found = finding(
        facts=(("actor", a), ("action", b), ("account", c), ("resource", a), ("source.ip", b), ("region", c))
    )
    assert dict(check(found)["evidences"][0]["data"]["facts"] if a or b or c else {}).get("actor", "") == a


def test_a_large_event_is_cut_and_says_so() -> None:
    found = event(requestParameters={"x": "é" * MAX_RAW_BYTES})
    read = check(build(opening(found), rule("match"), found))
    assert len(read["raw_data"].encode()) <= MAX_RAW_BYTES
    assert read["raw_data_size"] == read["metadata"]["untruncated_size"] == len(found.raw)
    assert read["metadata"]["is_truncated"] is True


def test_the_same_finding_gives_the_same_bytes_with_sorted_keys() -> None:
    data = ocsf_bytes(finding())
    assert data == ocsf_bytes(finding())
    assert data == orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS)
    assert b"\n" not in data


def test_nothing_empty_is_written() -> None:
    def empty(value: object) -> bool:
        if isinstance(value, dict):
            return any(empty(one) for one in value.values())
        return value in ("", None, [], {})

    assert not empty(to_ocsf(finding(facts=(), related=(), provider="", source="")))


def test_tags_that_are_no_technique_and_no_tactic_are_left_out() -> None:
    tags = (
        "attack.t1078.004",
        "attack.T1078.004",
        "attack.t9999",
        "attack.g0016",
        "cve.2021-1",
        "attack.initial_access",
    )
    assert [str(one) for one in techniques(tags)] == ["T1078.004 Cloud Accounts", "T9999"]
    assert [(one.uid, one.name) for one in tactics(tags)] == [("TA0001", "Initial Access")]
    assert tactics(("attack.new-tactic",))[0].name == "New Tactic"
