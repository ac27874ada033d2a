"""The function for the queue: what it reads, keeps, gives back and says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

from firstseen.deliveries import Delivery, Keep, Report
from firstseen.errors import InputError, SettingsError
from firstseen.pipeline import Pipeline
from functions.aws import ingest, wiring
from functions.aws.deliveries import QueueEvent
from infra.cost import LINE_BYTES
from tests.emulators import ROOT
from tests.faults.faulty import FaultySink, RecordingSink
from tests.faults.world import MINUTE_US, event
from tests.functions.aws_cloud import Cloud, Context, bus_event, queue_event

ODD_KEYS = ("plain.json", "with space+plus.json", "ümlaut/日本.json", "a%2Fb&c=d?.json", "quote'\"<>.json", "x" * 1000)


def trail(*events: bytes) -> bytes:
    """A trail's object."""
    return gzip.compress(b'{"Records":[' + b",".join(events) + b"]}", mtime=0)


def noted(bucket: str, *keys: str, name: str = "ObjectCreated:Put") -> str:
    """S3's own notification."""
    records = [
        {"eventSource": "aws:s3", "eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
        for key in keys
    ]
    return json.dumps({"Records": records})


def created(bucket: str, key: str) -> str:
    """EventBridge's event for a new object."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 5}, "reason": "PutObject"}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail, "account": "1"})


def by_topic(message: str) -> str:
    """What SNS makes of a message."""
    topic = "arn:aws:sns:eu-central-1:111122223333:trail"
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": message})


def of_trail(bucket: str, *keys: str) -> str:
    """The message of a trail's own topic."""
    return json.dumps({"s3Bucket": bucket, "s3ObjectKey": list(keys)})


FORMS: dict[str, Callable[[str, str], str]] = {
    "S3": lambda bucket, key: noted(bucket, quote_plus(key)),
    "EventBridge": created,
    "S3 by SNS": lambda bucket, key: by_topic(noted(bucket, quote_plus(key))),
    "trail's topic": lambda bucket, key: by_topic(of_trail(bucket, key)),
    "trail's topic, raw": of_trail,
    "SNS within SNS": lambda bucket, key: by_topic(by_topic(of_trail(bucket, key))),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_object_is_read_whoever_tells_of_it(account: Cloud, form: str) -> None:
    """Its finding says where the event lies."""
    account.put("a/b.json.gz", trail(event(1, 0, call="Remove")))
    account.deliver(account.container(), account.messages([FORMS[form](account.bucket, "a/b.json.gz")]), rounds=1)
    rows = account.rows()
    assert [row.finding.pointer for row in rows] == [f"s3://{account.bucket}/a/b.json.gz"]
    assert account.notifications() == account.uids()


@pytest.mark.parametrize("form", ["S3", "EventBridge", "trail's topic"])
def test_keys_may_hold_every_character(account: Cloud, form: str) -> None:
    """Only S3's own notifications encode them."""
    for number, key in enumerate(ODD_KEYS):
        account.put(key, trail(event(number, 0, call="Remove", who=f"who-{number}")))
    account.deliver(
        account.container(), account.messages([FORMS[form](account.bucket, key) for key in ODD_KEYS]), rounds=1
    )
    assert {row.finding.pointer for row in account.rows()} == {f"s3://{account.bucket}/{key}" for key in ODD_KEYS}


def test_one_event_by_bus_and_in_an_object_counts_once(account: Cloud) -> None:
    account.put("t.json.gz", trail(event(1, 0), event(2, 1, call="Remove")))
    bodies = [bus_event(event(1, 0)), FORMS["S3"](account.bucket, "t.json.gz"), bus_event(event(2, 1, call="Remove"))]
    for body in bodies:
        account.deliver(account.container(), account.messages([body]), rounds=1)
    assert len(account.uids()) == 2
    assert account.notifications() == account.uids()


def test_a_poison_event_is_kept_with_its_reason_and_stops_nothing(account: Cloud) -> None:
    """Alone, in an object, and as a message of nobody's."""
    account.put("t.json.gz", trail(event(1, 0, call="Remove"), b'{"eventName":"Remove"}', event(2, 0, call="Remove")))
    odd = ["not json", '{"hello": "\\u0000world\\ud800"}', "", "[]", '{"Records": 5}']
    bodies = [FORMS["S3"](account.bucket, "t.json.gz"), *odd, bus_event(event(3, 0, call="Remove"))]
    account.deliver(account.container(), account.messages(bodies), rounds=1)
    assert len(account.uids()) == 3
    rejects = account.rejects()
    assert all(one["reason"] for one in rejects)
    assert {one["pointer"] for one in rejects} == {"", f"s3://{account.bucket}/t.json.gz"}
    kept = {one["raw"] for one in rejects}
    assert {'{"eventName":"Remove"}', "not json", '{"hello": "\\u0000world\\ud800"}'} <= kept
    assert not [raw for raw in kept if '"eventID"' in raw], "an event that was read is no reject"


def test_an_object_of_many_rejects_has_each_of_them_kept_once_in_slices(
    account: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("firstseen.pipeline.MAX_HELD_REJECTS", 4)
    junk = [f'{{"eventName":"Remove","number":{number}}}'.encode() for number in range(10)]
    account.put("t.json.gz", trail(event(1, 0, call="Remove"), *junk))
    assert account.deliver(account.container(), account.messages([created(account.bucket, "t.json.gz")])) == 1
    assert sorted(one["raw"] for one in account.rejects()) == sorted(one.decode() for one in junk)
    assert '"rejects":[10.0]' in capsys.readouterr().out
    assert len(account.uids()) == 1


def test_an_object_that_is_gone_is_kept_as_a_reject(account: Cloud) -> None:
    """Nobody can read it any more, so it must not come again; the rest of its batch goes on."""
    account.put("here.json.gz", trail(event(1, 0, call="Remove")))
    bodies = [FORMS["S3"](account.bucket, "gone.json.gz"), FORMS["S3"](account.bucket, "here.json.gz")]
    bodies.append(FORMS["S3"]("no-such-bucket", "gone.json.gz"))
    account.deliver(account.container(), account.messages(bodies), rounds=1)
    assert len(account.uids()) == 1
    rejects = account.rejects()
    assert sorted(one["pointer"] for one in rejects) == [
        f"s3://{account.bucket}/gone.json.gz",
        "s3://no-such-bucket/gone.json.gz",
    ]
    assert all("does not exist" in one["reason"] for one in rejects)


class DeniedS3:
    """A bucket of another account, or without a grant."""

    def get_object(self, **_: str) -> object:
        error = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(error, "GetObject")  # type: ignore[arg-type]


def test_an_object_that_may_not_be_read_is_given_back_and_nothing_else(account: Cloud) -> None:
    """A grant can be mended: it comes again until then, and ends in the dead-letter queue."""
    parts = account.build()
    parts.objects._make_client = DeniedS3  # type: ignore[assignment]
    handler = ingest.handler_of(wiring.Start(lambda: parts))
    messages = account.messages([FORMS["S3"]("others", "t.json.gz"), bus_event(event(1, 0, call="Remove"))])
    answer = handler(queue_event(messages), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": messages[0].id}]}
    assert len(account.uids()) == 1
    assert account.rejects() == []


def test_messages_that_mean_nothing_are_acknowledged_and_kept_nowhere(account: Cloud) -> None:
    """S3's and CloudTrail's test messages, a trail's digest files, an object that was removed."""
    bodies = [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": account.bucket}),
        by_topic("CloudTrail validation message."),
        of_trail(account.bucket, "AWSLogs/1/CloudTrail-Digest/eu-central-1/d.json.gz"),
        noted(account.bucket, "t.json.gz", name="ObjectRemoved:Delete"),
    ]
    account.deliver(account.container(), account.messages(bodies), rounds=1)
    assert account.rejects() == []
    assert account.uids() == []


def test_a_large_event_is_found_in_its_object_though_the_bus_cannot_carry_it(account: Cloud) -> None:
    large = json.dumps(json.loads(event(1, 0, call="Remove")) | {"requestParameters": {"policy": "x" * 300_000}})
    account.put("t.json.gz", trail(large.encode()))
    account.deliver(account.container(), account.messages([FORMS["S3"](account.bucket, "t.json.gz")]), rounds=1)
    assert account.notifications() == account.uids() != []


def test_a_reject_that_is_too_large_for_the_queue_is_kept_as_a_pointer(account: Cloud) -> None:
    """Control characters are escaped, each in six bytes."""
    account.put("t.json", b'{"eventName": "' + b"\x01" * 63_000 + b'"}\n' + event(1, 0, call="Remove"))
    account.deliver(account.container(), account.messages([FORMS["S3"](account.bucket, "t.json")]), rounds=1)
    (reject,) = account.rejects()
    assert "raw" not in reject
    assert reject["pointer"] == f"s3://{account.bucket}/t.json"
    assert reject["raw_bytes"] > 60_000
    assert reject["place"] == 1


def test_rejects_of_a_delivery_that_comes_again_are_written_once(account: Cloud) -> None:
    sink = RecordingSink(down=True)
    handler = account.container(lambda store, _: (store, sink))
    messages = account.messages([event(1, 0, call="Remove").decode() + "\n{broken", "broken too"])
    answer = handler(queue_event(messages), Context())
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == [messages[0].id]
    assert [one["message_id"] for one in account.rejects()] == [messages[1].id]
    sink.down = False
    account.clock.now_us += 2 * MINUTE_US
    assert handler(queue_event(messages[:1]), Context()) == {"batchItemFailures": []}
    assert [one["message_id"] for one in account.rejects()] == [messages[0].id]


def test_a_delivery_whose_rejects_cannot_be_kept_comes_again(account: Cloud) -> None:
    account.environment["FIRSTSEEN_REJECTS_URL"] = "https://sqs.eu-central-1.amazonaws.com/123456789012/none"
    messages = account.messages(["broken", bus_event(event(1, 0, call="Remove"))])
    answer = account.container()(queue_event(messages), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": messages[0].id}]}


def test_what_there_is_no_time_for_is_given_back(account: Cloud) -> None:
    """Six seconds are left, five are kept: an object that takes longer to read is begun, and given back."""
    clock = account.clock
    account.put("t.json", b"\n".join(event(number, 0, call="Other") for number in range(4_000)))
    parts = account.build()
    chunks = parts.objects.chunks

    def slow(place: object) -> object:
        for chunk in chunks(place):  # type: ignore[arg-type]
            clock.now_us += 600_000
            yield chunk

    parts.objects.chunks = slow  # type: ignore[method-assign, assignment]
    handler = ingest.handler_of(wiring.Start(lambda: parts))
    messages = account.messages([FORMS["S3"](account.bucket, "t.json"), bus_event(event(1, 0, call="Remove"))])
    answer = handler(queue_event(messages), Context(left_milliseconds=6_000))
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == [one.id for one in messages]
    clock.now_us += MINUTE_US
    assert handler(queue_event(messages), Context()) == {"batchItemFailures": []}
    assert len(account.uids()) == 1


def test_a_message_that_brings_about_a_fault_of_ours_stands_alone(
    account: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch are finished."""
    process = Pipeline.process

    def faulty(
        self: Pipeline, deliveries: list[Delivery], *, deadline_us: int | None = None, keep: Keep | None = None
    ) -> Report:
        if any(b"event-7" in b"".join(one.chunks) for one in deliveries):
            raise ZeroDivisionError
        return process(self, deliveries, deadline_us=deadline_us, keep=keep)

    monkeypatch.setattr(Pipeline, "process", faulty)
    messages = account.messages([bus_event(event(number, 0, call="Remove")) for number in (6, 7, 8)])
    answer = account.container()(queue_event(messages), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": messages[1].id}]}
    assert account.notifications() == account.uids()
    assert len(account.uids()) == 2


def test_two_containers_with_the_same_messages_make_each_finding_once(account: Cloud) -> None:
    """One sends while the other looks: who does not send does not acknowledge, and sends nothing later."""
    first = account.container()
    second_answers = []
    messages = account.messages([bus_event(event(number, number * 61)) for number in range(3)])

    class Meddling(FaultySink):
        def publish(self, findings, *, deadline_us=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            second_answers.append(first(queue_event(messages), Context()))
            return super().publish(findings, deadline_us=deadline_us)

    second = account.container(lambda store, sink: (store, Meddling(sink)))
    assert second(queue_event(messages), Context()) == {"batchItemFailures": []}
    assert len(second_answers[0]["batchItemFailures"]) == 3
    assert len(account.uids()) == 3
    assert account.notifications() == account.uids()
    account.deliver(first, messages, rounds=1)
    assert account.notifications() == []


def test_metrics_and_logs_say_what_happened_and_hold_no_values_of_events(
    account: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = account.container()
    capsys.readouterr()
    messages = account.messages([bus_event(event(1, 98)), bus_event(event(2, 99, call="Other")), '{"who": "ada"}'])
    handler(queue_event(messages), Context())
    said = capsys.readouterr().out
    assert "ada" not in said
    assert "192.0.2.1" not in said
    lines = [json.loads(line) for line in said.splitlines()]
    (metrics,) = [line for line in lines if "_aws" in line]
    wanted = {"events": [2], "matches": [1], "rejects": [1], "sent": [1], "lag_seconds": [120]}
    plain = {"messages": 3, "findings_send": 1, "state_transactions": 1}
    assert {name: metrics[name] for name in wanted | plain} == wanted | plain
    (told,) = metrics["_aws"]["CloudWatchMetrics"]
    assert {one["Name"] for one in told["Metrics"]} == set(wanted)
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert all(f'"{name}"' in template or f"MetricName: {name}" in template for name in wanted), "paid for, not shown"
    assert metrics["service"] == account.environment["FIRSTSEEN_SERVICE"]
    assert told["Namespace"] == "firstseen"
    assert "retries" not in metrics, "what is nought is not paid for"


def test_a_quiet_batch_s_line_is_as_long_as_the_cost_model_takes_it_to_be(
    account: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """A single message whose event matches and is nothing new."""
    handler = account.container()
    handler(queue_event(account.messages([bus_event(event(1, 90))])), Context())
    capsys.readouterr()
    handler(queue_event(account.messages([bus_event(event(2, 98))])), Context())
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert "sent" not in json.loads(line)
    assert len(line) == pytest.approx(LINE_BYTES, rel=0.1)


def test_a_fault_of_ours_is_told_by_its_place_and_not_by_its_words_which_may_hold_values(
    account: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(FaultySink):
        def publish(self, findings, *, deadline_us=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG002
            raise KeyError(findings[0].facts)

    handler = account.container(lambda store, sink: (store, Broken(sink)))
    messages = account.messages([bus_event(event(1, 98))])
    answer = handler(queue_event(messages), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": messages[0].id}]}
    said = capsys.readouterr().out
    assert "192.0.2.1" not in said
    told = [line for line in map(json.loads, said.splitlines()) if line.get("fault")]
    assert [(one["message_id"], one["fault"]) for one in told] == [("", "KeyError"), (messages[0].id, "KeyError")]
    assert all("test_aws_ingest:" in one["place"] for one in told)


def test_a_start_that_fails_says_everything_at_once_and_every_call_fails(
    account: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    """Missing, malformed: one message names each; nothing is acknowledged."""
    account.environment |= {"FIRSTSEEN_TOPIC_ARN": "my topic", "FIRSTSEEN_LOG_LEVEL": "loud"}
    del account.environment["FIRSTSEEN_TABLE"]
    handler = account.container()
    (said,) = [one.getMessage() for one in caplog.records]
    for name in ("FIRSTSEEN_TABLE", "FIRSTSEEN_TOPIC_ARN", "FIRSTSEEN_LOG_LEVEL"):
        assert name in said
    for _ in range(2):
        with pytest.raises(SettingsError, match="FIRSTSEEN_TABLE"):
            handler(queue_event(account.messages([bus_event(event(1, 0))])), Context())


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"firstseen_pack": 99}', b"\x00\xff"])
def test_a_broken_or_missing_pack_fails_the_start_with_a_mend(account: Cloud, content: bytes | None) -> None:
    pack = account.environment["FIRSTSEEN_PACK"]
    if content is None:
        account.environment["FIRSTSEEN_PACK"] = "none.pack"
    else:
        with open(pack, "wb") as file:  # noqa: PTH123 - a text in the environment
            file.write(content)
    with pytest.raises(SettingsError, match=r"pack.*(build|version)"):
        account.container()(queue_event([]), Context())


@pytest.mark.parametrize("odd", [{}, {"Records": [{"eventSource": "aws:sns"}]}, {"Records": None}])
def test_a_call_that_is_no_batch_of_a_queue_fails(account: Cloud, odd: QueueEvent) -> None:
    with pytest.raises(InputError, match="called by an SQS queue"):
        account.container()(odd, Context())
