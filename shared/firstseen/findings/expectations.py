"""Expectations: "this is known, until then". They belong to a key: the same is not sent again."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from firstseen.findings.finding import Finding, key_hash, key_of
from firstseen.findings.rows import Row, Where, read_row, settle
from firstseen.findings.times import DAY_US
from firstseen.store.store import Record, Store

EXPECT = "expect"
"""Kind of the records."""

KEEP_ENDED_US = 365 * DAY_US
"""Who expected what, and why, is kept this long after its end."""


class Expectation(Row):
    """One expectation.

    Attributes:
        until_us: findings of events before this are ``expected``; later ones are sent again.
        reason, who: as given on the command line; kept for those who ask later.
        at_us: when it was made.
        uid: the finding that it was made from.
        rule_id: its rule.
        shown: the key as text.
    """

    until_us: int
    reason: str
    who: str
    at_us: int
    uid: str
    rule_id: str
    shown: str = ""


def expectation_record(finding: Finding) -> Where:
    """Where an expectation for this finding, and for what is the same to a person, lies.

    A rule with memory: the key. A rule without: every event is a key of its own, so the same actor making
    the same call in the same account stands for it.
    """
    who = tuple(finding.fact(name) for name in ("actor", "action", "account"))
    if finding.type != "match" or not who[0]:
        return EXPECT, key_of(finding.uid)
    return EXPECT, key_hash(finding.card.id, EXPECT, who, ())


def expect(  # noqa: PLR0913 - what people say when they expect something
    store: Store, finding: Finding, *, until_us: int, reason: str, who: str, at_us: int
) -> Expectation:
    """Expect this until then; an earlier expectation for it is replaced. Raises StoreUnavailable."""
    shown = ", ".join(f"{name}={value}" for name, value in (*finding.terms, *finding.group)) or finding.fact("actor")
    made = Expectation(
        until_us=until_us,
        reason=reason,
        who=who,
        at_us=at_us,
        uid=finding.uid,
        rule_id=finding.card.id,
        shown=shown,
    )

    def decide(_: Expectation | None) -> tuple[Expectation, Expectation]:
        return made, made

    expires_at_us = max(until_us, at_us) + KEEP_ENDED_US
    return settle(store, expectation_record(finding), Expectation, decide, expires_at_us=expires_at_us)


def end(store: Store, finding: Finding, *, now_us: int) -> Expectation | None:
    """Let an expectation end now; None when there was none. It stays listed, with its end."""

    def decide(row: Expectation | None) -> tuple[Expectation | None, Expectation | None]:
        if row is None or row.until_us <= now_us:
            return None, row
        ended = msgspec.structs.replace(row, until_us=now_us)
        return ended, ended

    where = expectation_record(finding)
    return settle(store, where, Expectation, decide, expires_at_us=now_us + KEEP_ENDED_US)


def expectations(store: Store) -> Iterator[tuple[str, Expectation]]:
    """Every expectation, ended ones too, as (record name, expectation)."""
    for record in store.scan_records(EXPECT):
        row = read_row(record, Expectation)
        if row is not None:
            yield record.name, row


def is_expected(record: Record | None, finding: Finding) -> bool:
    """Whether the finding's event lies before the end of the expectation."""
    row = read_row(record, Expectation)
    return row is not None and finding.time_us < row.until_us
