"""Slots: who took one of the notifications that a limit or a suppression allows.

A slot names the finding that took it, so asking again (a step repeated after a conflict, a delivery that
comes again) gets the same answer. Slots are taken before the finding is committed: one whose finding never
commits is wasted, never given to another. Finding ids come from a key's generation, so a delivery that is
processed again asks with the same id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from firstseen.findings.finding import Finding, key_hash
from firstseen.findings.rows import Row, Where

SLOT = "slot"
"""Kind of the records."""

MAX_LIMIT = 2_000
"""A limit above this is no limit: everything is sent, and no slots are kept (a row must stay small)."""

MAX_HOLDERS = 200
"""Of one suppression row; the oldest by event time go first. An event older than all of them may be sent
once more.
"""


class LimitRow(Row):
    """The notifications of one rule and hour. ``taken``: short hashes of the uids, in the order of taking."""

    rule_id: str = ""
    hour_us: int = 0
    taken: list[str] = []  # noqa: RUF012 - msgspec copies an empty default


class SuppressionRow(Row):
    """The notifications for one rule and field values. ``taken``: (event time, short hash of the uid)."""

    rule_id: str = ""
    taken: list[tuple[int, str]] = []  # noqa: RUF012 - msgspec copies an empty default


def limit_record(finding: Finding) -> Where:
    """The row of the finding's rule and hour of event time."""
    return SLOT, key_hash(finding.card.id, "limit", (str(finding.hour_us),), ())


def suppression_record(finding: Finding) -> Where:
    """The row of the finding's rule and suppression values, as named when the finding was built."""
    return SLOT, finding.suppression


def short(uid: str) -> str:
    """48 bits of the uid's hash: enough among a row's few; a clash would send one finding too many."""
    return hashlib.sha256(uid.encode()).hexdigest()[:12]


def within_limit(row: LimitRow | None, findings: Sequence[Finding], limit: int) -> tuple[LimitRow | None, set[str]]:
    """Give slots of one rule and hour while there are any: (new row or None, uids to send)."""
    taken = list(row.taken) if row else []
    holders, sent = set(taken), set()
    for finding in findings:
        mark = short(finding.uid)
        if mark not in holders and len(taken) < limit:
            taken.append(mark)
            holders.add(mark)
        if mark in holders:
            sent.add(finding.uid)
    if len(taken) == (len(row.taken) if row else 0):
        return None, sent
    return LimitRow(rule_id=findings[0].card.id, hour_us=findings[0].hour_us, taken=taken), sent


def unsuppressed(
    row: SuppressionRow | None, findings: Sequence[Finding], duration_us: int
) -> tuple[SuppressionRow | None, set[str]]:
    """Let through those that have no notification within ``duration_us`` before or after them.

    Both directions, since events come in any order: whoever is routed first notifies for its whole
    surroundings. Gives (new row or None, uids to let through).
    """
    taken = list(row.taken) if row else []
    before, passed = len(taken), set()
    for finding in findings:
        mark = short(finding.uid)
        if any(one == mark for _, one in taken):
            passed.add(finding.uid)
        elif all(abs(time_us - finding.time_us) >= duration_us for time_us, _ in taken):
            taken.append((finding.time_us, mark))
            passed.add(finding.uid)
    if len(taken) == before:
        return None, passed
    return SuppressionRow(rule_id=findings[0].card.id, taken=sorted(taken)[-MAX_HOLDERS:]), passed
