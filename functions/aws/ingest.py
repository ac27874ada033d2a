"""The Lambda function for the queue: batches of CloudTrail events and of notifications about objects that hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from aws_lambda_powertools.metrics import MetricUnit

from firstseen.baseline.noise import wide_bases
from firstseen.errors import FirstseenError, StoreUnavailable
from firstseen.pipeline import Delivery, Report
from functions.aws.deliveries import Batch, QueueEvent, batch_of
from functions.aws.wiring import Context, Parts, Start, start


class Failure(TypedDict):
    """One message that must come again."""

    itemIdentifier: str


class Answer(TypedDict):
    """What Lambda's event source mapping understands: every other message of the batch is deleted."""

    batchItemFailures: list[Failure]


Handler = Callable[[QueueEvent, Context], Answer]


def handler_of(started: Start) -> Handler:
    """The function's handler."""

    def handler(event: QueueEvent, context: Context) -> Answer:
        parts = started.parts()
        parts.logger.append_keys(request_id=context.aws_request_id)
        report, batch = ingest(parts, event, parts.deadline_us(context))
        measure(parts, report, batch)
        return {"batchItemFailures": [{"itemIdentifier": handle} for handle in batch.handles if handle in report.retry]}

    return handler


def ingest(parts: Parts, event: QueueEvent, deadline_us: int) -> tuple[Report, Batch]:
    """Take a batch through the pipeline and keep what could not be read. Raises InputError and StoreUnusable."""
    batch = batch_of(event, parts.objects)
    parts.objects.deadline_us = deadline_us
    try:
        parts.activate()
        report = _process(parts, batch.deliveries, deadline_us)
    except StoreUnavailable as exc:
        report = Report()
        report.give_back(batch.handles, f"the store is unavailable: {exc}")
    report.rejects.extend(batch.rejects)
    _keep(parts, report)
    return report, batch


def _process(parts: Parts, deliveries: Sequence[Delivery], deadline_us: int) -> Report:
    """All together; after a fault of ours message by message, so that the one that brings it about stands alone."""
    try:
        return parts.pipeline.process(deliveries, deadline_us=deadline_us)
    except FirstseenError:
        raise
    except Exception:  # whatever it is, the other messages of the batch have to go on
        parts.logger.exception("a batch failed: its messages are tried one by one")
    whole = Report()
    for handle in dict.fromkeys(one.handle for one in deliveries):
        try:
            part = parts.pipeline.process([one for one in deliveries if one.handle == handle], deadline_us=deadline_us)
        except FirstseenError:
            raise
        except Exception as exc:  # this message comes again; the others go on
            parts.logger.exception("message %s failed", handle)
            whole.give_back([handle], f"it brought about a fault of firstseen: {type(exc).__name__}")
        else:
            whole.merge(part)
    return whole


def _keep(parts: Parts, report: Report) -> None:
    """Write the rejects of what will be acknowledged; the others would be written again with each attempt."""
    report.rejects[:] = [one for one in report.rejects if one[0] not in report.retry]
    for handle, reason in parts.rejects.write(report.rejects).items():
        report.give_back([handle], reason)


def measure(parts: Parts, report: Report, batch: Batch) -> None:
    """Metrics of one call and a line of log; neither holds any event's values."""
    counts = {
        "messages": len(batch.handles),
        "events": report.counts.get("events", 0),
        "matches": report.counts.get("matches", 0),
        "rejects": len(report.rejects),
        "ignored": batch.ignored,
        "commits": report.counts.get("commits", 0),
        "conflicts": report.counts.get("conflicts", 0),
        "retries": len(report.retry),
        "sent": report.counts.get("sent", 0),
        "refused": len(report.refused),
    }
    counts.update((f"state_{name}", number) for name, number in parts.operations().items())
    for routing in sorted({one.routing for one in report.findings}):
        counts[f"findings_{routing}"] = sum(one.routing == routing for one in report.findings)
    wide = wide_bases(parts.pack, report.matched, counts["events"])
    counts["wide_rules"] = len(wide)
    for name, number in counts.items():
        parts.metrics.add_metric(name, MetricUnit.Count, number)
    lags_us = [*batch.lags_us, *(one.received_us - one.time_us for one in report.findings)]
    if lags_us:
        parts.metrics.add_metric("lag_seconds", MetricUnit.Seconds, max(0, *lags_us) / 1e6)
    parts.metrics.flush_metrics()
    parts.logger.info("batch done", extra=counts)
    for handle, reason in report.retry.items():
        parts.logger.warning("message comes again", extra={"message_id": handle, "reason": reason})
    for handle, pointer, reject in report.rejects:
        kept = {"message_id": handle, "pointer": pointer, "place": reject.place, "rule_id": reject.rule_id}
        parts.logger.warning("kept in the rejects queue", extra=kept)
    for one in wide:
        told = {"rule_id": one.base_id, "matches": one.matches, "share": round(one.share, 3)}
        parts.logger.warning("a rule matches a large share of all events: narrow it", extra=told)
    for finding in report.refused:
        parts.logger.error("SNS refused a finding for good", extra={"uid": finding.uid, "rule": finding.card.id})


handler = handler_of(start())
