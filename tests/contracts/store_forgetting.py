"""The store contract: what is dropped, and what never is."""

from __future__ import annotations

from dataclasses import replace

from firstseen.findings.finding import Routing
from firstseen.store.state import Episode, Sighting
from firstseen.store.store import Change, Query
from tests.contracts.store_samples import (
    HOUR_US,
    LEASE_US,
    NOW_US,
    Harness,
    committed,
    key,
    opening,
    state,
    stored,
    version_of,
)

CANARY_AND_OTHER: tuple[Routing, ...] = ("canary", "digest")


class ForgettingAndExpiring:
    """``forget`` and ``expire``."""

    def test_a_forgotten_key_keeps_its_generation_and_when_it_was_last_seen(self, harness: Harness) -> None:
        store = harness.open()
        full = replace(
            state(0),
            generation=9,
            last_us=NOW_US - 1,
            sightings=(Sighting(1, "e"),),
            dropped=2,
            cut=((1, 1),),
        )
        full = replace(full, episodes=(Episode(1, NOW_US, "uid"),))
        committed(store, Change(key(0), None, full))
        before = version_of(store, key(0))
        store.forget([key(0), key(1)], entirely=False)
        kept = stored(store, key(0))
        assert kept.state == replace(full, last_us=NOW_US, episodes=(), sightings=(), dropped=0, cut=())
        assert kept.version != before
        assert dict(store.read([key(1)], consistent=True)) == {}

    def test_forgetting_loses_no_finding_that_is_still_to_be_sent(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, opening(0))
        store.forget([key(0)], entirely=False)
        assert stored(store, key(0)).state.pending == (uid,)
        assert list(store.due(now_us=NOW_US, limit=10)) == [uid]

    def test_a_key_forgotten_entirely_starts_anew_and_its_next_finding_is_sent(self, harness: Harness) -> None:
        store = harness.open()
        (uid, other) = committed(store, opening(0), opening(1))
        store.mark([uid], "sent")
        store.forget([key(0)], entirely=True)
        assert dict(store.read([key(0)], consistent=True)) == {}
        assert dict(store.findings([uid])) == {}
        committed(store, opening(0))
        assert store.claim([uid], owner="a", now_us=NOW_US, lease_us=LEASE_US)[0].claim == "claimed"
        assert set(store.findings([uid, other])) == {uid, other}

    def test_expired_rows_go_and_the_others_stay(self, harness: Harness) -> None:
        store = harness.open()
        committed(
            store,
            Change(key(0), None, state(0), expires_at_us=NOW_US - HOUR_US),
            Change(key(1), None, state(1), expires_at_us=NOW_US + HOUR_US),
            Change(key(2), None, state(2)),
        )
        dropped = store.expire(now_us=NOW_US)
        if harness.expires_by_itself:
            assert dropped == 0
            return
        assert dropped == 1
        assert set(store.read([key(0), key(1), key(2)], consistent=True)) == {key(1), key(2)}
        assert store.expire(now_us=NOW_US) == 0

    def test_a_later_commit_moves_or_lifts_the_expiry(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, *(Change(key(n), None, state(n), expires_at_us=NOW_US) for n in range(2)))
        lifted = Change(key(0), version_of(store, key(0)), state(0))
        moved = Change(key(1), version_of(store, key(1)), state(1), expires_at_us=NOW_US + 2 * HOUR_US)
        committed(store, lifted, moved)
        assert store.expire(now_us=NOW_US + HOUR_US) == 0
        assert len(store.read([key(0), key(1)], consistent=True)) == 2

    def test_a_finding_of_a_canary_goes_with_its_key(self, harness: Harness) -> None:
        store = harness.open()
        changes = [
            replace(opening(n, routing=routing), expires_at_us=NOW_US - HOUR_US)
            for n, routing in enumerate(CANARY_AND_OTHER)
        ]
        uids = committed(store, *changes)
        store.expire(now_us=NOW_US)
        if not harness.expires_by_itself:
            assert set(store.findings(uids)) == {uids[1]}
            assert [row.finding.uid for row in store.scan_findings(Query())] == [uids[1]]

    def test_expiry_drops_no_finding(self, harness: Harness) -> None:
        store = harness.open()
        (uid,) = committed(store, replace(opening(0), expires_at_us=NOW_US - HOUR_US))
        store.expire(now_us=NOW_US)
        assert list(store.due(now_us=NOW_US, limit=1)) == [uid]
