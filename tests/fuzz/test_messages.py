"""Any message in a queue: it is read, taken as an event that the pipeline judges, or refused as nobody's."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from firstseen.adapters.azure import kept
from firstseen.adapters.azure.kept import Aside
from firstseen.errors import InputError
from functions.aws import messages
from functions.azure import notices
from tests.faults.world import event
from tests.fuzz.fuzzing import bounded, fuzzed
from tests.fuzz.mutating import grafted, json_bytes, mangled

CREATED = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {"bucket": {"name": "logs"}, "object": {"key": "AWSLogs/1/CloudTrail/a.json.gz"}},
}
NOTED = {
    "Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "logs"}, "object": {"key": "a%20b"}}}]
}
TRAIL = {"s3Bucket": "logs", "s3ObjectKey": ["AWSLogs/a.json.gz", "AWSLogs/b.json.gz"]}
SNS = {"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(TRAIL)}
BUS = {"detail-type": "AWS API Call via CloudTrail", "time": "2026-03-02T00:00:00Z", "detail": json.loads(event(1, 0))}
MESSAGES: list[object] = [CREATED, NOTED, TRAIL, SNS, BUS, {**SNS, "Message": json.dumps(NOTED)}]

WORDS = (b"\\ud800", b'"Message":"', b'"s3"', b'"Records":[', b"s3:TestEvent", b"%", b"+", b'"Type":"Notification"')


@given(st.one_of(mangled([json_bytes(one) for one in MESSAGES], WORDS), grafted(MESSAGES).map(json_bytes)))
@fuzzed(150)
def test_a_hostile_message_of_sqs_is_read_or_taken_as_an_event(body: bytes) -> None:
    with bounded():
        found = messages.read(body)
    assert found.places or found.ignored or found.event is not None, "it would be acknowledged unread"


ASIDE = kept.write(Aside("logs/3/17", 1_790_000_000_000_000, "hub", 3, "the store is unavailable", b'{"a": 1}'))
assert ASIDE is not None


@given(st.one_of(mangled([ASIDE.encode()]), grafted([json.loads(ASIDE)]).map(json_bytes)))
@fuzzed(100)
def test_a_hostile_message_among_what_was_put_aside_is_read_or_refused(text: bytes) -> None:
    with bounded(), suppress(InputError):
        found = kept.read(text)
        assert found.body is not None or found.blob or found.arrived


NOTICE = {
    "type": "Microsoft.Storage.BlobCreated",
    "subject": f"/blobServices/default/containers/{kept.AUDIT_LOGS}/blobs/okta/a b%20c.json.gz",
    "data": {"url": "https://other.example/token"},
}
OLDER = {"eventType": NOTICE["type"], "subject": NOTICE["subject"], "topic": "/subscriptions/S"}
TEXTS = [json_bytes(NOTICE), json_bytes(OLDER), base64.b64encode(json_bytes(NOTICE))]


@given(
    st.one_of(
        mangled(TEXTS, (b"/blobs/", b"/../", b"/.", b"\\ud800", b"%2F")), grafted([NOTICE, OLDER]).map(json_bytes)
    )
)
@fuzzed(100)
def test_a_hostile_notice_names_a_blob_among_those_that_were_put_in_or_is_refused(text: bytes) -> None:
    with bounded(), suppress(InputError):
        name = notices.read(text)
        assert len(name) <= kept.MAX_NAME_CHARACTERS
        asked = parse_url(f"https://account/audit-logs/{quote(name, safe='/~')}").path or ""
        assert unquote(asked) == f"/audit-logs/{name}", "another blob would be read"
