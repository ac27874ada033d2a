"""The timer's function that sends canaries, and looks for the findings of the last ones.

They go through the hub, its trigger and the table, as the logs do. Their findings are kept and not sent.
"""

from __future__ import annotations

import logging
import uuid

from firstseen.findings import canaries
from firstseen.findings.canaries import Verdict
from firstseen.findings.times import HOUR_US
from firstseen.language.canaries import SUFFIX, Canaries, load
from functions.azure.logs import Value
from functions.azure.wiring import ROOT, Parts


def canary(parts: Parts) -> list[str]:
    """Judge the last round if it is time to, and begin the next if it is time to: its messages, for the host to send.

    What it raises is the call's failure; the next one goes on: InputError, RuleError, StoreUnavailable, StoreUnusable.
    """
    if not parts.settings.canary_hours:
        return []
    parts.look()
    now_us, wanted = parts.clock(), in_force(parts)
    last = canaries.last_round(parts.store)
    if last is not None and canaries.waits(last, wanted, now_us=now_us):
        say(parts, canaries.judge(parts.store, last, wanted, now_us=now_us))
    if not canaries.due(last, wanted, now_us=now_us, every_us=parts.settings.canary_hours * HOUR_US):
        return []
    run = uuid.uuid4().hex
    messages = canaries.begin(parts.store, wanted, run, now_us=now_us)
    numbers: dict[str, Value] = {"sent": len(wanted.canaries), "left_out": len(wanted.left_out)}
    parts.log.say("canaries", numbers | {"step": "sent", "run": run, "runs": wanted.pack})
    return [one.decode() for one in messages]


def in_force(parts: Parts) -> Canaries:
    """What is to be sent for the rules that run; none when nothing was published for them."""
    published = parts.published
    if published is None or not published.running:
        return load((ROOT / parts.settings.pack).with_suffix(SUFFIX).read_bytes())
    data = published.send_by()
    if data is not None:
        return load(data)
    said: dict[str, Value] = {"step": "none", "runs": parts.pack.version, "reason": canaries.NONE_PUBLISHED}
    parts.log.say("canaries", said, level=logging.WARNING)
    return Canaries(parts.pack.version)


def say(parts: Parts, verdict: Verdict) -> None:
    """A line of numbers, and one for each silent rule: what was sent, and where it may have stuck."""
    counts: dict[str, Value] = {"came": verdict.came, "silent": len(verdict.silent)}
    parts.log.say("canaries", {"step": "judged", "run": verdict.run} | counts)
    for one in verdict.silent[: canaries.MAX_NAMED]:
        parts.log.say("silent rule", dict(canaries.told(one, verdict.run)), level=logging.ERROR)
