"""The rejects queue and the dead-letter queue of a deployment on AWS.

SQS has no peek: whoever looks at a message receives it, which counts as a try and hides it for a while. Nothing reads
the count of a queue that is the last stop, which both of these are, and a message that goes back is a new one. A queue
that gives its messages up after some tries is therefore not looked at. What was received is shown again at once when
the look is over, else after :data:`HIDDEN_SECONDS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from boto3.session import Session
from botocore.exceptions import BotoCoreError, ClientError

from firstseen.adapters.aws.calling import code_of
from firstseen.adapters.aws.clients import config
from firstseen.errors import InputError, SettingsError
from firstseen.sources.letters import MAX_LOOKED_AT, Letter, letter_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 300
MAX_BATCH = 10
WAIT_SECONDS = 1
"""A receive that waits asks every server of the queue: when it finds nothing, there is nothing. One that does not wait
asks some of them."""

_URL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:\d{1,5})?/\d{12}/[A-Za-z0-9_-]{1,80}")
_REGION = re.compile(r"https://(?:sqs\.)?([a-z0-9-]+)\.(?:queue\.)?amazonaws\.")
_OBJECT = re.compile(r"s3://([a-z0-9.-]{3,63})/(.+)", re.DOTALL)


def sqs_client(queue_url: str, *, endpoint_url: str | None = None) -> SQSClient:
    """A client for the queue's region. Raises SettingsError for what is no queue's URL, and without a region."""
    if not _URL.fullmatch(queue_url):
        msg = f"{queue_url[:200]!r} is no queue's URL: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"
        raise SettingsError(msg)
    found = _REGION.match(queue_url)
    try:
        return Session().client(
            "sqs", region_name=found[1] if found else None, endpoint_url=endpoint_url, config=config(2)
        )
    except (BotoCoreError, ValueError) as exc:
        msg = f"SQS cannot be asked: {exc}"
        raise SettingsError(msg) from exc


class SqsLetters:
    """See :class:`firstseen.sources.letters.Letters`.

    Args:
        url: the queue's.
        to: the URL of the queue that is worked on; "": the one whose dead-letter queue this is.
    """

    def __init__(self, url: str, client: SQSClient, *, to: str = "") -> None:
        self._url = url
        self._client = client
        self._to = to
        self._held: dict[str, str] = {}

    def look(self, limit: int) -> Iterator[Letter]:
        """See the protocol."""
        self._check()
        seen: set[str] = set()
        while len(seen) < min(limit, MAX_LOOKED_AT):
            received = self._receive(min(MAX_BATCH, limit - len(seen)))
            if not received:
                return
            for one in received:
                self._held[one["MessageId"]] = one["ReceiptHandle"]
                if one["MessageId"] not in seen:
                    seen.add(one["MessageId"])
                    yield _letter(one)

    def take(self, limit: int) -> Iterator[Letter]:
        """See the protocol."""
        return self.look(limit)

    def content(self, letter: Letter) -> bytes | None:
        """See the protocol. What a message could not hold lies where its pointer says."""
        return letter.content

    def back(self, letter: Letter) -> str:
        """See the protocol."""
        body, why = _body(letter)
        if body is None:
            return why
        to = self._to = self._to or self._source()
        try:
            self._client.send_message(QueueUrl=to, MessageBody=body)
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=self._held.pop(letter.id))
        except (BotoCoreError, ClientError) as exc:
            raise self._fault(exc) from exc
        return ""

    def close(self) -> None:
        """See the protocol."""
        handles = iter(self._held.values())
        while batch := list(islice(handles, MAX_BATCH)):
            self._show(batch)
        self._held.clear()

    def _show(self, handles: Sequence[str]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for number, handle in enumerate(handles)
        ]
        try:
            self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type] # the shape is this
        except (BotoCoreError, ClientError):
            return  # they are shown by themselves, a few minutes later

    def _receive(self, number: int) -> Sequence[MessageTypeDef]:
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=number, VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"],
            )  # fmt: skip
        except (BotoCoreError, ClientError) as exc:
            raise self._fault(exc) from exc
        return answer.get("Messages", [])

    def _check(self) -> None:
        """Raises SettingsError for a queue whose counts mean something."""
        try:
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        except (BotoCoreError, ClientError) as exc:
            raise self._fault(exc) from exc
        if "RedrivePolicy" in found.get("Attributes", {}):
            msg = (
                f"{self._url} is worked on, and gives its messages up after some tries: looking would use up tries; "
                "name its dead-letter queue, or the rejects queue"
            )
            raise SettingsError(msg)

    def _source(self) -> str:
        try:
            found = self._client.list_dead_letter_source_queues(QueueUrl=self._url).get("queueUrls", [])
        except (BotoCoreError, ClientError) as exc:
            raise self._fault(exc) from exc
        if len(found) != 1:
            msg = f"{self._url} is the dead-letter queue of {len(found)} queues: name where to with --to sqs:QUEUE-URL"
            raise SettingsError(msg)
        return found[0]

    def _fault(self, exc: BotoCoreError | ClientError) -> InputError:
        code = code_of(exc) if isinstance(exc, ClientError) else type(exc).__name__
        return InputError(f"queue {self._url} cannot be used ({code}): {exc}")


def _letter(message: MessageTypeDef) -> Letter:
    attributes, body = message.get("Attributes", {}), message.get("Body", "")
    kept_us = int(attributes.get("SentTimestamp", "0")) * 1_000
    reject = letter_of(message["MessageId"], kept_us, body)
    if reject is not None:
        return reject
    told = {name: one.get("StringValue", "") for name, one in message.get("MessageAttributes", {}).items()}
    content = body.encode("utf-8", "surrogatepass")
    return Letter(message["MessageId"], "dead letter", kept_us, _reason(told, message["MessageId"]), body, content)


def _reason(told: dict[str, str], message_id: str) -> str:
    """EventBridge says why it could not deliver; SQS says nothing, but the id is that of the function's log."""
    if told.get("ERROR_CODE"):
        return f"EventBridge could not deliver it: {told['ERROR_CODE']} {told.get('ERROR_MESSAGE', '')}".rstrip()
    return f"tried too often and never finished: the function's log says why, by its message_id {message_id}"


def _body(letter: Letter) -> tuple[str | None, str]:
    """What is sent: the event; where it was cut, a notification of its object, whose other events count once."""
    if letter.content is not None and letter.whole:
        try:
            return letter.content.decode(), ""
        except UnicodeDecodeError:
            pass
    found = _OBJECT.fullmatch(letter.pointer)
    if found is None:
        return None, "the event was cut or is no text, and it is not known which object it came from"
    stored = {"bucket": {"name": found[1]}, "object": {"key": quote(found[2])}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Redrive", "s3": stored}]}), ""
