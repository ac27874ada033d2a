"""The store contract: findings, leases, marks, and the orders in which findings are found again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from firstseen.findings.finding import Routing, finding_uid, late_uid
from firstseen.store.store import Change, Query, Store
from tests.contracts.store_samples import (
    HOUR_US,
    LEASE_US,
    NOW_US,
    Harness,
    committed,
    finding,
    key,
    opening,
    state,
    stored,
    version_of,
)

if TYPE_CHECKING:
    from firstseen.findings.finding import Status

NOT_SENT: tuple[Routing, ...] = ("digest", "learning", "experimental", "suppressed", "expected", "canary")


def claims(store: Store, *uids: str, owner: str = "a", now_us: int = NOW_US) -> list[str]:
    return [one.claim for one in store.claim(uids, owner=owner, now_us=now_us, lease_us=LEASE_US)]


class WritingFindings:
    """Findings come with their key's state."""

    def test_a_finding_to_be_sent_is_pending_and_due(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        assert store.findings([uid])[uid].status == "pending"
        assert list(store.due(now_us=NOW_US, limit=10)) == [uid]

    @pytest.mark.parametrize("routing", NOT_SENT)
    def test_a_finding_of_any_other_routing_is_kept_and_never_due(self, harness: Harness, routing: Routing) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0, routing=routing))
        assert store.findings([uid])[uid].status == "kept"
        assert list(store.due(now_us=NOW_US + HOUR_US, limit=10)) == []
        assert claims(store, uid) == ["done"]

    def test_a_finding_that_exists_is_left_as_it_is(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        store.mark([uid], "sent")
        again = replace(finding(key(0)), reason="another")
        committed(store, Change(key(0), version_of(store, key(0)), state(0, last_us=NOW_US + 1), (again,)))
        row = store.findings([uid])[uid]
        assert (row.finding.reason, row.status) == ("", "sent")
        assert stored(store, key(0)).state.last_us == NOW_US + 1
        assert list(store.due(now_us=NOW_US, limit=10)) == []

    def test_a_new_finding_beside_one_that_exists_is_written(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, opening(0))
        both = (finding(key(0)), finding(key(0), 1, time_us=NOW_US + 1))
        committed(store, Change(key(0), version_of(store, key(0)), state(0), both))
        assert list(store.due(now_us=NOW_US, limit=10)) == [one.uid for one in both]

    def test_a_late_finding_has_a_row_like_any_other(self, harness: Harness) -> None:
        store = harness.open()
        late = replace(finding(key(0)), uid=late_uid(key(0), "event"), late=True)
        committed(store, Change(key(0), None, state(0), (late,)))
        assert store.findings([late.uid])[late.uid].finding == late

    def test_only_uids_that_exist_are_answered(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        assert set(store.findings([uid, finding_uid(key(0), 1), "no uid at all", ""])) == {uid}
        assert dict(store.findings([])) == {}


class Leasing:
    """``claim`` and ``due``."""

    def test_a_claim_brings_the_finding(self, harness: Harness) -> None:
        store = harness.open()
        change = opening(0)
        (uid,) = committed(store, change)
        (answer,) = store.claim([uid], owner="a", now_us=NOW_US, lease_us=LEASE_US)
        assert (answer.claim, answer.finding) == ("claimed", change.findings[0])

    def test_somebody_elses_live_lease_holds(self, harness: Harness) -> None:
        one, two = harness.open(), harness.open()
        (uid,) = committed(one, opening(0))
        assert claims(one, uid, owner="a") == ["claimed"]
        (answer,) = two.claim([uid], owner="b", now_us=NOW_US + LEASE_US - 1, lease_us=LEASE_US)
        assert (answer.claim, answer.finding) == ("held", None)

    def test_a_lease_is_over_at_its_end_and_is_taken_over(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        claims(store, uid, owner="a")
        assert claims(store, uid, owner="b", now_us=NOW_US + LEASE_US) == ["claimed"]
        assert claims(store, uid, owner="a", now_us=NOW_US + LEASE_US) == ["held"]

    def test_ones_own_lease_is_renewed(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        claims(store, uid, owner="a")
        assert claims(store, uid, owner="a", now_us=NOW_US + LEASE_US // 2) == ["claimed"]
        assert claims(store, uid, owner="b", now_us=NOW_US + LEASE_US) == ["held"]

    def test_each_uid_is_answered_in_order(self, harness: Harness) -> None:
        store = harness.open()
        sent, held, kept, free = committed(store, opening(0), opening(1), opening(2, routing="digest"), opening(3))
        store.mark([sent], "sent")
        claims(store, held, owner="b")
        answer = claims(store, free, finding_uid(key(9), 0), sent, held, kept)
        assert answer == ["claimed", "missing", "done", "held", "done"]
        assert claims(store) == []

    def test_a_leased_finding_is_not_due_until_its_lease_is_over(self, harness: Harness) -> None:
        store = harness.open()
        leased, free = committed(store, opening(0), opening(1, time_us=NOW_US + 1))
        claims(store, leased)
        assert list(store.due(now_us=NOW_US + LEASE_US - 1, limit=10)) == [free]
        assert list(store.due(now_us=NOW_US + LEASE_US, limit=10)) == [leased, free]

    def test_due_findings_come_oldest_first_and_at_most_the_limit(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, *(opening(n, time_us=NOW_US + (n * 7) % 120 * HOUR_US) for n in range(120)))
        expected = sorted(range(120), key=lambda n: (n * 7) % 120)
        due = store.due(now_us=NOW_US, limit=50)
        assert list(due) == [finding_uid(key(n), 0) for n in expected[:50]]
        assert len(store.due(now_us=NOW_US, limit=1000)) == 120

    def test_leased_findings_do_not_fill_the_limit(self, harness: Harness) -> None:
        store = harness.open()
        uids = committed(store, *(opening(n, time_us=NOW_US + n) for n in range(30)))
        claims(store, *uids[:20])
        assert list(store.due(now_us=NOW_US, limit=5)) == uids[20:25]

    def test_leases_outlive_a_restart(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        claims(store, uid, owner="a")
        assert claims(harness.reopen(), uid, owner="b") == ["held"]


class Marking:
    """``mark``."""

    @pytest.mark.parametrize("status", ["sent", "refused"])
    def test_a_marked_finding_is_done_and_no_longer_pending_anywhere(self, harness: Harness, status: Status) -> None:
        store = harness.open()
        uid, other = committed(store, opening(0), opening(1))
        store.mark([uid], status)
        assert store.findings([uid])[uid].status == status
        assert stored(store, key(0)).state.pending == ()
        assert list(store.due(now_us=NOW_US, limit=10)) == [other]
        assert claims(store, uid) == ["done"]
        assert stored(harness.reopen(), key(1)).state.pending == (other,)

    def test_marking_again_changes_nothing(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        store.mark([uid], "sent")
        before = stored(store, key(0))
        store.mark([uid, uid], "sent")
        store.mark([], "sent")
        assert stored(store, key(0)) == before
        assert store.findings([uid])[uid].status == "sent"

    def test_what_was_sent_stays_sent_and_what_was_refused_may_still_be_sent(self, harness: Harness) -> None:
        store = harness.open()
        first, second = committed(store, opening(0), opening(1))
        store.mark([first], "sent")
        store.mark([first, second], "refused")
        assert [store.findings([uid])[uid].status for uid in (first, second)] == ["sent", "refused"]
        store.mark([second], "sent")
        assert store.findings([second])[second].status == "sent"

    def test_a_kept_finding_stays_kept(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0, routing="digest"))
        store.mark([uid], "sent")
        assert store.findings([uid])[uid].status == "kept"

    def test_a_stale_entry_is_cleared_by_the_next_mark(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        store.mark([uid], "sent")
        stale = state(0, pending=(uid,))
        committed(store, Change(key(0), version_of(store, key(0)), stale))
        store.mark([uid], "sent")
        assert stored(store, key(0)).state.pending == ()

    def test_unknown_findings_are_marked_without_effect(self, harness: Harness) -> None:
        store = harness.open()
        store.mark([finding_uid(key(0), 0)], "sent")
        assert dict(store.findings([finding_uid(key(0), 0)])) == {}
        assert dict(store.read([key(0)], consistent=True)) == {}

    @pytest.mark.parametrize("status", ["pending", "kept"])
    def test_only_sent_and_refused_are_marks(self, harness: Harness, status: Status) -> None:
        with pytest.raises(ValueError, match="sent or refused"):
            harness.open().mark([], status)

    def test_a_mark_leaves_the_keys_other_pending_findings(self, harness: Harness) -> None:
        store = harness.open()
        both = (finding(key(0)), finding(key(0), 1))
        committed(store, Change(key(0), None, state(0, pending=(both[0].uid, both[1].uid)), both))
        store.mark([both[0].uid], "sent")
        assert stored(store, key(0)).state.pending == (both[1].uid,)

    def test_a_mark_and_a_commit_that_cross_lose_no_unsent_finding(self, harness: Harness) -> None:
        worker, sender = harness.open(), harness.open()
        (sent,) = committed(worker, opening(0))
        read = stored(worker, key(0))
        sender.mark([sent], "sent")
        new = finding(key(0), 1, time_us=NOW_US + 1)
        for _ in range(2):  # a conflict, then at the latest a success
            change = Change(key(0), read.version, replace(read.state, pending=(*read.state.pending, new.uid)), (new,))
            if list(worker.commit([change])) == ["committed"]:
                break
            read = stored(worker, key(0))
        assert new.uid in stored(worker, key(0)).state.pending
        assert list(sender.due(now_us=NOW_US, limit=10)) == [new.uid]
        assert claims(sender, sent, new.uid) == ["done", "claimed"]


class ScanningFindings:
    """``scan_findings``."""

    def test_findings_come_by_event_time_oldest_first(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, *(opening(n, time_us=NOW_US + (n * 53) % 150) for n in range(150)))
        times = [row.finding.time_us for row in store.scan_findings(Query())]
        assert times == [NOW_US + n for n in range(150)]

    def test_since_is_within_and_until_is_not(self, harness: Harness) -> None:
        store = harness.open()
        uids = committed(store, *(opening(n, time_us=NOW_US + n * HOUR_US) for n in range(5)))
        query = Query(since_us=NOW_US + HOUR_US, until_us=NOW_US + 3 * HOUR_US)
        assert [row.finding.uid for row in store.scan_findings(query)] == uids[1:3]

    def test_all_parts_of_a_query_hold_together(self, harness: Harness) -> None:
        store = harness.open()
        routings: tuple[Routing, ...] = ("send", "digest")
        for rule_id in ("a", "b"):
            changes = (opening(n, rule_id=rule_id, time_us=NOW_US + n, routing=routings[n % 2]) for n in range(8))
            committed(store, *changes)
        store.mark([finding_uid(key(0, rule_id="a"), 0)], "sent")

        def found(query: Query) -> list[tuple[str, int]]:
            return [(row.finding.card.id, row.finding.time_us - NOW_US) for row in store.scan_findings(query)]

        assert found(Query(rule_id="b", routing="digest")) == [("b", n) for n in (1, 3, 5, 7)]
        assert found(Query(rule_id="a", status="pending")) == [("a", n) for n in (2, 4, 6)]
        assert found(Query(status="sent")) == [("a", 0)]
        assert found(Query(rule_id="a", routing="digest", since_us=NOW_US + 2, until_us=NOW_US + 7)) == [
            ("a", 3),
            ("a", 5),
        ]
        assert found(Query(rule_id="a", routing="send", status="kept")) == []
        assert found(Query(rule_id="c")) == []

    def test_equal_times_are_all_scanned(self, harness: Harness) -> None:
        store = harness.open()
        uids = committed(store, *(opening(n) for n in range(200)))
        scanned = [row.finding.uid for row in store.scan_findings(Query(rule_id="rule"))]
        assert sorted(scanned) == sorted(uids)

    def test_marking_during_a_scan_disturbs_neither(self, harness: Harness) -> None:
        store = harness.open()
        uids = committed(store, *(opening(n, time_us=NOW_US + n) for n in range(150)))
        for row in store.scan_findings(Query()):
            store.mark([row.finding.uid], "sent")
        assert {row.status for row in store.findings(uids).values()} == {"sent"}
