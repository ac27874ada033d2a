"""The Lambda function on a schedule that builds baselines from CloudTrail's event history, a slice a call.

On the first day, and after a change of rules, there is something to do; otherwise it reads a few rows and ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial

from firstseen.adapters.aws.cloudtrail_history import EventHistory, cloudtrail_client
from firstseen.baseline.slices import History, Sliced, Slicer
from firstseen.baseline.staged import staged
from firstseen.language.pack import Pack
from functions.aws.wiring import Context, Parts, Start, sources_of, start

Handler = Callable[[Mapping[str, object], Context], None]

HistoryOf = Callable[[str | None], EventHistory]
"""A region's history; None: that of the function's own region."""


def history_of(region: str | None) -> EventHistory:
    """The event history itself."""
    return EventHistory(cloudtrail_client(region=region))


def handler_of(started: Start, history_of: HistoryOf = history_of) -> Handler:
    """The function's handler. What it raises is the call's failure; the next one goes on."""

    def handler(event: Mapping[str, object], context: Context) -> None:
        del event
        parts = started.parts()
        parts.logger.append_keys(request_id=context.aws_request_id)
        parts.look()
        if parts.settings.baseline_days:
            done = build(parts, parts.pack, history_of, parts.deadline_us(context))
            say(parts, done)
            if not done.rules:
                stage(parts, history_of, parts.deadline_us(context))

    return handler


def stage(parts: Parts, history_of: HistoryOf, deadline_us: int) -> None:
    """Build for rules that wait for their baselines, and put them in force when nothing is left to build.

    Raises InputError, StoreUnavailable, StoreUnusable; RuleError when what waits cannot be run.
    """
    waits = staged(parts.published, parts.make)
    if waits is None:
        return
    done = build(parts, waits.pack, history_of, deadline_us)
    say(parts, done)
    if done.built or not done.rules:
        switched = waits.switch(parts.clock())
        said = {"version": waits.pack.version, "switched": switched}
        parts.logger.info("rules that waited have their baselines", extra=said)


def build(parts: Parts, pack: Pack, history_of: HistoryOf, deadline_us: int) -> Sliced:
    """As much as there is time for. Raises InputError, RuleError, StoreUnavailable, StoreUnusable."""
    found = [history_of(region) for region in parts.settings.baseline_regions or (None,)]
    histories: dict[str, History] = {one.client.meta.region_name: one for one in found}
    make = partial(Slicer, pack, parts.store, histories, parts.clock, uuid.uuid4().hex)
    sources = sources_of(pack, parts.databases)
    return make(parts.settings.baseline_days, deadline_us, sources=sources).run()


def say(parts: Parts, done: Sliced) -> None:
    """A line of log for one call, and one for what ended."""
    counts = {"baseline_rules_waiting": 0 if done.built else len(done.rules), "baseline_matches": done.settled}
    left = {"left_hours": done.left_us // 3_600_000_000, "rejects": len(done.rejects)}
    parts.logger.info("baselines looked at", extra=counts | left)
    for one in done.built:
        said = {"rule": one.rule.card.id, "complete": one.complete, "findings": one.findings}
        parts.logger.info("baseline built", extra=said)
    for rule in done.uncovered:
        parts.logger.debug("names nothing that the event history could be asked for", extra={"rule": rule.card.id})


handler = handler_of(start())
