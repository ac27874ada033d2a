"""The timer's function that sends canaries, and looks for the findings of the last ones.

They go through the hub, its trigger and the table, as the logs do. Their findings are kept and not sent.
"""

from __future__ import annotations

import logging
import uuid

from firstseen.findings import canaries
from firstseen.findings.canaries import Verdict, Wanted
from firstseen.findings.times import HOUR_US
from firstseen.language.canaries import SUFFIX
from functions.azure.logs import Value
from functions.azure.wiring import ROOT, Parts


def canary(parts: Parts) -> list[str]:
    """Judge the last round if it is time to, and begin the next if it is time to: its messages, for the host to send.

    The host sends after this call has ended, in several parts, and nobody is told which of them the hub took. So what
    the next call does not see the findings of, it has sent again; only then it counts.
    What it raises is the call's failure; the next one goes on: InputError, RuleError, StoreUnavailable, StoreUnusable.
    """
    if not parts.settings.canary_hours:
        return []
    parts.look()
    now_us, wanted = parts.clock(), in_force(parts)
    verdict = canaries.looked_for(parts.store, wanted, now_us=now_us)
    if verdict is not None:
        say(parts, verdict)
    every_us = parts.settings.canary_hours * HOUR_US
    out = canaries.outgoing(parts.store, wanted, uuid.uuid4().hex, now_us=now_us, every_us=every_us)
    if out is None:
        return []
    canaries.given(parts.store, out.run, now_us=now_us)
    numbers: dict[str, Value] = {"sent": len(out.messages), "left_out": len(wanted.canaries.left_out)}
    parts.log.say("canaries", numbers | {"step": "sent", "run": out.run, "runs": wanted.canaries.pack})
    return [one.decode() for one in out.messages]


def in_force(parts: Parts) -> Wanted:
    """What is to be sent for the rules that run; none when nothing was published for them, which is said."""
    beside, runs = (ROOT / parts.settings.pack).with_suffix(SUFFIX), parts.pack.version
    wanted = canaries.wanted_of(parts.published, beside.read_bytes, runs=runs, now_us=parts.clock())
    if not wanted.published:
        reason = f"{canaries.NONE_PUBLISHED}: {canaries.PUBLISH}"
        parts.log.say("canaries", {"step": "none", "runs": runs, "reason": reason}, level=logging.WARNING)
    return wanted


def say(parts: Parts, verdict: Verdict) -> None:
    """A line of numbers, and one for each silent rule: what was sent, and where it may have stuck."""
    counts: dict[str, Value] = {"came": verdict.came, "silent": len(verdict.silent), "unsure": verdict.unsure}
    parts.log.say("canaries", {"step": "judged", "run": verdict.run} | counts)
    for one in verdict.silent[: canaries.MAX_NAMED]:
        parts.log.say("silent rule", dict(canaries.told(one, verdict.run)), level=logging.ERROR)
