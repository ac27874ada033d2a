"""``deadletters`` on Azure, against Azurite: the queues of the Function app, looked at and sent back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from firstseen.adapters.azure import kept
from firstseen.adapters.azure.kept import Aside
from firstseen.cli import main
from firstseen.sources.event import MAX_REJECT_BYTES, Reject
from tests.emulators import Azurite, azurite, azurite_installed

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)

REJECTS, DEAD = f"queue:{kept.REJECTS}", f"queue:{kept.DEAD_LETTERS}"


@dataclass
class Queues:
    """The app's queues and its container for large ones, emptied for each test."""

    connection_string: str

    def queue(self, name: str) -> QueueClient:
        return QueueClient.from_connection_string(self.connection_string, name)

    def large(self) -> ContainerClient:
        return ContainerClient.from_connection_string(self.connection_string, kept.LARGE)

    def empty(self) -> None:
        for name in (kept.REJECTS, kept.DEAD_LETTERS, kept.PUT_ASIDE):
            try:
                self.queue(name).create_queue()
            except ResourceExistsError:
                self.queue(name).clear_messages()

    def put(self, name: str, text: str | None) -> str:
        assert text is not None
        message_id: str = self.queue(name).send_message(text).id
        return message_id

    def waiting(self) -> list[Aside]:
        found = self.queue(kept.PUT_ASIDE).receive_messages(messages_per_page=32)
        return [kept.read(one.content.encode()) for one in found]


@pytest.fixture(scope="module")
def server() -> Iterator[Azurite]:
    with azurite() as found:
        ContainerClient.from_connection_string(found.connection_string, kept.LARGE).create_container()
        yield found


@pytest.fixture
def queues(server: Azurite, monkeypatch: pytest.MonkeyPatch) -> Queues:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)
    found = Queues(server.connection_string)
    found.empty()
    return found


def a_reject(raw: bytes, *, blob: str = "", reason: str = "no time") -> str | None:
    found = Reject(reason, raw, 3, "rule-1")
    return kept.write_reject(found, message_id="m1", pointer="hub/0/17", received_us=5_000_000, blob=blob)


def a_dead_letter(body: bytes | None, *, blob: str = "", reason: str = "the table does not answer") -> str | None:
    return kept.write(Aside("h1", 5_000_000, "hub/0/17", 31, reason, body, blob))


