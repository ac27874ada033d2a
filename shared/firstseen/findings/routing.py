"""Routing: where a new finding goes. Decided once, by event time, and stored with the finding.

The first of these that holds: the rule is experimental; it was still learning; somebody expects this; the
same was notified a short while ago; the rule's notifications of that hour are used up (a digest will count
it); else it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from firstseen.findings import learning
from firstseen.findings.digests import arm
from firstseen.findings.expectations import expectation_record, is_expected
from firstseen.findings.finding import Finding, Routing
from firstseen.findings.learning import RuleRow
from firstseen.findings.rows import KEEP_US, Where, read_many, settle
from firstseen.findings.slots import (
    MAX_LIMIT,
    LimitRow,
    SuppressionRow,
    limit_record,
    suppression_record,
    unsuppressed,
    within_limit,
)
from firstseen.findings.times import HOUR_US
from firstseen.language.rules import Correlation
from firstseen.store.store import Store

Routed = tuple["Finding", "Correlation"]

G = TypeVar("G")


class Router:
    """Routing over one store. Holds nothing between calls: other workers and people change what it reads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def activate(self, correlations: Sequence[Correlation], at_us: int) -> Mapping[str, RuleRow]:
        """Stamp each rule's activation once: :func:`firstseen.findings.learning.activate`."""
        return learning.activate(self._store, correlations, at_us)

    def route(self, findings: Sequence[Routed], *, now_us: int) -> list[Finding]:
        """The findings in the same order, with routing and baseline set.

        To be called before they are committed, again after a conflict: it answers the same for the same uid.
        At most three batched reads and one write for each limit or suppression row concerned. ``now_us``
        only dates rows. Raises StoreUnavailable; then nothing may be committed, and what was taken is taken
        by the same uids again.
        """
        rules = {one.card.id: one for _, one in findings}
        rows = learning.windows(self._store, list(rules.values()), now_us)
        known = [_with_baseline(finding, rows.get(correlation.card.id)) for finding, correlation in findings]
        decided: dict[str, Routing] = {}
        for finding in known:
            if finding.card.status == "experimental":
                decided[finding.uid] = "experimental"
            elif finding.baseline == "learning":
                decided[finding.uid] = "learning"
        left = [(one, rules[one.card.id]) for one in known if one.uid not in decided]
        left.sort(key=lambda item: (item[0].time_us, item[0].uid))  # a batch's own order decides nothing
        left = self._expect(left, decided)
        left = self._suppress(left, decided, now_us)
        self._limit(left, decided, now_us)
        return [replace(one, routing=decided.get(one.uid, "send")) for one in known]

    def _expect(self, findings: list[Routed], decided: dict[str, Routing]) -> list[Routed]:
        places = {finding.uid: expectation_record(finding) for finding, _ in findings}
        records = read_many(self._store, list(places.values()))
        for finding, _ in findings:
            if is_expected(records.get(places[finding.uid]), finding):
                decided[finding.uid] = "expected"
        return [one for one in findings if one[0].uid not in decided]

    def _suppress(self, findings: list[Routed], decided: dict[str, Routing], now_us: int) -> list[Routed]:
        asked = _grouped((one for one in findings if one[0].suppression), suppression_record)
        records = read_many(self._store, list(asked))
        for where, group in asked.items():
            suppression = group[0][1].suppression
            if suppression is None:  # the rule was changed between building and routing
                continue
            members = [finding for finding, _ in group]
            passed = settle(
                self._store,
                where,
                SuppressionRow,
                _deciding(unsuppressed, members, suppression.duration_us),
                expires_at_us=max(now_us, members[-1].time_us) + suppression.duration_us + KEEP_US,
                first=records,
            )
            decided.update((one.uid, "suppressed") for one in members if one.uid not in passed)
        return [one for one in findings if one[0].uid not in decided]

    def _limit(self, findings: list[Routed], decided: dict[str, Routing], now_us: int) -> None:
        asked = _grouped((one for one in findings if one[1].limit <= MAX_LIMIT), limit_record)
        records = read_many(self._store, list(asked))
        for where, group in asked.items():
            members = [finding for finding, _ in group]
            expires_at_us = max(now_us, members[0].hour_us + HOUR_US) + KEEP_US
            sent = settle(
                self._store,
                where,
                LimitRow,
                _deciding(within_limit, members, group[0][1].limit),
                expires_at_us=expires_at_us,
                first=records,
            )
            over = [one for one in members if one.uid not in sent]
            if over:
                arm(self._store, over[0], now_us=now_us)
            decided.update((one.uid, "digest") for one in over)


def _with_baseline(finding: Finding, row: RuleRow | None) -> Finding:
    return replace(finding, baseline=row.baseline(finding.time_us)) if row else finding


def _grouped(findings: Iterable[Routed], where: Callable[[Finding], Where]) -> dict[Where, list[Routed]]:
    groups: dict[Where, list[Routed]] = {}
    for one in findings:
        groups.setdefault(where(one[0]), []).append(one)
    return groups


def _deciding(
    rule: Callable[[G | None, Sequence[Finding], int], tuple[G | None, set[str]]],
    members: list[Finding],
    number: int,
) -> Callable[[G | None], tuple[G | None, set[str]]]:
    """``rule`` with everything but the row filled in."""

    def decide(row: G | None) -> tuple[G | None, set[str]]:
        return rule(row, members, number)

    return decide
