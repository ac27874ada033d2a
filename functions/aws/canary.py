"""The Lambda function on a schedule that sends canaries, and looks for the findings of the last ones.

They go through the bus, its rule, the queue, the function for the queue and the table, as a call does that another
region hands over. Their findings are kept and not sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from firstseen.errors import InputError
from firstseen.findings import canaries
from firstseen.findings.canaries import CANARY, Outgoing, Verdict, Wanted
from firstseen.findings.times import HOUR_US
from firstseen.language.canaries import SUFFIX
from functions.aws.wiring import ROOT, Context, Parts, Start, start

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

Handler = Callable[[Mapping[str, object], Context], None]

DETAIL_TYPE = "firstseen canary"
MAX_ENTRIES, MAX_ENTRIES_BYTES = 10, 250_000
"""Of one PutEvents."""
ATTEMPTS = 3
"""Of what one PutEvents did not take; the client repeats what is throttled on its own."""

_PATIENT = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


def events_client() -> EventBridgeClient:
    """Of the function's own region."""
    return Session().client("events", config=_PATIENT)


def handler_of(started: Start, client: Callable[[], EventBridgeClient] = events_client) -> Handler:
    """The function's handler. What it raises is the call's failure; the next one goes on."""

    def handler(event: Mapping[str, object], context: Context) -> None:
        del event
        parts = started.parts()
        parts.logger.append_keys(request_id=context.aws_request_id)
        if parts.settings.canary_hours and parts.settings.canary_bus:
            parts.look()
            go_on(parts, client)

    return handler


def go_on(parts: Parts, client: Callable[[], EventBridgeClient]) -> None:
    """Judge the last round if it is time to, and send the next if it is time to.

    Raises InputError, RuleError, StoreUnavailable, StoreUnusable.
    """
    now_us, wanted = parts.clock(), in_force(parts)
    verdict = canaries.looked_for(parts.store, wanted, now_us=now_us)
    if verdict is not None:
        say(parts, verdict)
    every_us = parts.settings.canary_hours * HOUR_US
    out = canaries.outgoing(parts.store, wanted, uuid.uuid4().hex, now_us=now_us, every_us=every_us)
    if out is not None:
        say_begun(parts, wanted, out)
        put(client(), parts.settings.canary_bus, out.messages)
        canaries.given(parts.store, out.run, now_us=now_us)


def in_force(parts: Parts) -> Wanted:
    """What is to be sent for the rules that run; none when nothing was published for them, which is said."""
    beside, runs = (ROOT / parts.settings.pack).with_suffix(SUFFIX), parts.pack.version
    wanted = canaries.wanted_of(parts.published, beside.read_bytes, runs=runs, now_us=parts.clock())
    if not wanted.published:
        parts.logger.warning(canaries.NONE_PUBLISHED, extra={"runs": runs, "mend": canaries.PUBLISH})
    return wanted


def put(client: EventBridgeClient, bus: str, messages: Sequence[bytes]) -> None:
    """Put them on the bus. Raises InputError when it does not take all: the next call sends them again."""
    for batch in batches(messages):
        left: list[PutEventsRequestEntryTypeDef] = [
            {"EventBusName": bus, "Source": CANARY, "DetailType": DETAIL_TYPE, "Detail": one.decode()} for one in batch
        ]
        said = ""
        for _ in range(ATTEMPTS):
            try:
                answers = client.put_events(Entries=left)["Entries"]
            except (BotoCoreError, ClientError) as exc:
                said = str(exc)
                break
            failed = [number for number, answer in enumerate(answers) if "EventId" not in answer]
            said = ", ".join(sorted({answers[number].get("ErrorCode", "") for number in failed}))
            left = [left[number] for number in failed]
            if not left:
                break
        if left:
            raise InputError(f"{len(left)} canaries could not be put on the bus {bus}: {said}")


def batches(messages: Sequence[bytes]) -> Iterator[list[bytes]]:
    """As many as one call takes."""
    batch: list[bytes] = []
    size = 0
    for one in messages:
        if batch and (len(batch) == MAX_ENTRIES or size + len(one) > MAX_ENTRIES_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one)
    if batch:
        yield batch


def say_begun(parts: Parts, wanted: Wanted, out: Outgoing) -> None:
    """A line for what is sent, and one for each rule that the round leaves out."""
    left_out = wanted.canaries.left_out
    numbers = {"run": out.run, "sent": len(out.messages), "left_out": len(left_out)}
    parts.logger.info("canaries are sent", extra=numbers | {"runs": wanted.canaries.pack})
    for one in left_out:
        told = {"rule": one.rule, "title": one.title, "reason": one.reason}
        parts.logger.debug("no canary is sent for a rule", extra=told)


def say(parts: Parts, verdict: Verdict) -> None:
    """What a round came to, and a line for each silent rule: what was sent, and where it may have stuck.

    While it is not sure, no metric says that all is well: what was found before holds.
    """
    silent = len(verdict.silent)
    if silent or not verdict.unsure:
        parts.metrics.add_metric("canaries_silent", MetricUnit.Count, silent)
        parts.metrics.flush_metrics()
    counts = {"canaries_came": verdict.came, "canaries_silent": silent, "canaries_unsure": verdict.unsure}
    parts.logger.info("canaries were looked for", extra=counts | {"run": verdict.run})
    for one in verdict.silent[: canaries.MAX_NAMED]:
        parts.logger.error("a rule stayed silent", extra=canaries.told(one, verdict.run))


handler = handler_of(start())