def listed(place: str, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["deadletters", "list", "--from", place, "--format", "jsonl", *more]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_is_listed_with_its_reason(queues: Queues, capsys: pytest.CaptureFixture[str]) -> None:
    reject = queues.put(kept.REJECTS, a_reject(b"{}"))
    dead = queues.put(kept.DEAD_LETTERS, a_dead_letter(b"{}"))
    died = queues.put(kept.DEAD_LETTERS, a_dead_letter(b"{}", reason=""))
    odd = queues.put(kept.DEAD_LETTERS, "<html>")
    (one,) = listed(REJECTS, capsys)
    assert one.pop("kept").startswith("20")
    assert one == {
        "id": reject, "kind": "reject", "reason": "no time", "pointer": "hub/0/17", "place": 3, "rule_id": "rule-1",
        "tries": 0,
    }  # fmt: skip
    found = {one["id"]: one for one in listed(DEAD, capsys)}
    assert (found[dead]["kind"], found[dead]["reason"]) == ("dead letter", "the table does not answer")
    assert found[dead]["tries"] == 31
    assert "process died" in found[died]["reason"]
    assert found[odd]["kind"] == "unknown"


@pytest.mark.parametrize("number", [5, 40])
def test_looking_leaves_everything_where_it_was(
    queues: Queues, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where there is more than can be peeked at; each is listed once, and can be received at once."""
    for place in range(number):
        queues.put(kept.REJECTS, a_reject(f"[{place}]".encode()))
    for _ in range(2):
        assert len({one["id"] for one in listed(REJECTS, capsys)}) == number
    assert len(listed(REJECTS, capsys, "--limit", "3")) == 3
    assert len(list(queues.queue(kept.REJECTS).receive_messages(messages_per_page=32))) == number


def test_up_to_what_can_be_peeked_at_not_even_the_count_of_receives_changes(
    queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    queues.put(kept.REJECTS, a_reject(b"{}"))
    listed(REJECTS, capsys)
    assert [one.dequeue_count for one in queues.queue(kept.REJECTS).peek_messages()] == [0]


@pytest.mark.parametrize("body", [b'{"records": []}', b"\xff\xfe"])
def test_a_dead_letter_goes_back_as_it_was_to_be_tried_anew(
    queues: Queues, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    queues.put(kept.DEAD_LETTERS, a_dead_letter(body))
    assert main(["deadletters", "redrive", "--from", DEAD, "--all"]) == 0
    assert "1 sent back" in capsys.readouterr().out
    assert queues.waiting() == [Aside("h1", 5_000_000, "hub/0/17", 0, "sent back by hand", body)]
    assert listed(DEAD, capsys) == []


def test_a_dead_letter_whose_body_lies_in_a_blob_is_shown_and_goes_back_with_it(
    queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    queues.large().upload_blob("put-aside/one", b'{"where": "in the blob"}', overwrite=True)
    message_id = queues.put(kept.DEAD_LETTERS, a_dead_letter(None, blob="put-aside/one"))
    assert main(["deadletters", "show", "--from", DEAD, message_id[:8]]) == 0
    assert "in the blob" in capsys.readouterr().out
    assert main(["deadletters", "redrive", "--from", DEAD, message_id]) == 0
    (item,) = queues.waiting()
    assert (item.body, item.blob, item.tries) == (None, "put-aside/one", 0)


def test_a_dead_letter_that_arrived_as_a_blob_goes_back_as_the_place_where_it_lies(
    queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    item = Aside("h1", 5_000_000, "blob:audit-logs/okta/a.json", 31, "why", arrived="okta/a.json")
    message_id = queues.put(kept.DEAD_LETTERS, kept.write(item))
    assert main(["deadletters", "show", "--from", DEAD, message_id]) == 0
    assert "blob:audit-logs/okta/a.json" in capsys.readouterr().out
    assert main(["deadletters", "redrive", "--from", DEAD, message_id]) == 0
    assert queues.waiting() == [replace(item, tries=0, reason="sent back by hand")]


def test_a_reject_goes_back_alone_with_its_time_of_receipt(queues: Queues) -> None:
    queues.put(kept.REJECTS, a_reject(b'{"time": 1}'))
    queues.put(kept.REJECTS, a_reject(b'{"time": 2}', reason="a rule raised"))
    assert main(["deadletters", "redrive", "--from", REJECTS, "--reason", "raised"]) == 0
    assert queues.waiting() == [Aside("m1", 5_000_000, "hub/0/17", 0, "sent back by hand", b'{"time": 2}')]


def test_a_reject_that_no_message_holds_goes_back_by_a_blob(queues: Queues) -> None:
    """What was written as it is takes more as JSON in JSON."""
    raw = json.dumps({"long": "\u00fc" * 6_000}, ensure_ascii=False).encode()
    text = a_reject(raw)
    assert text is not None
    queues.put(kept.REJECTS, json.dumps(json.loads(text), ensure_ascii=False))
    assert main(["deadletters", "redrive", "--from", REJECTS, "--all"]) == 0
    (item,) = queues.waiting()
    assert (item.body or queues.large().download_blob(item.blob).readall()) == raw


def test_what_cannot_go_back_stays_and_is_said(queues: Queues, capsys: pytest.CaptureFixture[str]) -> None:
    queues.put(kept.DEAD_LETTERS, "<html>")
    queues.put(kept.DEAD_LETTERS, json.dumps({"reason": "r", "pointer": "", "message_id": "m", "raw": "x" * 60_000}))
    assert main(["deadletters", "redrive", "--from", DEAD, "--all"]) == 1
    assert "firstseen did not write it" in capsys.readouterr().err
    assert [one["kind"] for one in listed(DEAD, capsys)] == ["unknown"]
    assert [len(queues.large().download_blob(one.blob).readall()) for one in queues.waiting()] == [60_000]
    assert MAX_REJECT_BYTES > 60_000


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (f"queue:{kept.PUT_ASIDE}", "worked on"),
        ("queue:none-such", "deploy it first"),
        ("queue:Not A Name", "ACCOUNT/QUEUE"),
        ("queue:an-account!/rejects", "ACCOUNT/QUEUE"),
    ],
)
def test_what_is_no_such_queue_is_refused(
    queues: Queues, place: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert queues.connection_string
    assert main(["deadletters", "list", "--from", place]) == 2
    assert said in capsys.readouterr().err


def test_an_account_must_be_known(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    assert main(["deadletters", "list", "--from", REJECTS]) == 2
    assert "which account" in capsys.readouterr().err
