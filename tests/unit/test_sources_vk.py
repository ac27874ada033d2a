"""VK Cloud's action log: recognised in an answer, its yes and no understood, its bodies opened."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.source import COMMON, Derived, View
from firstseen.sources.vk_audit import SAMPLE, VK_AUDIT

NOW_US = 1_780_000_000_000_000
SERVER = "/v2.1/servers/0a1b2c3d-4e5f-4607-8899-aabbccddeeff"


def value(view: View, name: str, vocabulary: str = "raw") -> Any:  # noqa: ANN401
    place: Any = VK_AUDIT.accessor(name, vocabulary=vocabulary)
    if isinstance(place, Derived):
        return place.function(view)
    return view.get(place[0]) if len(place) == 1 else None


def read(view: object) -> list[Event | Reject]:
    return list(read_document(1, orjson.dumps(view), received_us=NOW_US))


def test_an_answer_of_the_interface_gives_its_events() -> None:
    other = {**SAMPLE, "event_id": "9840e233", "source": "neutron", "action": "create-floating-ip"}
    found = read({"logs": [SAMPLE, other, {"action": "x"}], "marker": "next"})
    assert [one.source.name if isinstance(one, Event) else one.reason[:28] for one in found] == [
        "vk.audit",
        "vk.audit",
        "in the action log answer: no",
    ]
    assert isinstance(found[0], Event)
    assert (found[0].time_us, found[0].operation_id, found[0].remarks) == (
        1_772_442_902_000_000, SAMPLE["event_id"], (),
    )  # fmt: skip


@pytest.mark.parametrize(
    "view",
    [
        {**SAMPLE, "source": "my-shop"},
        {**SAMPLE, "source": ["nova"]},
        {**SAMPLE, "action": None},
        {**SAMPLE, "action": ""},
        {"action": "vm-action"},
    ],
)
def test_what_other_programs_call_action_and_source_is_no_event(view: View) -> None:
    (reject,) = read(view)
    assert isinstance(reject, Reject)
    assert "no event or envelope of a log that is known here" in reject.reason


def test_without_a_time_an_event_is_rejected() -> None:
    (reject,) = read({**SAMPLE, "timestamp": "14.07.2021"})
    assert isinstance(reject, Reject)
    assert "vk.audit: no time that can be read: needs timestamp as in" in reject.reason


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("yes", "success"), ("no", "failure"), ("NO ", "failure"), (True, "success"), (False, "failure"), ("?", None)],
)
def test_yes_and_no(said: object, outcome: str | None) -> None:
    view = {**SAMPLE, "success": said}
    assert value(view, "outcome") == outcome
    (event,) = read(view)
    assert isinstance(event, Event)
    assert event.remarks == (() if outcome else ("success is neither yes nor no: its outcome is unknown",))


def test_nobody_who_acted_is_remarked_upon_and_no_event_id_is_made_up_for() -> None:
    (event,) = read({**SAMPLE, "user_email": "", "user_id": None, "event_id": None})
    assert isinstance(event, Event)
    assert event.id.startswith("sha256-")
    assert event.remarks[0] == "neither user_email nor user_id: rules that ask who acted cannot match"


@pytest.mark.parametrize(
    ("uri", "body", "action", "resource"),
    [
        (f"{SERVER}/action", '{"addSecurityGroup":{"name":"open"}}', "nova:vm-action.addSecurityGroup", SERVER[6:]),
        (f"{SERVER}/action?x=1", {"os-stop": None}, "nova:vm-action.os-stop", SERVER[6:]),
        (f"{SERVER}/action", '{"a":1,"b":2}', "nova:vm-action", SERVER[6:]),
        (f"{SERVER}/action", "{}", "nova:vm-action", SERVER[6:]),
        (f"{SERVER}/action", '{"broken', "nova:vm-action", SERVER[6:]),
        (SERVER, '{"server":{}}', "nova:vm-action", SERVER[6:]),
        ("/v2.1/os-keypairs", None, "nova:vm-action", "os-keypairs"),
        (None, None, "nova:vm-action", None),
        (7, [], "nova:vm-action", "7"),
    ],
)
def test_what_is_done_to_what(uri: object, body: object, action: str, resource: str | None) -> None:
    view = {**SAMPLE, "uri": uri, "request_body": body}
    assert (value(view, "action", "common"), value(view, "resource")) == (action, resource)


def test_json_in_the_bodies_is_read_by_dotted_names() -> None:
    view = {**SAMPLE, "request_body": '{"server":{"flavorRef":"gpu","networks":[{"uuid":"a"},{"uuid":"b"}]}}'}
    assert value(view, "request_body.server.flavorRef") == "gpu"
    assert value(view, "request_body.server.networks.uuid") == ["a", "b"]
    assert value({**SAMPLE, "request_body": "[" * 1000}, "request_body.server.flavorRef") is None


def test_the_common_vocabulary() -> None:
    assert {name: value(SAMPLE, name, "common") for name in COMMON} == {
        "actor": "ada@contoso.example",
        "action": "nova:vm-action.os-stop",
        "outcome": "success",
        "source.ip": None,
        "account": None,
        "region": None,
        "resource": SERVER[6:],
        "user_agent": None,
        "time": SAMPLE["timestamp"],
        "id": SAMPLE["event_id"],
    }
