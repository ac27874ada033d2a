"""The timer's function that builds baselines from the Activity Log's history, a slice a call.

On the first day, and after a change of rules, there is something to do; otherwise it reads a few rows and ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from firstseen.adapters.azure.activity_log_history import ActivityLogHistory, activity_log_client
from firstseen.adapters.azure.calling import Backoff
from firstseen.baseline.lookup import ACTIVITY_LOG
from firstseen.baseline.slices import History, Sliced, Slicer
from firstseen.baseline.staged import staged
from firstseen.findings.times import HOUR_US
from firstseen.language.pack import Pack
from functions.azure.logs import Value
from functions.azure.wiring import Parts, sources_of

ATTEMPTS, LONGEST_WAIT_SECONDS = 3, 20.0
"""Of one page; who is asked to wait longer goes on with the next call."""

HistoriesOf = Callable[[Parts], Mapping[str, History]]
"""The history of each subscription that baselines are built from."""


def histories_of(parts: Parts) -> dict[str, ActivityLogHistory]:
    """The Activity Logs themselves, asked as the app."""
    client = activity_log_client(parts.identity())
    backoff = Backoff(attempts=ATTEMPTS)
    return {
        one: ActivityLogHistory(one, client, backoff=backoff, longest_wait_seconds=LONGEST_WAIT_SECONDS)
        for one in parts.settings.baseline_subscriptions
    }


def baseline(parts: Parts, histories_of: HistoriesOf = histories_of) -> None:
    """One slice. What it raises is the call's failure; the next one goes on."""
    parts.look()
    if not parts.settings.baseline_days:
        return
    deadline_us = parts.limits().slice_us
    histories = histories_of(parts)
    done = build(parts, parts.pack, histories, deadline_us)
    measure(parts, done)
    if not done.rules:
        stage(parts, histories, deadline_us)


def stage(parts: Parts, histories: Mapping[str, History], deadline_us: int) -> None:
    """Build for rules that wait for their baselines, and put them in force when nothing is left to build.

    Raises InputError, StoreUnavailable, StoreUnusable; RuleError when what waits cannot be run.
    """
    waits = staged(parts.published, parts.make)
    if waits is None:
        return
    done = build(parts, waits.pack, histories, deadline_us)
    measure(parts, done)
    if done.built or not done.rules:
        switched = waits.switch(parts.clock())
        parts.log.say("packs switched", {"version": waits.pack.version, "switched": switched})


def build(parts: Parts, pack: Pack, histories: Mapping[str, History], deadline_us: int) -> Sliced:
    """As much as there is time for. Raises InputError, RuleError, StoreUnavailable, StoreUnusable."""
    slicer = Slicer(
        pack,
        parts.store,
        histories,
        parts.clock,
        uuid.uuid4().hex,
        parts.settings.baseline_days,
        deadline_us,
        log=ACTIVITY_LOG,
        sources=sources_of(pack, parts.databases),
    )
    return slicer.run()


def measure(parts: Parts, done: Sliced) -> None:
    """A line of numbers of one call, and one for each rule whose build ended."""
    counts = {"rules_waiting": 0 if done.built else len(done.rules), "matches": done.settled}
    counts |= {"left_hours": done.left_us // HOUR_US, "rejects": len(done.rejects)}
    parts.log.say("baseline", counts | {"uncovered": len(done.uncovered)})
    for one in done.built:
        said: dict[str, Value] = {"rule": one.rule.card.id, "complete": one.complete, "findings": one.findings}
        parts.log.say("baseline built", said)
