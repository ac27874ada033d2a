"""Google Cloud's audit logs: their envelopes, ids, names, and what a log that was tampered with may hold."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from firstseen.language.pack import Pack
from firstseen.language.predicates import Leaf
from firstseen.language.rules import Base
from firstseen.matching.engine import Engine
from firstseen.sources.event import Event, Reject
from firstseen.sources.gcp_audit import GCP_AUDIT, SAMPLE
from firstseen.sources.lines import Block
from firstseen.sources.reading import read_document
from firstseen.sources.source import COMMON, Derived, View
from firstseen.sources.yandex_audit import SAMPLE as OTHER

NOW_US = 1_780_000_000_000_000


def read(document: object) -> list[Event | Reject]:
    return list(read_document(1, orjson.dumps(document), received_us=NOW_US))


def only(document: object) -> Event:
    (event,) = read(document)
    assert isinstance(event, Event), event
    return event


def value(view: View, name: str, vocabulary: str = "raw") -> Any:  # noqa: ANN401
    place: Any = GCP_AUDIT.accessor(name, vocabulary=vocabulary)
    if isinstance(place, Derived):
        return place.function(view)
    found: Any = view
    for key in place:
        found = found[0] if isinstance(found, list) and found else found
        found = found.get(key) if isinstance(found, dict) else None
    return found


def payload(**parts: object) -> View:
    return {**SAMPLE, "protoPayload": {**SAMPLE["protoPayload"], **parts}}


def in_base64(entry: View) -> str:
    return base64.b64encode(orjson.dumps(entry)).decode()


def row() -> View:
    """The entry as a table of BigQuery has it: text for objects, a space in its times, columns that are null."""
    told = {key: one for key, one in SAMPLE["protoPayload"].items() if key not in {"request", "response"}}
    return {
        **{key: one for key, one in SAMPLE.items() if key != "protoPayload"},
        "protopayload_auditlog": {
            **told,
            "requestJson": orjson.dumps(SAMPLE["protoPayload"]["request"]).decode(),
            "responseJson": orjson.dumps(SAMPLE["protoPayload"]["response"]).decode(),
            "metadataJson": None,
            "servicedata_v1_iam": {"policyDelta": {"bindingDeltas": [{"action": "ADD", "role": "roles/owner"}]}},
        },
        "timestamp": "2026-03-02 09:15:02.281547 UTC",
        "receiveTimestamp": "2026-03-02 09:15:03.104775 UTC",
        "trace": None,
    }


ENVELOPES = {
    "entry": SAMPLE,
    "answer of the interface": {"entries": [SAMPLE], "nextPageToken": "x"},
    "push of Pub/Sub": {"message": {"data": in_base64(SAMPLE), "messageId": "1"}, "subscription": "projects/p/s"},
    "push with the entry unwrapped": {"message": {"data": SAMPLE}, "subscription": "projects/p/s"},
    "pulled message": {"ackId": "a", "message": {"data": in_base64(SAMPLE)}},
    "answer of Pub/Sub": {"receivedMessages": [{"ackId": "a", "message": {"data": in_base64(SAMPLE)}}]},
    "row of BigQuery": row(),
}


@pytest.mark.parametrize("document", ENVELOPES.values(), ids=list(ENVELOPES))
def test_an_entry_is_the_same_in_every_envelope(document: View) -> None:
    event = only(document)
    assert event.source is GCP_AUDIT
    assert event.remarks == ()
    assert (event.id, event.operation_id) == (GCP_AUDIT.event_id(SAMPLE), GCP_AUDIT.operation_id(SAMPLE))
    assert event.time_us == GCP_AUDIT.time(SAMPLE) == 1_772_442_902_281_547
    assert value(event.view, "protoPayload.request.name") == "pay-01"
    told = {name: value(event.view, name, "common") for name in COMMON if name != "time"}
    assert told == {name: value(SAMPLE, name, "common") for name in COMMON if name != "time"}


def test_a_row_of_bigquery_keeps_what_changed_in_a_policy() -> None:
    assert value(only(row()).view, "granted.role") == "roles/owner"


def test_a_row_of_bigquery_is_not_lost_on_the_fast_way() -> None:
    """It names the same log as an entry, and a decoder that took it for one would find no call in it."""
    tree = Leaf("protoPayload.methodName", "endswith", ".instances.insert")
    engine = Engine(Pack.of([Base("rule", "Rule", ("gcp.audit",), "raw", tree)], []))
    times = ("2026-03-02 09:15:02.281547 UTC", "2026-03-02 09:15:02.281547", "2026-03-02T09:15:02.281547Z")
    documents = [orjson.dumps(one) for one in (SAMPLE, *({**row(), "timestamp": time} for time in times), SAMPLE)]
    found = list(engine.scan([Block(1, documents)], received_us=NOW_US))
    assert len(found) == len(documents)
    assert not any(isinstance(one, Reject) for one in found)
    assert {one.event.id for one in found if not isinstance(one, Reject)} == {only(SAMPLE).id}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"message": {"data": "?!"}, "subscription": "s"}, "no base64"),
        ({"message": {}, "subscription": "s"}, "without data"),
        ({"message": 4, "ackId": "s"}, "without data"),
        ({"receivedMessages": {}}, "should be an array"),
        ({"receivedMessages": ["x"]}, "without data"),
        ({"protopayload_auditlog": "x", "logName": SAMPLE["logName"]}, "should be an object"),
        ({"entries": "x"}, "should be an array"),
        ({**SAMPLE, "timestamp": "yesterday"}, "no time that can be read"),
        ({**SAMPLE, "logName": "projects/p/logs/requests", "protoPayload": None}, "no event or envelope"),
        ({"logName": SAMPLE["logName"], "insertId": "x"}, "it has none"),
    ],
)
def test_what_is_no_entry_is_a_reject_that_says_why(document: View, said: str) -> None:
    (reject,) = read(document)
    assert isinstance(reject, Reject)
    assert said in reject.reason


def test_an_entry_of_another_cloud_in_the_same_input_is_its_own() -> None:
    first, second = read({"records": [SAMPLE, OTHER]})
    assert [one.source.name for one in (first, second) if isinstance(one, Event)] == ["gcp.audit", "yandex.audit"]


def test_copies_have_one_id_and_other_entries_another() -> None:
    same = {**SAMPLE, "timestamp": "2026-03-02T09:15:02.281547Z", "receiveTimestamp": "2026-03-02T09:20:00Z"}
    assert only(same).id == only(SAMPLE).id
    others = [
        {**SAMPLE, "insertId": "1x0example7d2aa"},
        {**SAMPLE, "timestamp": "2026-03-02T09:15:02.281548Z"},
        {**SAMPLE, "logName": "projects/other/logs/cloudaudit.googleapis.com%2Factivity"},
    ]
    assert len({only(one).id for one in (SAMPLE, *others)}) == 4


def test_without_an_insert_id_a_hash_serves() -> None:
    event = only({key: one for key, one in SAMPLE.items() if key != "insertId"})
    assert event.id.startswith("sha256-")
    assert event.remarks == ("no event id: a hash of its content serves",)


def test_the_start_and_the_end_of_an_operation_are_one() -> None:
    end = {
        **payload(request={"@type": "type.googleapis.com/compute.instances.insert"}),
        "insertId": "-end", "operation": {**SAMPLE["operation"], "first": False, "last": True},
    }  # fmt: skip
    assert only(end).id != only(SAMPLE).id
    assert only(end).operation_id == only(SAMPLE).operation_id
    alone = only({key: one for key, one in SAMPLE.items() if key != "operation"})
    assert alone.operation_id == alone.id


@pytest.mark.parametrize(
    ("entry", "common", "elastic"),
    [
        (SAMPLE, None, "success"),
        ({**SAMPLE, "operation": {"id": "o", "first": True, "last": True}}, "success", "success"),
        ({**SAMPLE, "operation": {"id": "o", "last": True}}, "success", "success"),
        ({**SAMPLE, "operation": "o"}, "success", "success"),
        ({**payload(status={"code": 7}), "operation": {"id": "o", "first": True}}, "failure", "failure"),
        (payload(status={"code": "7"}), "failure", "failure"),
        ({**payload(status={"code": 0}), "operation": {}}, "success", "success"),
        ({**payload(authorizationInfo=[{"granted": True}, {"granted": False}]), "operation": {}}, "failure", "failure"),
    ],
)
def test_the_outcome_follows_status_permissions_and_operation(entry: View, common: str | None, elastic: str) -> None:
    assert value(entry, "outcome", "common") == common
    assert value(entry, "event.outcome", "ecs") == elastic


@pytest.mark.parametrize(
    ("service", "method", "action"),
    [
        ("compute.googleapis.com", "v1.compute.instances.insert", "compute:instances.insert"),
        ("compute.googleapis.com", "beta.compute.instances.insert", "compute:instances.insert"),
        ("iam.googleapis.com", "google.iam.admin.v1.CreateServiceAccountKey", "iam:CreateServiceAccountKey"),
        ("cloudresourcemanager.googleapis.com", "SetIamPolicy", "cloudresourcemanager:SetIamPolicy"),
        ("storage.googleapis.com", "storage.setIamPermissions", "storage:setIamPermissions"),
        ("k8s.io", "io.k8s.core.v1.pods.exec.create", "k8s.io:io.k8s.core.pods.exec.create"),
        ("login.googleapis.com", "google.login.LoginService.loginSuccess", "login:loginSuccess"),
        ("", "compute.instances.list", "compute.instances.list"),
        ("compute.googleapis.com", None, None),
    ],
)
def test_an_action_is_the_service_and_the_call_without_versions(
    service: str, method: str | None, action: str | None
) -> None:
    assert value(payload(serviceName=service, methodName=method), "action", "common") == action


@pytest.mark.parametrize(
    ("said", "ip", "elastic"),
    [
        ("198.51.100.24", "198.51.100.24", "198.51.100.24"),
        ("[2001:db8::1]:443", "2001:db8::1", "2001:db8::1"),
        ("198.51.100.24:443", "198.51.100.24", "198.51.100.24"),
        ("private", "private", None),
        ("gce-internal-ip", "gce-internal-ip", None),
        ("007.1.2.3", "007.1.2.3", None),
        ("", None, None),
    ],
)
def test_an_address_may_be_a_name_or_carry_a_port(said: str, ip: str | None, elastic: str | None) -> None:
    view = payload(requestMetadata={"callerIp": said})
    assert (value(view, "source.ip", "common"), value(view, "source.ip", "ecs")) == (ip, elastic)


@pytest.mark.parametrize(
    ("name", "account", "project"),
    [
        ("projects/payments-prod/logs/cloudaudit.googleapis.com%2Factivity", "payments-prod", "payments-prod"),
        ("organizations/1234/logs/cloudaudit.googleapis.com%2Factivity", "organizations/1234", "payments-prod"),
        ("folders/9/logs/cloudaudit.googleapis.com%2Fpolicy", "folders/9", "payments-prod"),
    ],
)
def test_the_account_is_whose_log_it_is(name: str, account: str, project: str) -> None:
    view = {**SAMPLE, "logName": name}
    assert (value(view, "account", "common"), value(view, "cloud.project.id", "ecs")) == (account, project)


def test_a_federated_identity_acts_by_its_subject() -> None:
    subject = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/subject/repo"
    assert value(payload(authenticationInfo={"principalSubject": subject}), "actor", "common") == subject
    event = only(payload(authenticationInfo={}))
    assert event.remarks == ("no authenticationInfo.principalEmail: rules that ask who acted cannot match",)


@pytest.mark.parametrize(
    ("labels", "resource", "region"),
    [
        ({"zone": "europe-west1-b"}, "x", "europe-west1"),
        ({"location": "us-central1"}, "x", "us-central1"),
        ({"location": "global"}, "projects/p/global/firewalls/f", None),
        ({}, "projects/p/locations/asia-northeast1/keyRings/k", "asia-northeast1"),
    ],
)
def test_the_region_is_where_the_resource_lies(labels: View, resource: str, region: str | None) -> None:
    view = {**payload(resourceName=resource, resourceLocation=None), "resource": {"labels": labels}}
    assert value(view, "region", "common") == region


def test_lists_that_say_a_part_here_and_a_part_there_are_read_as_names() -> None:
    deltas = [
        {"action": "ADD", "role": "roles/owner", "member": "user:eve@example.org"},
        {"action": "ADD", "role": "roles/viewer", "member": "user:eve@example.org"},
        {"action": "REMOVE", "role": "roles/editor", "member": "user:ada@contoso.example"},
        "odd",
    ]
    view = payload(
        serviceData={"policyDelta": {"bindingDeltas": deltas}},
        metadata={
            "instanceMetadataDelta": {"addedMetadataKeys": ["ssh-keys"], "modifiedMetadataKeys": ["startup-script"]}
        },
    )
    assert value(view, "granted.role") == ["roles/owner", "roles/viewer"]
    assert value(view, "granted.member") == "user:eve@example.org"
    assert value(view, "revoked.role") == "roles/editor"
    assert value(view, "changed.metadata_keys") == ["ssh-keys", "startup-script"]
    assert value(SAMPLE, "granted.role") is None
    assert value(SAMPLE, "created.machine_type") == "e2-standard-2"
    assert value(SAMPLE, "created.image_project") == "debian-cloud"


def test_names_of_sigma_and_elastic_mean_the_same_places() -> None:
    assert value(SAMPLE, "gcp.audit.method_name") == value(SAMPLE, "data.protoPayload.methodName")
    assert value(SAMPLE, "gcp.audit.request.name") == "pay-01"
    assert value(SAMPLE, "gcp.audit.resource.labels.zone") == "europe-west1-b"
    assert value(payload(status={"code": 7, "message": "no"}), "gcp.audit.error") == "PERMISSION_DENIED: no"
    assert value(payload(status={"code": 99}), "gcp.audit.error") == "99"


@pytest.mark.parametrize(
    "odd", [None, 4, "x", [], [4], {"status": 4}, {"status": {"code": []}}, {"requestMetadata": "x"}]
)
def test_no_shape_of_the_payload_makes_a_name_raise(odd: object) -> None:
    view = {**SAMPLE, "protoPayload": odd, "resource": odd, "operation": odd}
    for name in (*COMMON, *GCP_AUDIT.ecs, "granted.role", "changed.metadata_keys", "created.image_project"):
        value(view, name, "common")
    only(view)
