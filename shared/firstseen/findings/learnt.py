"""What rules learnt, in words: a summary for each rule, which is kept, and one message about all, which is sent.

A deployment's rules end their learning on one day. A message for each of them would be dozens on that day, of which
nobody reads the last. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from firstseen.findings import tally
from firstseen.findings.finding import Finding
from firstseen.findings.learning import RuleRow
from firstseen.findings.rows import Where
from firstseen.findings.text import short_actor
from firstseen.findings.times import moment, span
from firstseen.language.rules import LEVELS, Card

SUMMARIES = "firstseen.summary"
"""What stands for the rule in the message about all, and in the key states of summaries."""

MAX_NAMED = 8
"""Rules that the message names; of the rest it says how many. With the number of findings, and of the rest, these are
the ten lines that a chat has room for."""

EXAMPLES = 3
MAX_TITLE_CHARS = 100
MAX_EXAMPLE_CHARS = 48

_TIMES = " ×"
"""Ends the labels of a summary's lines about keys (:meth:`firstseen.findings.tally.Tally.top`)."""

_TRIAGE = (
    "Read what was taken in, the gravest rules first: whoever did it while a rule learnt is not new to that rule.",
    "`firstseen findings list --kind summary` has a summary for each rule, `findings show UID` what it counts.",
    "What is no normal work is a finding like any other: follow it up now, since it will not be told as new again.",
)


@dataclass(frozen=True, slots=True)
class Learnt:
    """One rule that learnt something.

    Attributes:
        where: its row.
        card: the rule, as people are told; with its own level, which its summary does not have.
        findings: how many would have been sent.
        keys: how many different keys these were about.
        summary: its own summary; None: its row is gone, and only the numbers are known.
    """

    where: Where
    card: Card
    findings: int
    keys: int
    summary: Finding | None

    @property
    def rank(self) -> tuple[int, int, int, str]:
        """Sorts the gravest rule first, then the one with more findings."""
        return -LEVELS.index(self.card.level), -self.card.risk_score, -self.findings, self.card.id


def of_rule(uid: str, card: Card, row: RuleRow, counted: tally.Tally, *, now_us: int) -> Finding | None:
    """A rule's own summary; None: nothing was counted. It is kept and not sent, as what it counts."""
    if counted.sample is None:
        return None
    return replace(
        tally.message(counted.sample, counted, now_us),
        uid=uid,
        kind="summary",
        card=replace(card, level="informational", risk_score=0, triage=(), response=()),
        time_us=row.learning_until_us,
        baseline="complete",
        routing="learning",
        reason=f"Learning ended after {span(row.learning_until_us - row.activated_us)}: {counted.shown()} would have "
        "been sent. From now on what is new to this rule is sent.",
        details=(
            ("learnt from", moment(row.activated_us)),
            ("learnt until", moment(row.learning_until_us)),
            *counted.lines(),
            *counted.top(),
        ),
    )


def together(uid: str, learnt: Sequence[Learnt], *, time_us: int, now_us: int) -> Finding:
    """The message about these rules, in this order, of which it names the first; at least one.

    ``time_us``: when the last of them ended. Account, region, source and cloud are said where all rules share them.
    """
    summaries = [one.summary for one in learnt if one.summary is not None]
    rules = _number(len(learnt), "rule")
    total = sum(one.findings for one in learnt)
    least = "at least " if any(one.findings >= tally.MAX_COUNTED for one in learnt) else ""
    those = "this rule" if len(learnt) == 1 else "these rules"
    left = len(learnt) - MAX_NAMED
    return Finding(
        uid=uid,
        card=Card(SUMMARIES, f"Learning ended for {rules}", "", "informational", 0, triage=_TRIAGE),
        type="match",
        time_us=time_us,
        received_us=now_us,
        kind="summary",
        reason=f"Learning ended for {rules}: {least}{_number(total, 'finding')} would have been sent. "
        f"From now on what is new to {those} is sent.",
        baseline="complete",
        pack_version=_shared([one.pack_version for one in summaries]),
        facts=_shared_facts(summaries),
        source=_shared([one.source for one in summaries]),
        provider=_shared([one.provider for one in summaries]),
        details=(
            ("findings", f"{least}{total}"),
            *((one.card.level, _line(one)) for one in learnt[:MAX_NAMED]),
            *((("and", f"{_number(left, 'more rule')}"),) if left > 0 else ()),
        ),
    )


def _line(one: Learnt) -> str:
    """``Title: 14 findings of 9 keys: deploy; ci; ada``."""
    least = "at least " if one.findings >= tally.MAX_COUNTED else ""
    details = one.summary.details if one.summary is not None else ()
    examples = [_example(value) for label, value in details if label.endswith(_TIMES)][:EXAMPLES]
    said = f"{_cut(one.card.title, MAX_TITLE_CHARS)}: {least}{_number(one.findings, 'finding')}"
    if one.keys != one.findings:
        said += f" of {_number(one.keys, 'key')}"
    return f"{said}: {'; '.join(examples)}" if examples else said


def _example(key: str) -> str:
    """A key as a phone has room for it: the last part of each long name in it."""
    parts = (short_actor(one) if one.startswith(("arn:", "/")) else one for one in key.split(", "))
    return _cut(", ".join(parts), MAX_EXAMPLE_CHARS)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def _shared(values: Sequence[str]) -> str:
    """The value, if all of them are the same, or ""."""
    return values[0] if len(set(values)) == 1 else ""


def _shared_facts(summaries: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    """What all summaries say alike. An account's action is one rule's matter, and says nothing here."""
    first = summaries[0].facts if summaries else ()
    return tuple(fact for fact in first if fact[0] != "action" and all(fact in one.facts for one in summaries))
