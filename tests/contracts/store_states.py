"""The store contract: key states, their versions, atomic commits, sizes and scans."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from firstseen.findings.finding import finding_uid
from firstseen.store.state import Episode, KeyState, Sighting
from firstseen.store.store import Change
from tests.contracts.store_samples import (
    HOSTILE,
    HOUR_US,
    LEASE_US,
    LONE_SURROGATE,
    MENDED,
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


class ReadingAndCommitting:
    """``read`` and ``commit``."""

    def test_an_empty_store_knows_no_key(self, harness: Harness) -> None:
        store = harness.open()
        assert dict(store.read([key(0), key(1)], consistent=True)) == {}
        assert dict(store.read([])) == {}
        assert list(store.commit([])) == []

    def test_a_state_is_read_as_it_was_committed(self, harness: Harness) -> None:
        store = harness.open()
        full = KeyState(
            rule_id="rule",
            fingerprint="f",
            group=("g", ""),
            terms=("t",),
            generation=7,
            last_us=NOW_US,
            episodes=(Episode(NOW_US - HOUR_US, NOW_US, "uid"),),
            sightings=(Sighting(NOW_US, "event", 2, "value"), Sighting(NOW_US + 1, "other")),
            dropped=3,
            pending=("uid",),
            cut=((1, 2),),
        )
        committed(store, Change(key(0), None, full))
        assert stored(store, key(0)).state == full

    def test_only_keys_with_a_state_are_answered(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, Change(key(1), None, state(1)))
        found = store.read([key(0), key(1), key(1), key(2)], consistent=True)
        assert {name: one.state for name, one in found.items()} == {key(1): state(1)}

    def test_a_commit_at_the_version_that_was_read_replaces_the_state(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, Change(key(0), None, state(0)))
        first = stored(store, key(0))
        committed(store, Change(key(0), first.version, state(0, last_us=NOW_US + 1)))
        second = stored(store, key(0))
        assert second.state == state(0, last_us=NOW_US + 1)
        assert second.version != first.version

    def test_a_version_stays_while_the_row_stays(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, Change(key(0), None, state(0)))
        before = version_of(store, key(0))
        committed(store, Change(key(1), None, state(1)))
        assert version_of(harness.open(), key(0)) == before

    def test_a_commit_at_an_older_version_is_a_conflict_and_writes_nothing(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, Change(key(0), None, state(0)))
        old = version_of(store, key(0))
        committed(store, Change(key(0), old, state(0, last_us=NOW_US + 1)))
        late = finding(key(0), 1)
        outcome = store.commit([Change(key(0), old, state(0, last_us=NOW_US + 2), (late,))])
        assert list(outcome) == ["conflict"]
        assert stored(store, key(0)).state.last_us == NOW_US + 1
        assert dict(store.findings([late.uid])) == {}
        assert list(store.due(now_us=NOW_US, limit=10)) == []

    def test_a_new_row_is_a_conflict_when_the_row_exists(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, Change(key(0), None, state(0)))
        assert list(store.commit([Change(key(0), None, state(0, last_us=1))])) == ["conflict"]
        assert stored(store, key(0)).state == state(0)

    def test_a_row_that_was_removed_meanwhile_is_a_conflict(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, Change(key(0), None, state(0)))
        old = version_of(store, key(0))
        store.forget([key(0)], entirely=True)
        assert list(store.commit([Change(key(0), old, state(0))])) == ["conflict"]
        assert dict(store.read([key(0)], consistent=True)) == {}

    def test_a_row_removed_and_written_again_has_a_new_version(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, Change(key(0), None, state(0)))
        old = version_of(store, key(0))
        store.forget([key(0)], entirely=True)
        committed(store, Change(key(0), None, state(0, last_us=NOW_US + 5)))
        assert list(store.commit([Change(key(0), old, state(0))])) == ["conflict"]

    def test_one_conflict_among_many_changes_fails_that_change_only(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, *(opening(number) for number in (3, 4)))
        good = version_of(store, key(4))
        changes = [
            opening(0),
            opening(3),  # it exists
            Change(key(4), good, state(4, last_us=NOW_US + 1), (finding(key(4), 1),)),
            Change(key(5), "never a version", state(5), (finding(key(5)),)),
            opening(6),
        ]
        outcomes = list(store.commit(changes))
        assert outcomes == ["committed", "conflict", "committed", "conflict", "committed"]
        assert set(store.read([one.key for one in changes], consistent=True)) == {key(n) for n in (0, 3, 4, 6)}
        uids = [finding_uid(key(4), 1), finding_uid(key(5), 0), finding_uid(key(6), 0)]
        assert set(store.findings(uids)) == {uids[0], uids[2]}

    def test_a_call_that_names_a_key_twice_is_refused_before_it_writes(self, harness: Harness) -> None:
        store = harness.open()
        with pytest.raises(ValueError, match="twice"):
            store.commit([opening(0), opening(1), opening(0)])
        assert dict(store.read([key(0), key(1)], consistent=True)) == {}

    def test_a_finding_of_another_key_is_refused_before_it_writes(self, harness: Harness) -> None:
        store = harness.open()
        with pytest.raises(ValueError, match="not of key"):
            store.commit([Change(key(0), None, state(0), (finding(key(1)),))])
        assert dict(store.read([key(0)], consistent=True)) == {}

    def test_what_was_committed_is_there_after_a_restart(self, harness: Harness) -> None:
        committed(harness.open(), *(opening(number) for number in range(5)))
        store = harness.reopen()
        assert len(store.read([key(number) for number in range(5)], consistent=True)) == 5
        assert len(store.due(now_us=NOW_US, limit=10)) == 5

    def test_two_store_objects_see_each_others_commits(self, harness: Harness) -> None:
        one, two = harness.open(), harness.open()
        committed(one, Change(key(0), None, state(0)))
        seen = stored(two, key(0))
        committed(two, Change(key(0), seen.version, state(0, last_us=NOW_US + 1)))
        assert list(one.commit([Change(key(0), seen.version, state(0))])) == ["conflict"]
        assert stored(one, key(0)).state.last_us == NOW_US + 1

    def test_what_a_caller_does_to_its_answer_does_not_reach_the_store(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, Change(key(0), None, state(0)))
        answer = store.read([key(0)], consistent=True)
        with contextlib.suppress(AttributeError):
            answer.clear()  # type: ignore[attr-defined]
        assert stored(store, key(0)).state == state(0)


class Sizes:
    """Batches and values of every size and kind."""

    def test_batches_of_hundreds_are_one_call(self, harness: Harness) -> None:
        store = harness.open()
        names = [key(number) for number in range(350)]
        committed(store, *(opening(number, time_us=NOW_US + number) for number in range(350)))
        found = store.read(names, consistent=True)
        assert set(found) == set(names)
        uids = [finding_uid(name, 0) for name in names]
        assert set(store.findings(uids)) == set(uids)
        assert {one.claim for one in store.claim(uids, owner="a", now_us=NOW_US, lease_us=LEASE_US)} == {"claimed"}
        store.mark(uids, "sent")
        assert {row.status for row in store.findings(uids).values()} == {"sent"}
        assert all(not one.state.pending for one in store.read(names, consistent=True).values())

    def test_one_change_may_bring_many_findings(self, harness: Harness) -> None:
        store = harness.open()
        many = tuple(finding(key(0), number, time_us=NOW_US + number) for number in range(64))
        whole = replace(state(0), pending=tuple(one.uid for one in many))
        committed(store, Change(key(0), None, whole, many))
        assert list(store.due(now_us=NOW_US, limit=100)) == [one.uid for one in many]

    def test_a_state_of_sixty_kilobytes_is_kept(self, harness: Harness) -> None:
        store = harness.open()
        sightings = tuple(Sighting(NOW_US + n, f"{n:036}", 0, "v" * 10) for n in range(900))
        large = replace(state(0), sightings=sightings)
        committed(store, Change(key(0), None, large))
        assert stored(store, key(0)).state == large

    def test_findings_with_a_hundred_kilobytes_of_raw_event_are_kept(self, harness: Harness) -> None:
        store = harness.open()
        changes = [replace(opening(n), findings=(finding(key(n), raw=chr(97 + n) * 100_000),)) for n in range(12)]
        uids = committed(store, *changes)
        assert {row.finding for row in store.findings(uids).values()} == {one.findings[0] for one in changes}

    @pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:12]))
    def test_values_that_attackers_choose_come_back_unchanged(self, harness: Harness, value: str) -> None:
        store = harness.open()
        hostile = replace(
            state(0),
            rule_id=value,
            group=(value,),
            terms=(value, value),
            sightings=(Sighting(1, value, 0, value),),
        )
        found = replace(finding(key(0), raw=value, rule_id=value), facts=((value, value),))
        committed(store, Change(key(0), None, hostile, (found,)))
        assert stored(store, key(0)).state == hostile
        assert store.findings([found.uid])[found.uid].finding == found
        assert [name for name, _ in store.scan_states(rule_id=value)] == [key(0)]

    def test_a_lone_surrogate_is_replaced_and_stops_nothing(self, harness: Harness) -> None:
        store = harness.open()
        broken = replace(state(0), terms=(LONE_SURROGATE,), sightings=(Sighting(1, LONE_SURROGATE),))
        found = replace(finding(key(0), raw=LONE_SURROGATE, rule_id=LONE_SURROGATE), facts=(("actor", LONE_SURROGATE),))
        committed(store, Change(key(0), None, broken, (found,)), opening(1))
        kept = stored(store, key(0)).state
        assert (kept.terms, kept.sightings[0].event_id) == ((MENDED,), MENDED)
        row = store.findings([found.uid])[found.uid].finding
        assert (row.raw, row.card.id, row.fact("actor")) == (MENDED, MENDED, MENDED)
        assert set(store.read([key(0), key(1)], consistent=True)) == {key(0), key(1)}


class Scanning:
    """``scan_states``."""

    def test_every_key_is_scanned_once(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, *(Change(key(number), None, state(number)) for number in range(600)))
        scanned = list(store.scan_states())
        assert sorted(name for name, _ in scanned) == sorted(key(number) for number in range(600))
        name, one = scanned[17]
        assert one == stored(store, name)

    def test_one_rules_keys_can_be_asked_for(self, harness: Harness) -> None:
        store = harness.open()
        for rule_id in ("a", "b"):
            changes = (Change(key(n, rule_id=rule_id), None, state(n, rule_id=rule_id)) for n in range(3))
            committed(store, *changes)
        assert {name for name, _ in store.scan_states(rule_id="b")} == {key(n, rule_id="b") for n in range(3)}
        assert list(store.scan_states(rule_id="c")) == []

    def test_writing_during_a_scan_disturbs_neither(self, harness: Harness) -> None:
        store = harness.open()
        committed(store, *(Change(key(number), None, state(number)) for number in range(300)))
        for name, one in store.scan_states():
            committed(store, Change(name, one.version, replace(one.state, last_us=1)))
        assert {one.state.last_us for _, one in store.scan_states()} == {1}
