"""Learning summaries: when a rule's learning has ended, what it would have sent is told in one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from firstseen.findings import tally
from firstseen.findings.finding import Finding, finding_uid, key_hash
from firstseen.findings.learning import RULE, RuleRow, rule_record
from firstseen.findings.rows import read_row, settle
from firstseen.findings.times import moment, span
from firstseen.language.rules import Correlation
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Query, Record, Store

SUMMARIES = "firstseen.summary"
"""What stands for the rule in the key states of summaries, apart from the rules' own."""


def due_summaries(store: Store, correlations: Sequence[Correlation], *, now_us: int, learnt_us: int) -> list[Finding]:
    """One pending summary for each of these rules whose learning has ended by ``learnt_us`` and found something, once.

    A rule that found nothing stays silent: a deployment of a hundred rules would begin with a hundred empty messages.
    The summary is committed first and the rule's row marked after: a crash in between finds the summary's key
    and makes no second one. Raises StoreUnavailable: call again.
    """
    rules = {rule_record(one.card.id, one.fingerprint): one for one in correlations}
    made: list[Finding] = []
    for record in store.scan_records(RULE):
        rule = rules.get((record.kind, record.name))
        row = read_row(record, RuleRow)
        if rule is None or row is None or not _is_due(row, learnt_us):
            continue
        summary = _summary(store, rule, row, now_us)
        if summary is not None:
            made.append(summary)
        _mark(store, record)
    return made


def _is_due(row: RuleRow, learnt_us: int) -> bool:
    return row.learns and not row.summarised and learnt_us >= row.learning_until_us


def _mark(store: Store, record: Record) -> None:
    def decide(row: RuleRow | None) -> tuple[RuleRow | None, None]:
        return (None if row is None else msgspec.structs.replace(row, summarised=True)), None

    settle(store, (record.kind, record.name), RuleRow, decide)


def _summary(store: Store, rule: Correlation, row: RuleRow, now_us: int) -> Finding | None:
    """Commit it; None when there is nothing to tell, it was made before, or another worker is first."""
    group = (row.rule_id, row.fingerprint)
    key = key_hash(SUMMARIES, "", group, ())
    if key in store.read([key], consistent=True):
        return None
    # An earlier version of the rule may have learnt, too: what was received before this one began is its.
    query = Query(None, row.learning_until_us, row.rule_id, "learning")
    learnt = tally.count(store, query, received_from_us=row.activated_us)
    if learnt.sample is None:
        return None
    card = replace(rule.card, level="informational", risk_score=0, triage=(), response=())
    length = span(row.learning_until_us - row.activated_us)
    summary = replace(
        tally.message(learnt.sample, learnt, now_us),
        uid=finding_uid(key, 0),
        kind="summary",
        card=card,
        time_us=row.learning_until_us,
        baseline="complete",
        reason=f"Learning ended after {length}: {learnt.shown()} would have been sent. "
        "From now on what is new to this rule is sent.",
        details=(
            ("learnt from", moment(row.activated_us)),
            ("learnt until", moment(row.learning_until_us)),
            *learnt.lines(),
            *learnt.top(),
        ),
    )
    state = KeyState(SUMMARIES, "", group, (), 1, row.learning_until_us, pending=(summary.uid,))
    return summary if store.commit([Change(key, None, state, (summary,))])[0] == "committed" else None
