"""The timer's function: sends what is left over, digests and summaries, and measures what waits."""

from __future__ import annotations

from firstseen.deliveries import Report
from firstseen.pipeline import LEASE_US
from functions.azure.batches import say_refused
from functions.azure.wiring import Parts


def sweep(parts: Parts) -> Report:
    """One sweep. What it raises is the call's failure; the next one begins anew."""
    limits = parts.limits()
    with parts.activate().lent(limits.work_us) as pipeline:
        report = pipeline.sweep(deadline_us=limits.work_us)
    counts = {"sent": report.counts.get("sent", 0), "refused": len(report.refused)}
    counts |= {"expired": report.counts.get("expired", 0), "oldest_pending_seconds": oldest_pending_seconds(parts)}
    try:
        counts |= parts.keeper.waiting()
    finally:
        parts.log.say("sweep", counts)
        say_refused(parts, report)
    return report


def oldest_pending_seconds(parts: Parts) -> int:
    """Since the event of the oldest finding that is not sent was received; 0: none waits.

    Asked as if every lease had ended: this sweep itself has just leased what it could not send.
    """
    now_us = parts.clock()
    rows = parts.store.findings(parts.store.due(now_us=now_us + LEASE_US, limit=1))
    waiting = [row.finding for row in rows.values() if row.status == "pending"]
    return max((max(0, now_us - one.received_us) // 1_000_000 for one in waiting), default=0)
