"""``deadletters`` on AWS: what lies in the queues is told with its reason, stays as it was, and can go back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from firstseen.adapters.aws import dead_letters
from firstseen.cli import main
from firstseen.sources.event import MAX_REJECT_BYTES, Reject
from functions.aws.rejects import body
from tests.faults.world import event
from tests.functions.aws_cloud import SESSION, Cloud
from tests.functions.test_aws_ingest import trail

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

NASTY = "\x1b[31mred\u202e"


@pytest.fixture(autouse=True)
def nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in has one server."""
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)


@pytest.fixture
def sqs(account: Cloud) -> SQSClient:
    assert account.environment
    return SESSION.client("sqs")


@pytest.fixture
def rejects(account: Cloud) -> str:
    return account.environment["FIRSTSEEN_REJECTS_URL"]


@pytest.fixture
def ingest(sqs: SQSClient) -> str:
    return sqs.create_queue(QueueName="ingest")["QueueUrl"]


def attributes(sqs: SQSClient, url: str) -> dict[str, str]:
    return {str(name): value for name, value in
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"].items()}  # fmt: skip


@pytest.fixture
def dead(sqs: SQSClient, ingest: str) -> str:
    """A dead-letter queue, and a queue that gives messages up to it."""
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = attributes(sqs, url)["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    sqs.set_queue_attributes(QueueUrl=ingest, Attributes={"RedrivePolicy": policy})
    return url


def put(sqs: SQSClient, url: str, text: str) -> str:
    return sqs.send_message(QueueUrl=url, MessageBody=text)["MessageId"]


def everything(sqs: SQSClient, url: str) -> list[str]:
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        found.extend(one["Body"] for one in messages)
    return sorted(found)


def listed(url: str, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["deadletters", "list", "--from", f"sqs:{url}", "--format", "jsonl", *more]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def a_reject(raw: bytes, pointer: str = "", reason: str = "no eventTime") -> str:
    return body(("message-1", pointer, Reject(reason, raw, 7, "rule-1")))


def test_a_reject_is_listed_with_its_reason_and_where_it_came_from(
    sqs: SQSClient, rejects: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message_id = put(sqs, rejects, a_reject(b"{}", "s3://trail/a.json.gz"))
    (one,) = listed(rejects, capsys)
    assert one.pop("kept").endswith("Z")
    assert one == {
        "id": message_id, "kind": "reject", "reason": "no eventTime", "pointer": "s3://trail/a.json.gz", "place": 7,
        "rule_id": "rule-1", "tries": 0,
    }  # fmt: skip


def test_looking_leaves_everything_where_it_was_to_be_received_at_once(
    sqs: SQSClient, rejects: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """More than one batch; each is listed once, nothing stays hidden, nothing is taken out."""
    texts = [a_reject(f'{{"number": {number}}}'.encode()) for number in range(25)]
    for text in texts:
        put(sqs, rejects, text)
    for _ in range(5):
        assert len({one["id"] for one in listed(rejects, capsys)}) == 25
    assert attributes(sqs, rejects)["ApproximateNumberOfMessages"] == "25"
    assert everything(sqs, rejects) == sorted(texts)


def test_a_queue_whose_receive_counts_mean_something_is_not_looked_at(
    sqs: SQSClient, ingest: str, dead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A look is a try: three of them would make dead letters of messages that nobody tried."""
    put(sqs, ingest, "{}")
    for _ in range(5):
        assert main(["deadletters", "list", "--from", f"sqs:{ingest}"]) == 2
        assert "would use up tries" in capsys.readouterr().err
    assert everything(sqs, ingest) == ["{}"]
    assert everything(sqs, dead) == []


def test_what_an_event_says_reaches_no_terminal(
    sqs: SQSClient, rejects: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = json.dumps({"userAgent": NASTY}, ensure_ascii=False).replace("\\u001b", "\x1b").encode()
    message_id = put(sqs, rejects, a_reject(raw, f"s3://trail/{NASTY}", reason=NASTY))
    for words in (["list"], ["show", message_id]):
        for form in ("text", "jsonl"):
            capsys.readouterr()
            assert main(["deadletters", *words, "--from", f"sqs:{rejects}", "--format", form]) == 0
            out = capsys.readouterr().out
            assert "[31mred" in out
            assert "\x1b" not in out
            assert "\u202e" not in out


def test_a_dead_letter_has_the_reason_that_is_known(
    sqs: SQSClient, dead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = put(sqs, dead, '{"detail": {}}')
    told = {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "not allowed"}
    sqs.send_message(
        QueueUrl=dead, MessageBody="{}",
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in told.items()},
    )  # fmt: skip
    reasons = {one["id"]: one["reason"] for one in listed(dead, capsys)}
    assert plain in reasons.pop(plain)
    assert list(reasons.values()) == ["EventBridge could not deliver it: NO_PERMISSIONS not allowed"]


def test_dead_letters_go_back_to_the_queue_that_gave_them_up(
    sqs: SQSClient, ingest: str, dead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        put(sqs, dead, f'{{"number": {number}}}')
    first = listed(dead, capsys)[0]["id"]
    assert main(["deadletters", "redrive", "--from", f"sqs:{dead}", first[:8]]) == 0
    assert "1 sent back" in capsys.readouterr().out
    assert len(everything(sqs, ingest)) == 1
    assert main(["deadletters", "redrive", "--from", f"sqs:{dead}", "--all", "--dry-run"]) == 0
    assert "11 would be sent back" in capsys.readouterr().out
    assert main(["deadletters", "redrive", "--from", f"sqs:{dead}", "--all"]) == 0
    assert listed(dead, capsys) == []
    assert len(everything(sqs, ingest)) == 11


def test_where_rejects_go_back_to_has_to_be_said(
    sqs: SQSClient, rejects: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(sqs, rejects, a_reject(b"{}"))
    assert main(["deadletters", "redrive", "--from", f"sqs:{rejects}", "--all"]) == 2
    assert "--to" in capsys.readouterr().err
    assert len(listed(rejects, capsys)) == 1


@pytest.mark.parametrize("kept", [event(1, 0, call="Remove"), b'{"cut": "'.ljust(MAX_REJECT_BYTES, b"x")])
def test_a_reject_that_went_back_makes_its_finding(
    account: Cloud, rejects: str, ingest: str, kept: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """The event alone, or, where that was cut, a notification of its object."""
    sqs = SESSION.client("sqs")
    key = account.put("a b+c/ü.json.gz", trail(event(1, 0, call="Remove")))
    put(sqs, rejects, a_reject(kept, f"s3://{account.bucket}/{key}"))
    assert main(["deadletters", "redrive", "--from", f"sqs:{rejects}", "--to", f"sqs:{ingest}", "--all"]) == 0
    assert listed(rejects, capsys) == []
    account.deliver(account.container(), account.messages(everything(sqs, ingest)), rounds=1)
    assert len(account.notifications()) == 1
    assert account.rejects() == []


def test_what_cannot_go_back_stays_and_is_said(
    sqs: SQSClient, rejects: str, ingest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(sqs, rejects, a_reject(b"\xff\xfe"))
    put(sqs, rejects, a_reject(b"{}", reason="another"))
    words = ["deadletters", "redrive", "--from", f"sqs:{rejects}", "--to", f"sqs:{ingest}"]
    assert main([*words, "--all"]) == 1
    said = capsys.readouterr()
    assert "which object" in said.err
    assert "1 sent back" in said.out
    assert everything(sqs, ingest) == ["{}"]
    assert [one["reason"] for one in listed(rejects, capsys)] == ["no eventTime"]


def test_some_are_chosen_by_their_reason(
    sqs: SQSClient, rejects: str, ingest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, reason in enumerate(("no eventTime", "rule x raised", "rule y raised")):
        put(sqs, rejects, a_reject(f"[{number}]".encode(), reason=reason))
    words = ["deadletters", "redrive", "--from", f"sqs:{rejects}", "--to", f"sqs:{ingest}"]
    assert main([*words, "--reason", "raised"]) == 0
    assert everything(sqs, ingest) == ["[1]", "[2]"]
    assert [one["reason"] for one in listed(rejects, capsys)] == ["no eventTime"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["redrive"], "send back what"),
        (["redrive", "--all", "--reason", "x"], "send back what"),
        (["show", "abc"], "at least 6"),
        (["show", "abcdefgh"], "not among"),
        (["redrive", "abcdefgh"], "not among"),
        (["list", "--to", "x"], None),
    ],
)
def test_what_is_not_clear_is_refused_and_changes_nothing(
    sqs: SQSClient, rejects: str, words: list[str], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    put(sqs, rejects, a_reject(b"{}"))
    if said is None:
        with pytest.raises(SystemExit):
            main(["deadletters", *words, "--from", f"sqs:{rejects}"])
    else:
        assert main(["deadletters", *words, "--from", f"sqs:{rejects}"]) == 2
        assert said in capsys.readouterr().err
    assert len(listed(rejects, capsys)) == 1


@pytest.mark.parametrize("place", ["sqs:", "sqs:name", "queue:", "kafka:x", "sqs:https://evil.example/x?y"])
def test_what_names_no_queue_is_refused(place: str, account: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert account.environment
    assert main(["deadletters", "list", "--from", place]) == 2
    assert "firstseen: " in capsys.readouterr().err


def test_a_queue_that_is_not_there_is_named(account: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    url = account.environment["FIRSTSEEN_REJECTS_URL"] + "-other"
    assert main(["deadletters", "list", "--from", f"sqs:{url}"]) == 2
    assert url in capsys.readouterr().err
