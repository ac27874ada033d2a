"""When a rule began, and until when it only learns.

A fresh deployment has seen nothing, so everything would be new. Each rule's activation is stamped once for
each fingerprint (what the rule asks): a rule whose question changes starts again, one whose title changes
does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from firstseen.findings.finding import key_hash
from firstseen.findings.rows import Row, Where, read_many, read_row, settle
from firstseen.language.rules import Correlation
from firstseen.store.store import Record, Store

RULE = "rule"
"""Kind of the records."""

Baseline = Literal["complete", "learning", "none"]


class RuleRow(Row):
    """One rule in one meaning.

    Attributes:
        activated_us: wall clock of the first run; over files the lowest event time. Never changes.
        learning_until_us: findings of events before this are not sent. Follows the rule's ``learning`` until
        the
            summary is made; equal to ``activated_us``: the rule never learns.
        complete: a baseline was built from history: there is nothing left to learn.
        summarised: the summary of what was learnt is made.
        building_until_us: a baseline is being built, and until it is, but at most until then, findings of events before
            this are not sent; 0: none is being built.
        known_from_us, known_to_us: the stretch of history that baselines were built from; 0: none.
    """

    rule_id: str = ""
    fingerprint: str = ""
    activated_us: int = 0
    learning_until_us: int = 0
    complete: bool = False
    summarised: bool = False
    building_until_us: int = 0
    known_from_us: int = 0
    known_to_us: int = 0

    @property
    def learns(self) -> bool:
        """Whether there is, or was, a learning time."""
        return self.learning_until_us > self.activated_us and not self.complete

    def baseline(self, time_us: int) -> Baseline:
        """What the rule knows about an event of this time."""
        if time_us < self.building_until_us or (self.learns and time_us < self.learning_until_us):
            return "learning"
        return "complete" if self.complete or self.learns else "none"


def rule_record(rule_id: str, fingerprint: str) -> Where:
    """Where a rule's record lies."""
    return RULE, key_hash(rule_id, fingerprint, (RULE,), ())


def needs_row(correlation: Correlation) -> bool:
    """Rules without memory that do not learn have nothing to remember about themselves."""
    return correlation.type != "match" or correlation.learning_us > 0


def activate(store: Store, correlations: Sequence[Correlation], at_us: int) -> Mapping[str, RuleRow]:
    """Stamp each rule's activation, once for its life; rule id → row.

    ``at_us``: the clock, or the lowest event time over files. One batched read; writes only what is new or
    whose learning time was changed by its user before the summary was made. Raises StoreUnavailable.
    """
    wanted = {rule_record(one.card.id, one.fingerprint): one for one in correlations if needs_row(one)}
    records = read_many(store, list(wanted))
    return {one.card.id: _stamp(store, where, one, at_us, records) for where, one in wanted.items()}


def _stamp(
    store: Store, where: Where, correlation: Correlation, at_us: int, records: Mapping[Where, Record]
) -> RuleRow:
    def decide(row: RuleRow | None) -> tuple[RuleRow | None, RuleRow]:
        activated_us = row.activated_us if row else at_us
        until_us = activated_us + correlation.learning_us
        if row and (row.summarised or row.learning_until_us == until_us):
            return None, row
        blank = row or RuleRow(rule_id=correlation.card.id, fingerprint=correlation.fingerprint)
        new = msgspec.structs.replace(blank, activated_us=activated_us, learning_until_us=until_us)
        return new, new

    return settle(store, where, RuleRow, decide, first=records)


def windows(store: Store, correlations: Sequence[Correlation], now_us: int) -> Mapping[str, RuleRow]:
    """The rows of these rules as they are stored now; rule id → row, for those that need one.

    A rule that should learn and was never activated begins now: not knowing must not become a flood.
    """
    wanted = {rule_record(one.card.id, one.fingerprint): one for one in correlations if needs_row(one)}
    records = read_many(store, list(wanted))
    found = {one.card.id: read_row(records.get(where), RuleRow) for where, one in wanted.items()}
    missing = [one for one in wanted.values() if found[one.card.id] is None and one.learning_us]
    known = {rule_id: row for rule_id, row in found.items() if row is not None}
    return {**known, **(activate(store, missing, now_us) if missing else {})}
