"""Findings to an SNS topic."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from firstseen.adapters.aws.calling import PASSING_CODES, Backoff, code_of, passes
from firstseen.adapters.aws.messages import MAX_MESSAGE_BYTES, HttpsForm, Message, message
from firstseen.errors import SettingsError
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import PublishBatchRequestEntryTypeDef, PublishBatchResponseTypeDef

MAX_BATCH = 10
"""Messages of one PublishBatch."""

REFUSED_CODES = frozenset(
    (
        "InvalidMessageContents",
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "ParameterValueInvalid",
        "ValidationError",
        "ValidationException",
    )
)
"""SNS will never take this message. What is wrong with the topic, its key or our rights is *unavailable* instead: the
deployment is to be mended, and nothing may be lost meanwhile."""

TOO_LARGE_CODES = frozenset(("BatchRequestTooLong", "BatchRequestTooLongException"))

_ARN = re.compile(r"arn:aws[a-z-]{0,12}:sns:[a-z0-9-]{1,32}:\d{12}:[A-Za-z0-9_-]{1,251}(\.fifo)?")

_log = logging.getLogger(__name__)


def _now_us() -> int:
    return time.time_ns() // 1_000


class SNSSink:
    """See :class:`firstseen.findings.sink.Sink`.

    No call is begun and no wait ends after the deadline; a call that was begun before it may last as long as the
    client's timeouts let it (:mod:`firstseen.adapters.aws.clients`).

    Args:
        topic_arn: of a standard or a FIFO topic. Another text raises SettingsError.
        client: a low-level client in the topic's region.
        https: what subscribers by HTTPS get: the OCSF form, or chat notifications.
        backoff: for throttling, 5xx and lost answers.
        clock: the wall clock in microseconds; only compared with deadlines.
    """

    def __init__(
        self,
        topic_arn: str,
        *,
        client: SNSClient,
        https: HttpsForm = "ocsf",
        backoff: Backoff | None = None,
        clock: Callable[[], int] = _now_us,
    ) -> None:
        if not _ARN.fullmatch(topic_arn):
            msg = f"{topic_arn!r} is no ARN of an SNS topic: arn:aws:sns:REGION:ACCOUNT:NAME is wanted"
            raise SettingsError(msg)
        self._topic = topic_arn
        self._fifo = topic_arn.endswith(".fifo")
        self._client = client
        self._https = https
        self._backoff = backoff or Backoff(attempts=4)
        self._clock = clock

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        """Publish each, ten at a time; the answers are in the same order."""
        answers: list[Publication] = ["unavailable"] * len(findings)
        for batch in self._batches(findings, answers):
            self._publish(batch, answers, deadline_us)
            if all(answers[number] == "unavailable" for number in batch):
                break  # it takes nothing now: what follows would only wait as long again
        return answers

    def _batches(self, findings: Sequence[Finding], answers: list[Publication]) -> Iterator[dict[int, Message]]:
        """Messages by their place, as many as one call takes; what fits into none is refused."""
        batch: dict[int, Message] = {}
        size = 0
        for number, finding in enumerate(findings):
            made = message(finding, https=self._https)
            if made is None:
                answers[number] = "refused"
                continue
            if batch and (len(batch) == MAX_BATCH or size + made.size_bytes > MAX_MESSAGE_BYTES):
                yield batch
                batch, size = {}, 0
            batch[number] = made
            size += made.size_bytes
        if batch:
            yield batch

    def _publish(self, batch: dict[int, Message], answers: list[Publication], deadline_us: int | None) -> None:
        """One batch, with what passes tried again."""
        left = batch
        for tried in range(1, self._backoff.attempts + 1):
            if self._late(deadline_us):
                return
            left = self._try(left, answers)
            if not left or tried == self._backoff.attempts:
                return
            wait_seconds = self._backoff.seconds(tried)
            if self._late(deadline_us, wait_seconds):
                return
            self._backoff.sleep(wait_seconds)

    def _late(self, deadline_us: int | None, ahead_seconds: float = 0.0) -> bool:
        return deadline_us is not None and self._clock() + int(ahead_seconds * 1_000_000) >= deadline_us

    def _try(self, batch: dict[int, Message], answers: list[Publication]) -> dict[int, Message]:
        """One call; the messages that are worth another try."""
        try:
            response = self._call(batch)
        except (BotoCoreError, ClientError) as exc:
            if passes(exc):
                return batch
            return self._refusal(exc, batch, answers)
        return self._sort(response, batch, answers)

    def _refusal(
        self, exc: BotoCoreError | ClientError, batch: dict[int, Message], answers: list[Publication]
    ) -> dict[int, Message]:
        """A whole call was refused. One bad message must not take nine others with it: each is tried alone."""
        code = code_of(exc) if isinstance(exc, ClientError) else type(exc).__name__
        if code in REFUSED_CODES | TOO_LARGE_CODES:
            if len(batch) == 1:
                answers[next(iter(batch))] = "refused"
                return {}
            parts = [self._try({number: one}, answers) for number, one in batch.items()]
            return {number: one for part in parts for number, one in part.items()}
        self._alarm(code)
        return {}

    def _sort(
        self, response: PublishBatchResponseTypeDef, batch: dict[int, Message], answers: list[Publication]
    ) -> dict[int, Message]:
        """Note each entry's outcome. An entry that is not mentioned has an unknown one, and is tried again."""
        left = dict(batch)
        for done in response.get("Successful", []):
            number = int(done.get("Id", "-1"))
            if left.pop(number, None) is not None:
                answers[number] = "sent"
        for failed in response.get("Failed", []):
            number, code = int(failed["Id"]), failed["Code"]
            if code in REFUSED_CODES:
                answers[number] = "refused"
                left.pop(number, None)
            elif failed["SenderFault"] and code not in PASSING_CODES:
                self._alarm(code)
                left.pop(number, None)
        return left

    def _alarm(self, code: str) -> None:
        _log.error("SNS topic %s takes nothing (%s): mend the topic, its key or this role's rights", self._topic, code)

    def _call(self, batch: dict[int, Message]) -> PublishBatchResponseTypeDef:
        entries = [self._entry(number, one) for number, one in batch.items()]
        return self._client.publish_batch(TopicArn=self._topic, PublishBatchRequestEntries=entries)

    def _entry(self, number: int, one: Message) -> PublishBatchRequestEntryTypeDef:
        entry: PublishBatchRequestEntryTypeDef = {
            "Id": str(number),
            "Message": one.body,
            "MessageStructure": "json",
            "Subject": one.subject,
            "MessageAttributes": one.attributes,
        }
        if self._fifo:  # in order within a key; a copy within five minutes is dropped by SNS itself
            entry["MessageGroupId"] = one.group
            entry["MessageDeduplicationId"] = one.deduplication
        return entry
