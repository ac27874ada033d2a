"""The rejects queue: what could not be read, one event each, with the reason and where it lies."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.deliveries import Kept

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MAX_BATCH = 10
"""Messages of one SendMessageBatch."""

MAX_BYTES = 256 * 1024 - 4 * 1024
"""Of one message, and of one batch; a little is left for what SQS counts besides."""

ATTEMPTS = 2
"""Of each message within one call of the function; the client repeats what is throttled on its own."""


class Rejects:
    """Writes rejects. The client is made when the first is written: most containers see none."""

    def __init__(self, url: str, client: Callable[[], SQSClient]) -> None:
        self._url = url
        self._make_client = client

    @cached_property
    def _client(self) -> SQSClient:
        return self._make_client()

    def write(self, rejects: Sequence[Kept]) -> dict[str, str]:
        """Write each. The message ids of those that could not be written, with the reason: they must come again."""
        failed: dict[str, str] = {}
        for batch in _batches(rejects):
            left, reason = batch, ""
            for _ in range(ATTEMPTS):
                left, reason = self._send(left)
                if not left:
                    break
            failed.update((handle, f"what could not be read of it could not be kept: {reason}") for handle, _ in left)
        return failed

    def _send(self, batch: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
        """What of a batch was not taken, and why."""
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": body} for number, (_, body) in enumerate(batch)
        ]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError) as exc:
            return batch, str(exc)
        failed = answer.get("Failed", [])
        return [batch[int(one["Id"])] for one in failed], ", ".join(sorted({one["Code"] for one in failed}))


def _batches(rejects: Sequence[Kept]) -> Iterator[list[tuple[str, str]]]:
    """(message id, body), as many as one call takes."""
    batch: list[tuple[str, str]] = []
    size = 0
    for kept in rejects:
        text = body(kept)
        if batch and (len(batch) == MAX_BATCH or size + len(text) > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((kept[0], text))
        size += len(text)
    if batch:
        yield batch


def body(kept: Kept) -> str:
    """One reject as the queue keeps it; without the event where that is too large.

    JSON in ASCII, so that its length is its size and nothing in it is a character that SQS refuses.
    """
    handle, pointer, reject = kept
    told = {
        "reason": reject.reason,
        "pointer": pointer,
        "place": reject.place,
        "rule_id": reject.rule_id,
        "message_id": handle,
    }
    try:
        full = told | {"raw": reject.raw.decode()}
    except UnicodeDecodeError:
        full = told | {"raw_base64": base64.b64encode(reject.raw).decode()}
    text = json.dumps(full)
    return text if len(text) <= MAX_BYTES else json.dumps(told | {"raw_bytes": len(reject.raw)})
