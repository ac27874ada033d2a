"""What canaries send, made from a pack's own rules: lists filled as they are, filters joined, proven by the pipeline.

Each example goes through the pipeline as it will in a deployment, in a state of its own. Only what made its finding
there is sent.
"""

from __future__ import annotations

import msgspec

from firstseen.adapters.local.memory import MemoryStore
from firstseen.cli.proving import Taking, ask_of, encoded, still
from firstseen.deliveries import Delivery
from firstseen.errors import RuleError
from firstseen.findings.times import iso
from firstseen.language.canaries import MAX_BYTES, MAX_EVENTS_BYTES, MAX_RULE_CHARACTERS, Canaries, Canary, LeftOut
from firstseen.language.derived_names import locating
from firstseen.language.examples.search import Unsolved
from firstseen.language.examples.sequences import sequences
from firstseen.language.pack import Pack
from firstseen.language.rules import Correlation
from firstseen.pipeline import Pipeline
from firstseen.sources.registry import SOURCES

SENT_FROM_US = 1_793_491_200_000_000
"""The first of November 2026: no canary is sent earlier. What happens later could be taken as from the future."""

MAX_SENT_BYTES = MAX_BYTES * 3 // 4
"""Of all canaries: about 4,000 rules. The rest is for the names of those that are left out."""


def canaries_of(pack: Pack) -> Canaries:
    """One for each rule in force that can be shown, and why not for the others."""
    sent: list[Canary] = []
    left_out: list[LeftOut] = []
    sent_bytes = 0
    bases = {base.id: base for base in pack.bases}
    for rule in pack.correlations:
        if not rule.enabled:
            continue
        members = list(dict.fromkeys(member.base_id for member in rule.members))
        made = _canary(rule, Pack.of([bases[one] for one in members], [rule]))
        if isinstance(made, Canary):
            sent_bytes += len(msgspec.json.encode(made))
            if sent_bytes > MAX_SENT_BYTES:
                made = f"the examples of all rules have more than {MAX_SENT_BYTES:,} bytes: split the rules"
        if isinstance(made, Canary):
            sent.append(made)
        else:
            left_out.append(LeftOut(rule.card.id, rule.card.title, made))
    return Canaries(pack.version, tuple(sent), tuple(left_out))


def _canary(rule: Correlation, alone: Pack) -> Canary | str:
    """The rule's canary, or why there is none. ``alone``: a pack of this rule."""
    if not 0 < len(rule.card.id) <= MAX_RULE_CHARACTERS:
        return f"its id has {len(rule.card.id):,} characters, not 1 to {MAX_RULE_CHARACTERS}"
    if locating(alone):
        return "it asks whose an address is: what the deployment's database says is not known here"
    try:
        made = sequences(rule, {base.id: base for base in alone.bases}, SOURCES, ask_of)
    except RuleError as exc:
        return str(exc)
    if isinstance(made, Unsolved):
        return made.reason
    ends_us = max(source.time(view) or 0 for view, source in zip(made[0].views, made[0].sources, strict=True))
    if ends_us > SENT_FROM_US:
        return f"its example ends in the future: on {iso(ends_us)}, after {iso(SENT_FROM_US)}"
    events = b"[" + b",".join(map(encoded, made[0].views)) + b"]"
    if len(events) > MAX_EVENTS_BYTES:
        return f"its example has {len(events):,} bytes, a message takes {MAX_EVENTS_BYTES:,}"
    uids = _findings(alone, events)
    if len(uids) != 1:
        return f"its example made {len(uids)} findings in one delivery, not one"
    return Canary(rule.card.id, rule.card.title, uids[0], msgspec.Raw(events))


def _findings(alone: Pack, events: bytes) -> list[str]:
    """Uids of the findings of one delivery, its log recognised by itself."""
    pipeline = Pipeline(alone, MemoryStore(), Taking(), owner="canary", clock=still)
    report = pipeline.process([Delivery("canary", [events], SENT_FROM_US)])
    return [] if report.rejects or report.retry else [one.uid for one in report.findings]
