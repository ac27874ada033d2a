"""The Lambda function on a schedule: sends what is left over, digests and summaries, and measures what waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aws_lambda_powertools.metrics import MetricUnit

from firstseen.deliveries import Report
from firstseen.pipeline import LEASE_US
from functions.aws.wiring import Context, Parts, Start, say_missing, start

Handler = Callable[[Mapping[str, object], Context], None]


def handler_of(started: Start) -> Handler:
    """The function's handler. What it raises is the call's failure; the next one begins anew."""

    def handler(event: Mapping[str, object], context: Context) -> None:
        del event
        parts = started.parts()
        parts.logger.append_keys(request_id=context.aws_request_id)
        parts.activate()
        report = parts.pipeline.sweep(deadline_us=parts.deadline_us(context))
        measure(parts, report)

    return handler


def measure(parts: Parts, report: Report) -> None:
    """Metrics of one sweep: what it sent, and how long the oldest finding has waited that it could not send."""
    counts = {"sent": report.counts.get("sent", 0), "refused": len(report.refused)}
    for name, number in counts.items():
        parts.metrics.add_metric(name, MetricUnit.Count, number)
    waiting_seconds = oldest_pending_seconds(parts)
    parts.metrics.add_metric("oldest_pending_seconds", MetricUnit.Seconds, waiting_seconds)
    parts.metrics.flush_metrics()
    parts.logger.info("sweep done", extra=counts | {"oldest_pending_seconds": waiting_seconds})
    say_missing(parts, report)
    for finding in report.refused:
        parts.logger.error("SNS refused a finding for good", extra={"uid": finding.uid, "rule": finding.card.id})


def oldest_pending_seconds(parts: Parts) -> int:
    """Since the event of the oldest finding that is not sent was received; 0: none waits.

    Asked as if every lease had ended: this sweep itself has just leased what it could not send.
    """
    now_us = parts.clock()
    rows = parts.store.findings(parts.store.due(now_us=now_us + LEASE_US, limit=1))
    waiting = [row.finding for row in rows.values() if row.status == "pending"]
    return max((max(0, now_us - one.received_us) // 1_000_000 for one in waiting), default=0)


handler = handler_of(start())
