"""Learning summaries: when learning has ended, what rules would have sent is told in one message, once.

Three steps, each of which stands when the next one fails::

    1  each rule's own summary     kept, in a key state of its own        the counting is done once
    2  the message about all       pending, in the one key state SUMMARIES, which names the rules of its last message
    3  the rules' rows             marked as summarised

A rule is told if its row is marked, or if the last message names it. So before there is another message, every row that
the last one names is marked; and rows are read after that state, which then must not have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from firstseen.findings import tally
from firstseen.findings.finding import Finding, finding_uid, key_hash
from firstseen.findings.learning import RULE, RuleRow, rule_record
from firstseen.findings.learnt import SUMMARIES, Learnt, of_rule, together
from firstseen.findings.rows import Where, read_many, read_row, settle
from firstseen.language.rules import Correlation
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Query, Record, Store, StoredState

MAX_RULES = 1_000
"""Rules that one message is about; more than so many make a second one. Their rows' names are 35 KB of a key state."""

MESSAGES = key_hash(SUMMARIES, "", (), ())
"""The key of the messages. Its state: how many there were (``generation``), and the rows of the last (``terms``)."""

OWN = "rule"
"""Stands for the fingerprint in the key states of rules' own summaries."""

Due = Mapping[Where, tuple[Correlation, RuleRow]]
"""Rules whose learning has ended and that are not marked."""


def due_summaries(store: Store, correlations: Sequence[Correlation], *, now_us: int, learnt_us: int) -> list[Finding]:
    """One pending message about all of these rules whose learning has ended by ``learnt_us`` and that found something.

    A rule is told once; one that ends later is in a later message. A rule that found nothing is in none: it is marked,
    and there is no message about such rules alone. Raises StoreUnavailable: call again, and the same message is made.
    """
    rules = {rule_record(one.card.id, one.fingerprint): one for one in correlations}
    ended = {
        (record.kind, record.name): rules[record.kind, record.name]
        for record in store.scan_records(RULE)
        if (record.kind, record.name) in rules and _is_due(read_row(record, RuleRow), learnt_us)
    }
    made: list[Finding] = []
    for _ in range(-(-len(ended) // MAX_RULES)):
        message = _tell(store, ended, now_us=now_us, learnt_us=learnt_us)
        if message is None:
            break
        made.append(message)
    return made


def _is_due(row: RuleRow | None, learnt_us: int) -> bool:
    return row is not None and row.learns and not row.summarised and learnt_us >= row.learning_until_us


def _tell(store: Store, ended: Mapping[Where, Correlation], *, now_us: int, learnt_us: int) -> Finding | None:
    """Commit one message and mark its rules; None when there is nothing to tell, or another worker is first."""
    stored = store.read([MESSAGES], consistent=True).get(MESSAGES)
    told = [(RULE, name) for name in stored.state.terms] if stored else []
    records = read_many(store, [*ended, *told])  # after the state: whoever told of a rule since then has changed it
    _mark(store, told, records)
    rows = {where: read_row(records.get(where), RuleRow) for where in ended if where not in told}
    due = {where: (ended[where], row) for where, row in rows.items() if row is not None and _is_due(row, learnt_us)}
    learnt = _learnt(store, due, now_us)
    wheres = {one.where for one in learnt}
    _mark(store, [where for where in due if where not in wheres], records)
    first = sorted(learnt, key=lambda one: one.rank)[:MAX_RULES]
    if not first:
        return None
    ended_us = max(due[one.where][1].learning_until_us for one in first)
    message = _commit(store, stored, first, time_us=ended_us, now_us=now_us)
    if message is not None:
        _mark(store, [one.where for one in first], records)
    return message


def _commit(
    store: Store, stored: StoredState | None, learnt: Sequence[Learnt], *, time_us: int, now_us: int
) -> Finding | None:
    state = stored.state if stored else KeyState(SUMMARIES, "")
    message = together(finding_uid(MESSAGES, state.generation), learnt, time_us=time_us, now_us=now_us)
    after = replace(
        state,
        terms=tuple(one.where[1] for one in learnt),
        generation=state.generation + 1,
        last_us=time_us,
        pending=(*state.pending, message.uid),
    )
    change = Change(MESSAGES, stored.version if stored else None, after, (message,))
    return message if store.commit([change])[0] == "committed" else None


def _mark(store: Store, wheres: Iterable[Where], records: Mapping[Where, Record]) -> None:
    """Mark these rows, which were read just before, unless they are marked."""

    def decide(row: RuleRow | None) -> tuple[RuleRow | None, None]:
        if row is None or row.summarised:
            return None, None
        return msgspec.structs.replace(row, summarised=True), None

    for where in wheres:
        settle(store, where, RuleRow, decide, first=records)


def own_key(rule_id: str, fingerprint: str) -> str:
    """The key of a rule's own summary. Its state: how many findings of how many keys it counted (``terms``)."""
    return key_hash(SUMMARIES, OWN, (rule_id, fingerprint), ())


def earlier_key(rule_id: str, fingerprint: str) -> str:
    """The key of what an earlier version told of a rule in a message of its own.

    It is another than :func:`own_key`: a summary that is only kept must not look told to that version, should it run
    again after a roll-back.
    """
    return key_hash(SUMMARIES, "", (rule_id, fingerprint), ())


def _learnt(store: Store, due: Due, now_us: int) -> list[Learnt]:
    """Those of the rules that found something, each with its own summary, which is made if there is none.

    Left out is a rule that an earlier version told of.
    """
    earlier = {where: earlier_key(row.rule_id, row.fingerprint) for where, (_, row) in due.items()}
    keys = {where: own_key(row.rule_id, row.fingerprint) for where, (_, row) in due.items()}
    if not keys:
        return []
    stored = store.read([*keys.values(), *earlier.values()], consistent=True)
    keys = {where: key for where, key in keys.items() if earlier[where] not in stored}
    kept = [_keep(store, *due[where], now_us) for where, key in keys.items() if key not in stored]
    if any(kept):
        stored = store.read(list(keys.values()), consistent=True)
    known = {where: stored[key].state.terms for where, key in keys.items() if key in stored}
    uids = {where: finding_uid(keys[where], 0) for where in known}
    found = store.findings(list(uids.values())) if uids else {}
    rows = {where: found.get(uid) for where, uid in uids.items()}
    return [
        Learnt(where, due[where][0].card, int(known[where][0]), int(known[where][1]), row.finding if row else None)
        for where, row in rows.items()
    ]


def _keep(store: Store, rule: Correlation, row: RuleRow, now_us: int) -> bool:
    """Commit a rule's own summary, and its numbers as the key's terms; whether the rule found anything."""
    group = (row.rule_id, row.fingerprint)
    key = own_key(*group)
    # An earlier version of the rule may have learnt, too: what was received before this one began is its.
    query = Query(None, row.learning_until_us, row.rule_id, "learning")
    counted = tally.count(store, query, received_from_us=row.activated_us)
    summary = of_rule(finding_uid(key, 0), rule.card, row, counted, now_us=now_us)
    if summary is None:
        return False
    numbers = (str(counted.number), str(len(counted.keys)))
    store.commit([Change(key, None, KeyState(SUMMARIES, OWN, group, numbers, 1, row.learning_until_us), (summary,))])
    return True  # also if another worker was first: its summary stands
