"""How far a baseline is: what a rule's row says about it, and cursors to go on from after an interruption."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from firstseen.findings.finding import key_hash
from firstseen.findings.learning import RuleRow, needs_row, rule_record
from firstseen.findings.rows import Row, Where, read_row, settle
from firstseen.findings.times import DAY_US, HOUR_US
from firstseen.language.rules import Correlation
from firstseen.store.store import Store

CURSOR = "cursor"
"""Kind of the records."""

BUILDING_US = 6 * HOUR_US
"""How long a rule is silent for a build that says nothing more; a build that goes on renews it. A build that was
abandoned must not silence a rule for good."""

KEEP_CURSOR_US = 30 * DAY_US


class Cursor(Row):
    """How far one build over one input came.

    Attributes:
        time_us, event_id: everything up to this match, in event-time order, is in the state.
        finished: all of it is.
        settled: matches so far.
        from_us: where the build began, for inputs that are asked by time.
        shown: the input, for people.
    """

    time_us: int = 0
    event_id: str = ""
    finished: bool = False
    settled: int = 0
    from_us: int = 0
    shown: str = ""


def cursor_record(correlations: Sequence[Correlation], input_name: str) -> Where:
    """Where the cursor of these rules, in this meaning, over this input lies."""
    rules = tuple(sorted(f"{one.card.id} {one.fingerprint}" for one in correlations if one.enabled))
    return CURSOR, key_hash("firstseen.baseline", input_name, rules, ())


def read_cursor(store: Store, where: Where) -> Cursor:
    """The cursor; one that stands before everything when there is none."""
    return read_row(store.records([where]).get(where), Cursor) or Cursor()


def move_cursor(store: Store, where: Where, cursor: Cursor, *, now_us: int) -> None:
    """Write it, unless it is already further. Raises StoreUnavailable."""

    def decide(row: Cursor | None) -> tuple[Cursor | None, None]:
        if row is not None and not cursor.finished and (row.time_us, row.event_id) > (cursor.time_us, cursor.event_id):
            return None, None
        return cursor, None

    settle(store, where, Cursor, decide, expires_at_us=now_us + KEEP_CURSOR_US)


def begin(store: Store, correlations: Sequence[Correlation], *, now_us: int) -> None:
    """A build begins, or goes on: rules that would know too little stay silent until it ends.

    Those are rules without a row, and those that began less than their timespan ago. A rule that has worked for longer
    stays active: history is merged into what it knows. Raises StoreUnavailable.
    """
    for one in correlations:
        if not (one.enabled and needs_row(one)):
            continue

        def decide(row: RuleRow | None, one: Correlation = one) -> tuple[RuleRow | None, None]:
            if row is not None and (row.complete or now_us - row.activated_us >= one.timespan_us):
                return None, None
            began = row or RuleRow(
                rule_id=one.card.id,
                fingerprint=one.fingerprint,
                activated_us=now_us,
                learning_until_us=now_us + one.learning_us,
            )
            return msgspec.structs.replace(began, building_until_us=now_us + BUILDING_US), None

        settle(store, rule_record(one.card.id, one.fingerprint), RuleRow, decide)


def finish(store: Store, one: Correlation, *, from_us: int, to_us: int, now_us: int) -> bool:
    """The build for this rule is over; whether its baseline is complete: it covers the rule's timespan.

    ``from_us`` ≤ t < ``to_us``: the event times of the history; equal: there was none. Raises StoreUnavailable.
    """
    if not needs_row(one):
        return True

    def decide(row: RuleRow | None) -> tuple[RuleRow | None, bool]:
        began = row or RuleRow(
            rule_id=one.card.id,
            fingerprint=one.fingerprint,
            activated_us=now_us,
            learning_until_us=now_us + one.learning_us,
        )
        known = _joined(began, from_us, to_us)
        complete = began.complete or 0 < one.timespan_us <= known[1] - known[0]
        done = msgspec.structs.replace(
            began, complete=complete, building_until_us=0, known_from_us=known[0], known_to_us=known[1]
        )
        return (None if done == row else done), complete

    return settle(store, rule_record(one.card.id, one.fingerprint), RuleRow, decide)


def _joined(row: RuleRow, from_us: int, to_us: int) -> tuple[int, int]:
    """The stretch that is known without a hole: both where they touch, else the later one."""
    if from_us >= to_us:
        return row.known_from_us, row.known_to_us
    if not row.known_to_us:
        return from_us, to_us
    if from_us <= row.known_to_us and row.known_from_us <= to_us:
        return min(from_us, row.known_from_us), max(to_us, row.known_to_us)
    return max((from_us, to_us), (row.known_from_us, row.known_to_us))
