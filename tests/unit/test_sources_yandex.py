"""Yandex Cloud Audit Trails: recognised in what it comes in, identified, named; nothing odd stops it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import orjson
import pytest

from firstseen.cli import main
from firstseen.findings.build import facts
from firstseen.sources import yandex_audit_values as values
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.source import COMMON, Derived, View
from firstseen.sources.splitting import split
from firstseen.sources.vk_audit import SAMPLE as VK_SAMPLE
from firstseen.sources.yandex_audit import SAMPLE, YANDEX_AUDIT

NOW_US = 1_780_000_000_000_000
ADMIN = {"role_id": "admin", "subject_id": "aje1", "subject_type": "SERVICE_ACCOUNT", "subject_name": "deploy"}
VIEWER = {"role_id": "viewer", "subject_id": "aje2", "subject_type": "GROUP", "subject_name": "readers"}


def value(view: View, name: str, vocabulary: str = "raw") -> Any:  # noqa: ANN401
    place: Any = YANDEX_AUDIT.accessor(name, vocabulary=vocabulary)
    if isinstance(place, Derived):
        return place.function(view)
    found: Any = view
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def events(data: object) -> list[Event | Reject]:
    raw = data if isinstance(data, bytes) else orjson.dumps(data)
    stream = io.BytesIO(raw)
    chunks = iter(lambda: stream.read(64), b"")
    found: list[Event | Reject] = []
    for one in split(chunks):
        found += [one] if isinstance(one, Reject) else list(read_document(*one, received_us=NOW_US))
    return found


def call(event_type: str, details: object = None, **more: object) -> View:
    return {**SAMPLE, "event_type": f"yandex.cloud.audit.{event_type}", "details": details, **more}


@pytest.mark.parametrize(
    "wrapped",
    [
        [SAMPLE, SAMPLE],
        {"json_payload": SAMPLE, "level": "INFO", "message": "DONE yandex.cloud.audit.compute.UpdateInstance"},
        [{"json_payload": SAMPLE, "uid": "1"}, {"json_payload": SAMPLE, "uid": "2"}],
        orjson.dumps(SAMPLE) + b"\n" + orjson.dumps(SAMPLE) + b"\n",
        orjson.dumps([SAMPLE], option=orjson.OPT_INDENT_2),
        b'[{"a":1},\n' + orjson.dumps(SAMPLE) + b"]",
    ],
    ids=["file of a bucket", "Cloud Logging", "answer of Cloud Logging", "Data Streams", "by hand", "beside another"],
)
def test_an_event_is_recognised_in_what_it_is_delivered_in(wrapped: object) -> None:
    read = [one for one in events(wrapped) if isinstance(one, Event)]
    assert read
    assert {(one.source.name, one.id, one.time_us, one.remarks) for one in read} == {
        ("yandex.audit", SAMPLE["event_id"], 1_772_442_902_281_547, ())
    }


def test_two_logs_in_one_file_are_told_apart() -> None:
    mixed = b"\n".join(map(orjson.dumps, (SAMPLE, VK_SAMPLE, {"event_type": "login"}, SAMPLE)))
    names = [one.source.name if isinstance(one, Event) else "reject" for one in events(mixed)]
    assert names == ["yandex.audit", "vk.audit", "reject", "yandex.audit"]


@pytest.mark.parametrize(
    "view",
    [
        {"event_type": "yandex"},
        {"event_type": ["yandex.cloud.audit.iam.CreateKey"]},
        {"eventType": "yandex.cloud.audit.iam.CreateKey"},
        {"type": "yandex.cloud.audit.iam.CreateKey"},
    ],
)
def test_what_has_another_type_is_rejected_with_its_keys(view: View) -> None:
    (reject,) = events(view)
    assert isinstance(reject, Reject)
    assert f"its keys are '{next(iter(view))}'" in reject.reason.replace('"', "'")


def test_without_a_time_an_event_is_rejected_and_says_what_is_needed() -> None:
    for time in (None, "yesterday", True, "2026-13-01T00:00:00Z"):
        (reject,) = events({**SAMPLE, "event_time": time})
        assert isinstance(reject, Reject)
        assert "yandex.audit: no time that can be read: needs event_time as in" in reject.reason


def test_the_start_and_the_end_are_two_events_of_one_operation() -> None:
    start = {**SAMPLE, "event_id": "fhmother", "event_status": "STARTED", "event_time": "2026-03-02T09:14:00Z"}
    start["details"] = {"zone_id": "ru-central1-a", "instance_id": SAMPLE["details"]["instance_id"]}
    assert YANDEX_AUDIT.operation_id(start) == YANDEX_AUDIT.operation_id(SAMPLE)
    assert YANDEX_AUDIT.event_id(start) != YANDEX_AUDIT.event_id(SAMPLE)
    assert value(start, "outcome") is None
    assert value(SAMPLE, "outcome") == "success"


def test_one_request_that_makes_several_things_is_several_operations() -> None:
    """A network that is made in the console comes with a subnet in each zone, all by one request."""
    made = [
        call("network.CreateNetwork", {"network_id": "enp1"}),
        call("network.CreateSubnet", {"subnet_id": "e9b1", "network_id": "enp1"}),
        call("network.CreateSubnet", {"subnet_id": "e2l1", "network_id": "enp1"}),
    ]
    assert len({YANDEX_AUDIT.operation_id(one) for one in made}) == 3


def test_without_a_request_id_each_event_is_an_operation_and_says_so() -> None:
    odd: tuple[object, ...] = (None, {}, {"request_id": ""}, "text", [])
    for request in odd:
        (event,) = events({**SAMPLE, "request_metadata": request})
        assert isinstance(event, Event)
        assert event.operation_id == event.id
        assert event.remarks == ("no request_metadata.request_id: the start and the end of its operation count twice",)


def test_operation_ids_stay_short_and_harmless() -> None:
    found = YANDEX_AUDIT.operation_id({**SAMPLE, "request_metadata": {"request_id": "../#?\ud800" * 100}})
    assert found is not None
    assert found.isalnum()
    assert len(found) == 32


@pytest.mark.parametrize(
    ("event_type", "details", "resource"),
    [
        ("compute.CreateInstance", {"zone_id": "a", "instance_id": "fhm1"}, "fhm1"),
        ("compute.AttachInstanceDisk", {"instance_id": "fhm1", "disk_id": "fhm2"}, "fhm1"),
        ("k8s.CreateNodeGroup", {"cluster_id": "cat1", "node_group_id": "cat2"}, "cat2"),
        ("resourcemanager.UpdateFolderAccessBindings", {"folder_id": "b1g1"}, "b1g1"),
        ("kms.SetPrimarySymmetricKeyVersion", {"key_id": "abj1", "version_id": "abj2"}, "abj1"),
        ("kms.UpdateSymmetricKeyAccessBindings", {"key_id": "abj1"}, "abj1"),
        ("mdb.postgresql.CreateUser", {"cluster_id": "c9q1", "user_name": "app"}, "c9q1/app"),
        ("mdb.mysql.CreateDatabase", {"database_name": "shop", "cluster_id": "c9q1"}, "c9q1/shop"),
        ("organizationmanager.saml.AddFederatedUserAccounts", {"federation_id": "bpf1"}, "bpf1"),
        ("compute.serialssh.ConnectSerialPort", {"instance_id": "fhm1"}, "fhm1"),
        ("compute.CreateInstance", {}, "b1gexamplefolder0001"),
        ("compute.CreateInstance", "text", "b1gexamplefolder0001"),
    ],
)
def test_the_resource_is_what_the_call_names(event_type: str, details: object, resource: str) -> None:
    assert value(call(event_type, details), "resource") == resource


def test_the_common_vocabulary_and_elastics_names() -> None:
    assert {name: value(SAMPLE, name, "common") for name in COMMON} == {
        "actor": "ada@contoso.example",
        "action": "compute:UpdateInstance",
        "outcome": "success",
        "source.ip": "198.51.100.24",
        "account": "b1gexamplecloud00001",
        "region": "ru-central1",
        "resource": "fhmexamplevm00000001",
        "user_agent": "yc/0.158.0 linux/amd64",
        "time": SAMPLE["event_time"],
        "id": SAMPLE["event_id"],
    }
    assert {name: value(SAMPLE, name, "ecs") for name in ("event.action", "user.id", "cloud.project.name")} == {
        "event.action": SAMPLE["event_type"],
        "user.id": "ajeexampleuser000001",
        "cloud.project.name": "production",
    }


def test_outcomes() -> None:
    said = {"DONE": "success", "ERROR": "failure", "CANCELLED": "failure", "STARTED": None, "RUNNING": None, 7: None}
    assert {status: value({**SAMPLE, "event_status": status}, "outcome") for status in said} == said
    for part in ({"authorization": {"authorized": False}}, {"authentication": {"authenticated": "false"}}):
        assert value({**SAMPLE, **part}, "outcome") == "failure"


@pytest.mark.parametrize(
    ("said", "text", "ip"),
    [
        ("cloud.yandex", "cloud.yandex", None),
        ("198.51.100.24:51822", "198.51.100.24", "198.51.100.24"),
        ("[2001:db8::1]:443", "2001:db8::1", "2001:db8::1"),
        ("::1", "::1", "::1"),
        ("007.1.2.3", "007.1.2.3", None),
        ("", None, None),
        (None, None, None),
        (["198.51.100.24"], "198.51.100.24", "198.51.100.24"),
    ],
)
def test_addresses_may_be_names_or_carry_ports_and_brackets(said: object, text: str | None, ip: str | None) -> None:
    view = {**SAMPLE, "request_metadata": {"remote_address": said}}
    assert (value(view, "source.ip", "common"), value(view, "source.ip", "ecs")) == (text, ip)


def test_a_call_of_a_cluster_has_the_address_that_kubernetes_saw_where_the_trail_has_a_name() -> None:
    details = {"cluster_id": "cat1", "native_api_server_event": {"sourceIPs": ["203.0.113.9", "10.0.0.1"]}}
    view = call("k8s.apiserver.ApiServerGet", details, request_metadata={"remote_address": "cloud.yandex"})
    assert value(view, "source.ip") == "203.0.113.9"
    view = call("k8s.apiserver.ApiServerGet", details, request_metadata={"remote_address": "192.0.2.1"})
    assert value(view, "source.ip") == "192.0.2.1"


def test_what_is_granted_is_what_one_binding_adds() -> None:
    """The action of one delta says nothing of the role of another."""
    removed = {"action": "REMOVE", "access_binding": ADMIN}
    added = {"action": "ADD", "access_binding": VIEWER}
    view = call("resourcemanager.UpdateFolderAccessBindings", {"access_binding_deltas": [removed, added]})
    assert (value(view, "granted.role_id"), value(view, "revoked.role_id")) == ("viewer", "admin")
    assert value(view, "granted.subject_type") == "GROUP"


@pytest.mark.parametrize(
    ("details", "granted"),
    [
        ({"access_bindings": [ADMIN, VIEWER]}, ["admin", "viewer"]),
        ({"access_binding_deltas": [{"action": "add", "access_binding": ADMIN}]}, "admin"),
        ({"access_binding_deltas": [], "access_bindings": [ADMIN]}, "admin"),
        ({"access_binding_deltas": [None, "x", {}, {"action": 7}, {"action": "ADD", "access_binding": []}]}, None),
        ({"access_binding_deltas": {"action": "ADD", "access_binding": ADMIN}}, None),
        ({"access_bindings": "admin"}, None),
        ("text", None),
        (None, None),
    ],
)
def test_bindings_may_be_set_anew_or_malformed(details: object, granted: object) -> None:
    assert value(call("resourcemanager.SetFolderAccessBindings", details), "granted.role_id") == granted


def _rule(ports: object, **more: object) -> dict[str, object]:
    return {
        "direction": "INGRESS", "protocol_name": "TCP", "ports": ports,
        "cidr_blocks": {"v4_cidr_blocks": ["198.51.100.0/24", "0.0.0.0/0"]}, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "opened", "beyond_web"),
    [
        ([_rule({"from_port": "443", "to_port": "443"})], "443", None),
        ([_rule({"from_port": "22", "to_port": "22"}), _rule({"from_port": 80, "to_port": 80})], ["22", "80"], "22"),
        ([_rule({"to_port": "65535"})], "0-65535", "0-65535"),
        ([_rule(None)], "any", "any"),
        ([_rule(None, protocol_name="ICMP")], None, None),
        ([_rule(None, direction="EGRESS")], None, None),
        ([_rule(None, cidr_blocks={"v6_cidr_blocks": ["::/0"]})], "any", "any"),
        ([_rule(None, cidr_blocks={"v4_cidr_blocks": ["10.0.0.0/8"]})], None, None),
        ([_rule(None, cidr_blocks="0.0.0.0/0"), None, "x"], None, None),
        ("text", None, None),
    ],
)
def test_open_ports_are_those_of_a_rule_for_everybody(rules: object, opened: object, beyond_web: object) -> None:
    view = call("network.UpdateSecurityGroup", {"security_group_id": "enp1", "rules": rules})
    assert (value(view, "opened.ports"), value(view, "opened.ports_beyond_web")) == (opened, beyond_web)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"code": 7, "message": "no"}, "PERMISSION_DENIED: no"),
        ({"code": "7"}, "7"),
        ({"code": 99, "message": ""}, "99"),
        ({"message": "no"}, "no"),
        ("no", None),
    ],
)
def test_errors_have_the_names_of_their_codes(error: object, said: str | None) -> None:
    assert values.error({**SAMPLE, "error": error}) == said


def test_a_finding_tells_who_acted_for_whom_and_in_which_folder() -> None:
    token = {"impersonator_name": "ben@contoso.example"}
    view = {**SAMPLE, "authentication": {**SAMPLE["authentication"], "token_info": token}}
    (event,) = events(view)
    assert isinstance(event, Event)
    told = dict(facts(event))
    assert (told["user_id"], told["impersonator"], told["folder"]) == (
        "ajeexampleuser000001", "ben@contoso.example", "production",
    )  # fmt: skip


def test_an_operation_that_starts_and_ends_is_one_finding(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start = {**SAMPLE, "event_id": "a", "event_status": "STARTED", "event_time": "2026-03-02T09:14:59.5Z"}
    again = {**SAMPLE, "event_id": "b", "request_metadata": {**SAMPLE["request_metadata"], "request_id": "another"}}
    (tmp_path / "events.json").write_bytes(orjson.dumps([start, SAMPLE, start, again]))
    (tmp_path / "rule.yml").write_text(
        "title: Changed\nid: 7d3a1c9e-0b52-4c1e-9d57-1f3b5a7c9e02\nlogsource: {product: yandex, service: audit}\n"
        "detection: {call: {event_type|endswith: .UpdateInstance}, condition: call}\nlevel: low\n"
    )
    words = ("replay", "--rules", str(tmp_path / "rule.yml"), "--now", "2026-03-03", "--format", "jsonl")
    assert main([*words, str(tmp_path / "events.json")]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("odd", [None, [], "x", 7, {"path": None}, {"path": [None, {"resource_type": 7}]}, {"a": []}])
def test_values_of_the_wrong_shape_break_nothing(odd: object) -> None:
    for key in ("authentication", "authorization", "resource_metadata", "request_metadata", "details", "error"):
        view = {**SAMPLE, key: odd}
        (event,) = events(view)
        assert isinstance(event, Event)
        for name in (*COMMON, *YANDEX_AUDIT.ecs, "granted.role_id", "opened.ports"):
            value(view, name, "common")
