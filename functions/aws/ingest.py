"""The Lambda function for the queue: batches of CloudTrail events and of notifications about objects that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from aws_lambda_powertools.metrics import MetricUnit

from firstseen.baseline.noise import wide_bases
from firstseen.deliveries import Delivery, Rejected, Report
from firstseen.errors import FirstseenError, StoreUnavailable, raised_at
from functions.aws.deliveries import Batch, QueueEvent, batch_of
from functions.aws.wiring import Context, Parts, Start, say_missing, start


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
    batch = batch_of(event, parts.objects, parts.settings.sources)
    parts.objects.deadline_us = deadline_us
    keep = _Keep(parts)
    try:
        parts.activate()
        report = _process(parts, batch.deliveries, deadline_us, keep)
    except StoreUnavailable as exc:
        report = Report()
        report.give_back(batch.handles, f"the store is unavailable: {exc}")
    rejects = [one for one in (*report.rejects, *batch.rejects) if one[0] not in report.retry]
    report.rejects.clear()
    for handle, reason in keep(rejects).items():
        report.give_back([handle], reason)
    report.add("rejects", keep.kept)
    return report, batch


@dataclass(slots=True)
class _Keep:
    """Writes rejects: at the end those of what will be acknowledged, the others would be written again with each
    attempt; before it slices of a delivery that has more of them than memory should hold.
    """

    parts: Parts
    kept: int = 0

    def __call__(self, rejects: Sequence[Rejected]) -> Mapping[str, str]:
        """Message id → why, of those that could not be written."""
        failed = self.parts.rejects.write(rejects)
        for handle, pointer, reject in rejects:
            if handle not in failed:
                self.kept += 1
                kept = {"message_id": handle, "pointer": pointer, "place": reject.place, "rule_id": reject.rule_id}
                self.parts.logger.warning("kept in the rejects queue", extra=kept)
        return failed


def _process(parts: Parts, deliveries: Sequence[Delivery], deadline_us: int, keep: _Keep) -> Report:
    """All together; after a fault of ours message by message, so that the one that brings it about stands alone."""
    try:
        return parts.pipeline.process(deliveries, deadline_us=deadline_us, keep=keep)
    except FirstseenError:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, the other messages of the batch have to go on
        _say_fault(parts, "a batch failed: its messages are tried one by one", "", exc)
    whole = Report()
    for handle in dict.fromkeys(one.handle for one in deliveries):
        try:
            alone = [one for one in deliveries if one.handle == handle]
            part = parts.pipeline.process(alone, deadline_us=deadline_us, keep=keep)
        except FirstseenError:
            raise
        except Exception as exc:  # noqa: BLE001 - logged by its place; it comes again, at last a dead letter
            _say_fault(parts, "a message failed", handle, exc)
            whole.give_back([handle], f"it brought about a fault of firstseen: {type(exc).__name__}")
        else:
            whole.merge(part)
    return whole


def _say_fault(parts: Parts, what: str, handle: str, exc: Exception) -> None:
    """Where a fault of ours was raised; not its words, which may hold an event's values."""
    told = {"message_id": handle, "fault": type(exc).__name__, "place": raised_at(exc)}
    parts.logger.error(what, extra=told)


def measure(parts: Parts, report: Report, batch: Batch) -> None:
    """A line of log for one call, with metrics; it holds none of any event's values.

    What no alarm and no graph asks for stands in the line as a plain number: a metric costs more in a month than a
    small organisation's events. What is nought is left out: its batches are single messages.
    """
    counts = report.counts
    routings = Counter(f"findings_{one.routing}" for one in report.findings)
    operations = {f"state_{name}": number for name, number in parts.operations().items()}
    wide = wide_bases(parts.pack, report.matched, counts.get("events", 0))
    metrics = {
        "events": counts.get("events", 0),
        "matches": counts.get("matches", 0),
        "rejects": counts.get("rejects", 0),
        "conflicts": counts.get("conflicts", 0),
        "retries": len(report.retry),
        "state_retries": operations.pop("state_retries", 0),
        "sent": counts.get("sent", 0),
        "refused": len(report.refused),
        "wide_rules": len(wide),
    }
    plain = {
        "messages": len(batch.handles),
        "ignored": batch.ignored,
        "canary_events": counts.get("canary_events", 0),
        "commits": counts.get("commits", 0),
        **operations,
        **routings,
    }
    for name, number in metrics.items():
        if number or name == "events":
            parts.metrics.add_metric(name, MetricUnit.Count, number)
    for name, number in plain.items():
        if number:
            parts.metrics.add_metadata(name, number)
    found = [one for one in report.findings if one.routing != "canary"]
    lags_us = [*batch.lags_us, *(one.received_us - one.time_us for one in found)]
    if lags_us:
        parts.metrics.add_metric("lag_seconds", MetricUnit.Seconds, max(0, *lags_us) / 1e6)
    parts.metrics.flush_metrics()
    for handle, reason in report.retry.items():
        parts.logger.warning("message comes again", extra={"message_id": handle, "reason": reason})
    for one in wide:
        told = {"rule_id": one.base_id, "matches": one.matches, "share": round(one.share, 3)}
        parts.logger.warning("a rule matches a large share of all events: narrow it", extra=told)
    for tag, reason in report.spoilt.items():
        parts.logger.warning("a canary was spoilt", extra={"rule": tag.rule_id, "run": tag.run, "reason": reason})
    say_missing(parts, report)
    for finding in report.refused:
        parts.logger.error("SNS refused a finding for good", extra={"uid": finding.uid, "rule": finding.card.id})


handler = handler_of(start())
