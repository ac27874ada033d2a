"""Digests and learning summaries: what was decided not to be sent singly is still told, counted and once.

Both become ordinary pending findings under a key of their own, so the ordinary way (claim, publish, mark)
sends them. What was reported, and the number of the next digest, stand in that key's state, which is written
in one atomic step with the finding: a crash before it changes nothing, one after it finds it done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from firstseen.findings import tally
from firstseen.findings.finding import Finding, finding_uid, key_hash
from firstseen.findings.rows import KEEP_US, Row, Where, read_row, settle
from firstseen.findings.summaries import due_summaries
from firstseen.findings.times import DAY_US, HOUR_US, MINUTE_US, iso, moment
from firstseen.language.rules import Correlation
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Query, Record, Store

DIGEST = "digest"
"""Kind of the records."""

DIGESTS = "firstseen.digest"
"""What stands for the rule in the key states of digests, apart from the rules' own."""

DELAY_US = 75 * MINUTE_US
"""After the end of an hour of event time, before its digest: CloudTrail delivers most within 15 minutes, and
an hour is the disorder that costs no second digest."""

ARM_AGAIN_US = 15 * MINUTE_US
DISARM_US = HOUR_US
"""An hour is armed *before* the finding over its limit is committed, so a sweep may look in between and
count too few. It stays armed until an hour after the last arming: longer than any batch takes. Arming again
is skipped only within 15 minutes, which leaves 45 for the batch that skipped it."""

KEEP_DIGEST_US = 400 * DAY_US
"""How long the numbers of an hour's digests are remembered."""


class DigestRow(Row):
    """A rule and hour that may need a digest.

    Attributes:
        armed_us: wall clock of the last arming, to within 15 minutes.
        closed: nothing is left to report unless it is armed again. A row is closed, not deleted: deleting is
            unconditional and could remove an arming that happens at the same time.
    """

    rule_id: str
    hour_us: int
    armed_us: int
    closed: bool = False


def digest_record(rule_id: str, hour_us: int) -> Where:
    """Where the row of a rule and hour lies."""
    return DIGEST, key_hash(rule_id, DIGEST, (str(hour_us),), ())


def arm(store: Store, finding: Finding, *, now_us: int) -> None:
    """Before the finding is committed: its rule and hour will need a digest. Raises StoreUnavailable."""

    def decide(row: DigestRow | None) -> tuple[DigestRow | None, None]:
        if row is not None and not row.closed and abs(now_us - row.armed_us) < ARM_AGAIN_US:
            return None, None
        return DigestRow(rule_id=finding.card.id, hour_us=finding.hour_us, armed_us=now_us), None

    settle(store, digest_record(finding.card.id, finding.hour_us), DigestRow, decide)


def prepare(
    store: Store, correlations: Sequence[Correlation], *, now_us: int, learnt_us: int | None = None
) -> list[Finding]:
    """Commit, as pending, every digest and learning summary that is due; they are returned for information.

    ``now_us``: the clock; an hour's digest is due 75 minutes after its end. ``learnt_us``: what learning is
    measured against, if not the clock (the end of the input, over files). Raises StoreUnavailable: call
    again.
    """
    made = due_digests(store, correlations, now_us=now_us)
    return made + due_summaries(
        store, correlations, now_us=now_us, learnt_us=now_us if learnt_us is None else learnt_us
    )


def due_digests(store: Store, correlations: Sequence[Correlation] = (), *, now_us: int) -> list[Finding]:
    """Digests of the hours that are over, where more is to report than was reported before."""
    limits = {one.card.id: one.limit for one in correlations}
    made: list[Finding] = []
    for record in store.scan_records(DIGEST):
        row = read_row(record, DigestRow)
        if row is None or row.closed or now_us < row.hour_us + HOUR_US + DELAY_US:
            continue
        digest = _digest(store, row, limits.get(row.rule_id), now_us)
        if digest is not None:
            made.append(digest)
        elif now_us - row.armed_us >= DISARM_US:
            _close(store, record, now_us)
    return made


def _close(store: Store, record: Record, now_us: int) -> None:
    """Close the row if nobody armed it since it was read."""
    row = read_row(record, DigestRow)
    if row is None:
        return

    def decide(found: DigestRow | None) -> tuple[DigestRow | None, None]:
        if found is None or found.closed or found.armed_us != row.armed_us:
            return None, None
        return DigestRow(rule_id=row.rule_id, hour_us=row.hour_us, armed_us=row.armed_us, closed=True), None

    settle(store, (record.kind, record.name), DigestRow, decide, expires_at_us=max(now_us, row.hour_us) + KEEP_US)


def _digest(store: Store, row: DigestRow, limit: int | None, now_us: int) -> Finding | None:
    """Commit the digest of one rule and hour; None when nothing is new, or another worker was first.

    The key's state holds how many were reported (``terms``) and how many digests there were (``generation``).
    """
    group = (row.rule_id, iso(row.hour_us))
    key = key_hash(DIGESTS, "", group, ())
    stored = store.read([key], consistent=True).get(key)
    state = stored.state if stored else KeyState(DIGESTS, "", group, ("0",))
    reported = int(state.terms[0])
    if reported >= tally.MAX_COUNTED:
        return None
    counted = tally.count(store, Query(row.hour_us, row.hour_us + HOUR_US, row.rule_id, "digest"))
    if counted.sample is None or counted.number <= reported:
        return None
    uid = finding_uid(key, state.generation)
    over = f"its limit of {limit}" if limit is not None else "its limit"
    told = counted.shown(beyond=reported)
    finding = replace(
        tally.message(counted.sample, counted, now_us),
        uid=uid,
        kind="digest",
        time_us=row.hour_us,
        reason=f"{told} of this rule in the hour from {moment(row.hour_us)} were over {over} and were not sent singly.",
        details=(*counted.lines(beyond=reported), *counted.top()),
    )
    after = replace(
        state,
        terms=(str(counted.number),),
        generation=state.generation + 1,
        last_us=row.hour_us,
        pending=(*state.pending, uid),
    )
    change = Change(key, stored.version if stored else None, after, (finding,), now_us + KEEP_DIGEST_US)
    return finding if store.commit([change])[0] == "committed" else None
