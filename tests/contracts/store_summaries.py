"""The store contract: what is told once when rules' learning ends, which is more than one row."""

from __future__ import annotations

from firstseen.findings.finding import finding_uid
from firstseen.findings.learning import activate
from firstseen.findings.summaries import MESSAGES, due_summaries, own_key
from firstseen.language.rules import Card, Correlation, Member
from firstseen.store.store import Query, Store
from tests.contracts.store_samples import HOUR_US, NOW_US, Harness, committed, opening, stored

RULES = 12
"""Each learns for an hour, but for the last, which learns for two."""


def learners() -> list[Correlation]:
    """Rules that learn."""
    return [
        Correlation(
            Card(id=f"rule-{number}", title=f"Rule {number}"),
            "new_terms",
            (Member("base", ("account",), ("actor",)),),
            fingerprint="fingerprint",
            fields=("actor",),
            timespan_us=HOUR_US,
            learning_us=HOUR_US if number < RULES - 1 else 2 * HOUR_US,
        )
        for number in range(RULES)
    ]


def swept(store: Store, hours: int) -> list[str]:
    """Ids of what a sweep makes, so many hours after the rules began."""
    time_us = NOW_US + hours * HOUR_US
    return [one.uid for one in due_summaries(store, learners(), now_us=time_us, learnt_us=time_us)]


class Summaries:
    """Built upon rows, states and findings."""

    def test_all_rules_that_end_are_told_at_once_and_none_again(self, harness: Harness) -> None:
        store = harness.open()
        activate(store, learners(), NOW_US)
        committed(store, *(opening(1, rule_id=one.card.id, routing="learning") for one in learners()))
        assert swept(store, 0) == []
        assert swept(store, 1) == [finding_uid(MESSAGES, 0)]
        store = harness.reopen()
        assert swept(store, 1) == []
        assert swept(store, 2) == [finding_uid(MESSAGES, 1)]
        assert swept(store, 9) == []
        assert list(store.due(now_us=NOW_US + 9 * HOUR_US, limit=10)) == [
            finding_uid(MESSAGES, number) for number in (0, 1)
        ]

    def test_each_rules_own_summary_is_kept_where_its_findings_are(self, harness: Harness) -> None:
        store = harness.open()
        activate(store, learners(), NOW_US)
        committed(store, opening(1, rule_id="rule-3", routing="learning"))
        swept(store, 1)
        store = harness.reopen()
        rows = list(store.scan_findings(Query(rule_id="rule-3", routing="learning")))
        assert [(row.finding.kind, row.status) for row in rows] == [("finding", "kept"), ("summary", "kept")]
        key = own_key("rule-3", "fingerprint")
        assert stored(store, key).state.terms == ("1", "1")
        assert stored(store, key).state.pending == ()
