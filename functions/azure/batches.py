"""A batch through the pipeline; what it does not finish is put aside, what cannot be read is kept. Nothing is lost.

The triggers move on whatever a call does, but for a call that raises in time under a retry policy. So a call returns
when each of its deliveries is finished or put aside, and raises when it could not even do that.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firstseen.adapters.azure.kept import Aside
from firstseen.baseline.noise import wide_bases
from firstseen.deliveries import Delivery, Rejected, Report
from firstseen.errors import FirstseenError, StoreError, StoreUnavailable, raised_at
from firstseen.findings.times import SECOND_US
from firstseen.pipeline import Pipeline
from firstseen.sources.event import Reject
from functions.azure.aside import MAX_TRIES
from functions.azure.deliveries import Batch
from functions.azure.limits import Limits
from functions.azure.logs import Value
from functions.azure.wiring import Parts


def run(parts: Parts, batch: Batch, limits: Limits, *, function: str) -> Report:
    """Take a batch through the pipeline and keep what is left of it; what became of it.

    Raises StoreUnavailable when something could be neither finished nor kept: the whole batch has to come again.
    """
    keep = _Keep(parts, batch, limits)
    try:
        with parts.activate().lent(limits.work_us) as pipeline:
            report = _process(pipeline, batch.deliveries, keep)
    except StoreError as exc:
        report = Report()
        report.give_back(batch.items, f"the state cannot be used: {exc}")
    rejects = [one for one in (*report.rejects, *batch.rejects) if one[0] not in report.retry]
    report.rejects.clear()
    for handle, reason in keep(rejects).items():
        report.give_back([handle], reason)
    report.add("rejects", keep.kept)
    dead = sum(put_aside(parts, batch.items[handle], reason, limits) for handle, reason in report.retry.items())
    _measure(parts, batch, report, {"function": function, "dead_letters": dead})
    return report


@dataclass(slots=True)
class _Keep:
    """Writes rejects: at the end those of what will be finished, the others would be kept again with each attempt;
    before it slices of a delivery that has more of them than memory should hold.
    """

    parts: Parts
    batch: Batch
    limits: Limits
    kept: int = 0

    def __call__(self, rejects: Sequence[Rejected]) -> Mapping[str, str]:
        """Handle → why, of the deliveries of which one could not be kept; the rest of theirs waits with it."""
        failed: dict[str, str] = {}
        for handle, _, reject in rejects:
            if handle in failed:
                continue
            try:
                self.parts.keeper.keep_reject(reject, self.batch.items[handle], deadline_us=self.limits.give_up_us)
            except StoreUnavailable as exc:
                failed[handle] = f"what could not be read of it could not be kept: {exc}"
            else:
                self.kept += 1
                _say_reject(self.parts, self.batch, handle, reject)
        return failed


def _process(pipeline: Pipeline, deliveries: Sequence[Delivery], keep: _Keep) -> Report:
    """All together; after a fault of ours one by one, so that the delivery that brings it about stands alone."""
    parts, deadline_us = keep.parts, keep.limits.work_us
    try:
        return pipeline.process(deliveries, deadline_us=deadline_us, keep=keep)
    except FirstseenError:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, the other deliveries of the batch have to go on
        _say_fault(parts, "", exc)
    whole = Report()
    for one in deliveries:
        try:
            part = pipeline.process([one], deadline_us=deadline_us, keep=keep)
        except FirstseenError:
            raise
        except Exception as exc:  # noqa: BLE001 - logged by its place; it is put aside and tried again
            _say_fault(parts, one.handle, exc)
            whole.give_back([one.handle], f"it brought about a fault of firstseen: {type(exc).__name__}")
        else:
            whole.merge(part)
    return whole


def _say_fault(parts: Parts, handle: str, exc: Exception) -> None:
    """Where a fault of ours was raised; not its words, which may hold an event's values."""
    told: dict[str, Value] = {"message_id": handle, "fault": type(exc).__name__, "place": raised_at(exc)}
    parts.log.say("fault", told, level=logging.ERROR)


def _say_reject(parts: Parts, batch: Batch, handle: str, reject: Reject) -> None:
    told: dict[str, Value] = {
        "message_id": handle,
        "pointer": batch.items[handle].pointer,
        "place": reject.place,
        "rule_id": reject.rule_id,
    }
    parts.log.say("reject", told, level=logging.WARNING)


def put_aside(parts: Parts, item: Aside, reason: str, limits: Limits) -> bool:
    """Put a delivery aside, and say so; whether it is a dead letter now. Raises StoreUnavailable."""
    put = parts.keeper.put_aside(item, reason, deadline_us=limits.give_up_us)
    told: dict[str, Value] = {
        "message_id": item.handle,
        "pointer": item.pointer,
        "tries": put.tries,
        "reason": reason,
    }
    if put.tries > MAX_TRIES:
        parts.log.say("dead letter", told, level=logging.ERROR)
        return True
    told["again_in_seconds"] = parts.keeper.delay_seconds(put.tries)
    parts.log.say("put aside", told, level=logging.WARNING)
    return False


def _measure(parts: Parts, batch: Batch, report: Report, more: dict[str, Value]) -> None:
    """A line of numbers, and one for each rule or finding that somebody has to look at; none holds events' values."""
    counts: dict[str, Value] = {
        "deliveries": len(batch.items),
        **{
            name: report.counts.get(name, 0)
            for name in ("events", "canary_events", "matches", "rejects", "commits", "conflicts", "sent")
        },
        "put_aside": len(report.retry),
        "refused": len(report.refused),
        **more,
    }
    counts.update((f"state_{name}", number) for name, number in parts.operations().items())
    for routing in sorted({one.routing for one in report.findings}):
        counts[f"findings_{routing}"] = sum(one.routing == routing for one in report.findings)
    wide = wide_bases(parts.pack, report.matched, report.counts.get("events", 0))
    counts["wide_rules"] = len(wide)
    found = [one for one in report.findings if one.routing != "canary"]
    if found:
        lag_us = max(0, *(one.received_us - one.time_us for one in found))
        counts["lag_seconds"] = lag_us / SECOND_US
    parts.log.say("batch", counts)
    for one in wide:
        told: dict[str, Value] = {"rule_id": one.base_id, "matches": one.matches, "share": round(one.share, 3)}
        parts.log.say("wide rule", told, level=logging.WARNING)
    for tag, reason in report.spoilt.items():
        spoilt: dict[str, Value] = {"rule": tag.rule_id, "run": tag.run, "reason": reason}
        parts.log.say("canary spoilt", spoilt, level=logging.WARNING)
    say_refused(parts, report)


def say_refused(parts: Parts, report: Report) -> None:
    """A line for each finding that Event Grid will never take."""
    for finding in report.refused:
        parts.log.say("refused", {"uid": finding.uid, "rule": finding.card.id}, level=logging.ERROR)
