"""Routing: decided by event time, the same for the same finding however often it is asked."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from itertools import permutations
from random import Random
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.adapters.local.memory import MemoryStore
from firstseen.errors import StoreUnavailable, StoreUnusable
from firstseen.findings.expectations import end, expect, expectations
from firstseen.findings.finding import Finding
from firstseen.findings.learning import RuleRow, activate, rule_record
from firstseen.findings.routing import Router
from firstseen.findings.rows import MAX_ATTEMPTS
from firstseen.findings.slots import MAX_HOLDERS, MAX_LIMIT
from firstseen.findings.times import DAY_US, HOUR_US, MINUTE_US
from firstseen.language.rules import Correlation
from firstseen.store.store import Record, Store
from tests.unit.findings_samples import CARD, NOON_US, Watched, failing_at, finding, rule, suppressed_rule


def route(
    store: Store | Watched, findings: list[Finding], correlation: Correlation, now_us: int = NOON_US
) -> list[str]:
    routed = Router(cast("Store", store)).route([(one, correlation) for one in findings], now_us=now_us)
    assert [one.uid for one in routed] == [one.uid for one in findings]
    return [one.routing for one in routed]


def suppressible(number: int, time_us: int) -> Finding:
    return finding(number, time_us, suppression="same")


EXPERIMENTAL = replace(CARD, status="experimental")


def everything(*, without: str = "") -> tuple[MemoryStore, Finding, Correlation]:
    """A finding for which every routing holds, but those up to ``without``."""
    order = ["experimental", "learning", "expected", "suppressed", "digest"]
    on = order[order.index(without) + 1 :] if without else order
    card = EXPERIMENTAL if "experimental" in on else CARD
    correlation = rule(
        card=card, limit=0 if "digest" in on else 5, learning_us=DAY_US if "learning" in on else 0,
        suppression=suppressed_rule().suppression if "suppressed" in on else None,
    )  # fmt: skip
    store = MemoryStore()
    activate(store, [correlation], NOON_US)
    found = replace(suppressible(1, NOON_US), card=card)
    if "suppressed" in on:
        calm = replace(correlation, limit=5, learning_us=0)
        other = replace(suppressible(2, NOON_US - 1), card=CARD)
        assert route(MemoryStore(shared=store), [other], replace(calm, fingerprint="other")) == ["send"]
    if "expected" in on:
        expect(store, found, until_us=NOON_US + 1, reason="r", who="w", at_us=0)
    return store, found, correlation


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ("", "experimental"),
        ("experimental", "learning"),
        ("learning", "expected"),
        ("expected", "suppressed"),
        ("suppressed", "digest"),
        ("digest", "send"),
    ],
)
def test_the_first_reason_that_holds_decides(without: str, expected: str) -> None:
    store, found, correlation = everything(without=without)
    assert route(store, [found], correlation) == [expected]
    assert route(store, [found], correlation) == [expected]


def test_learning_is_by_event_time_from_the_first_activation() -> None:
    store, correlation = MemoryStore(), rule(learning_us=DAY_US)
    activate(store, [correlation], NOON_US)
    activate(store, [correlation], NOON_US + 5 * DAY_US)
    times = [NOON_US - 30 * DAY_US, NOON_US, NOON_US + DAY_US - 1, NOON_US + DAY_US]
    found = [finding(n, time_us) for n, time_us in enumerate(times)]
    assert route(store, found, correlation, now_us=NOON_US + 9 * DAY_US) == ["learning"] * 3 + ["send"]
    routed = Router(store).route([(one, correlation) for one in found], now_us=NOON_US)
    assert [one.baseline for one in routed] == ["learning"] * 3 + ["complete"]


def test_a_rule_that_does_not_learn_has_no_baseline() -> None:
    store, correlation = MemoryStore(), rule()
    activate(store, [correlation], NOON_US)
    assert Router(store).route([(finding(), correlation)], now_us=NOON_US)[0].baseline == "none"


def test_a_baseline_built_from_history_ends_learning() -> None:
    store, correlation = MemoryStore(), rule(learning_us=DAY_US)
    row = activate(store, [correlation], NOON_US)[CARD.id]
    done = msgspec.json.encode(msgspec.structs.replace(row, complete=True))
    where = rule_record(CARD.id, correlation.fingerprint)
    version = store.records([where])[where].version
    assert store.put_record(Record(*where, done, version)) == "committed"
    routed = Router(store).route([(finding(), correlation)], now_us=NOON_US)[0]
    assert (routed.routing, routed.baseline) == ("send", "complete")


def test_a_changed_question_learns_again_and_a_changed_learning_time_holds() -> None:
    store = MemoryStore()
    activate(store, [rule(learning_us=DAY_US)], NOON_US)
    assert activate(store, [rule(learning_us=HOUR_US)], NOON_US + 1)[CARD.id].learning_until_us == NOON_US + HOUR_US
    changed = rule(learning_us=DAY_US, fingerprint="other")
    later = NOON_US + 10 * DAY_US
    assert activate(store, [changed], later)[CARD.id].activated_us == later


def test_a_learning_rule_that_was_never_activated_begins_now_and_does_not_flood() -> None:
    store, correlation = MemoryStore(), rule(learning_us=DAY_US)
    assert route(store, [finding()], correlation, now_us=NOON_US) == ["learning"]
    assert activate(store, [correlation], NOON_US + 7 * DAY_US)[CARD.id].activated_us == NOON_US


def test_two_processes_that_activate_at_once_agree() -> None:
    store, other = MemoryStore(), rule(learning_us=DAY_US)

    def first(name: str, count: int) -> None:
        if name == "put_record" and count == 2:
            activate(MemoryStore(shared=store), [other], NOON_US)

    slow = Watched(MemoryStore(shared=store), before=first)
    assert activate(slow, [other], NOON_US + 1)[CARD.id].activated_us == NOON_US


def test_an_expectation_covers_its_key_until_its_end_and_is_kept_after() -> None:
    store, correlation, found = MemoryStore(), rule(), finding()
    expect(store, found, until_us=NOON_US, reason="migration", who="ops", at_us=NOON_US - DAY_US)
    again = replace(found, uid=found.uid[:-1] + "1")
    assert route(store, [replace(again, time_us=NOON_US - 1), finding(2)], correlation) == [
        "expected",
        "send",
    ]
    assert route(store, [replace(again, time_us=NOON_US)], correlation) == ["send"]
    [(_, row)] = expectations(store)
    assert (row.reason, row.who, row.uid, row.shown) == (
        "migration",
        "ops",
        found.uid,
        f"{found.terms[0][0]}=role-0",
    )


def test_an_expectation_that_is_ended_lets_later_findings_through() -> None:
    store, correlation, found = MemoryStore(), rule(), finding()
    expect(store, found, until_us=NOON_US + DAY_US, reason="r", who="w", at_us=0)
    assert end(store, found, now_us=NOON_US) is not None
    assert route(store, [replace(found, time_us=NOON_US - 1)], correlation) == ["expected"]
    assert route(store, [replace(found, time_us=NOON_US + 1)], correlation) == ["send"]
    assert end(MemoryStore(), found, now_us=NOON_US) is None


def test_for_a_rule_without_memory_the_same_actor_and_call_are_expected() -> None:
    store, correlation = MemoryStore(), rule("match")
    one = finding(1, type="match", facts=(("actor", "a"), ("action", "x"), ("account", "1")))
    expect(store, one, until_us=NOON_US + 1, reason="r", who="w", at_us=0)
    same = finding(2, type="match", facts=one.facts)
    other = finding(3, type="match", facts=(("actor", "b"), ("action", "x"), ("account", "1")))
    assert route(store, [same, other], correlation) == ["expected", "send"]


def test_suppression_lets_one_through_within_its_duration_in_any_order() -> None:
    times = [
        NOON_US,
        NOON_US + 59 * MINUTE_US,
        NOON_US + 60 * MINUTE_US,
        NOON_US - 59 * MINUTE_US,
        NOON_US - HOUR_US,
    ]
    found = [suppressible(n, time_us) for n, time_us in enumerate(times)]
    store, routed = MemoryStore(), []
    for one in found:
        routed += route(store, [one], suppressed_rule())
    assert routed == ["send", "suppressed", "send", "suppressed", "send"]
    assert route(store, found[::-1], suppressed_rule()) == routed[::-1]


@given(st.lists(st.integers(0, 5 * 60), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_however_events_arrive_two_notifications_are_a_duration_apart_and_all_are_covered(
    minutes: list[int], random: Random
) -> None:
    found = [suppressible(n, NOON_US + minute * MINUTE_US) for n, minute in enumerate(minutes)]
    random.shuffle(found)
    store = MemoryStore()
    routed = [(one, route(store, [one], suppressed_rule())[0]) for one in found]
    sent = [one.time_us for one, where in routed if where == "send"]
    assert all(abs(a - b) >= HOUR_US for a, b in permutations(sent, 2))
    assert all(any(abs(one.time_us - t) < HOUR_US for t in sent) for one, where in routed if where == "suppressed")


def test_a_suppression_row_stays_small() -> None:
    store = MemoryStore()
    for n in range(MAX_HOLDERS + 50):
        assert route(store, [suppressible(n, NOON_US + n * HOUR_US)], suppressed_rule()) == ["send"]
    largest = max(len(record.data) for record in store.scan_records("slot"))
    assert largest < 8_000


def test_the_limit_counts_a_rule_and_hour_of_event_time() -> None:
    store, correlation = MemoryStore(), rule(limit=2)
    hour = [finding(n, NOON_US + n) for n in range(4)]
    after = [finding(n, NOON_US + HOUR_US + n) for n in range(4, 6)]
    assert route(store, hour, correlation) == ["send", "send", "digest", "digest"]
    assert route(store, after, correlation) == ["send", "send"]
    assert route(store, [finding(9, NOON_US + 30)], correlation, now_us=NOON_US + 99 * DAY_US) == ["digest"]


def test_asking_again_gives_the_same_answer_and_takes_no_slot() -> None:
    store, correlation = MemoryStore(), rule(limit=3)
    found = [finding(n, NOON_US + n) for n in range(5)]
    first = route(store, found, correlation)
    assert route(store, found, correlation) == first
    assert route(store, found[::-1], correlation) == first[::-1]
    assert route(store, [finding(99)], correlation) == ["digest"]


def test_asking_again_before_the_limit_is_reached_leaves_the_other_slots() -> None:
    store, correlation = MemoryStore(), rule(limit=4)
    for _ in range(3):
        assert route(store, [finding(1), finding(2)], correlation) == ["send", "send"]
    assert route(store, [finding(3), finding(4), finding(5)], correlation).count("send") == 2


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_within_a_batch_decides_nothing(order: tuple[int, ...]) -> None:
    correlation = replace(suppressed_rule(), limit=1)
    found = [suppressible(n, NOON_US + n * 25 * MINUTE_US) for n in range(2)]
    found += [finding(n, NOON_US + n) for n in range(2, 4)]
    routed = route(MemoryStore(), [found[n] for n in order], correlation)
    assert [routed[order.index(n)] for n in range(4)] == ["send", "suppressed", "digest", "digest"]


def test_a_limit_of_nothing_digests_all_and_a_huge_one_keeps_no_slots() -> None:
    assert route(MemoryStore(), [finding()], rule(limit=0)) == ["digest"]
    store = MemoryStore()
    assert route(store, [finding()], rule(limit=MAX_LIMIT + 1)) == ["send"]
    assert list(store.scan_records("slot")) == []


def test_the_slots_of_the_largest_limit_fit_a_row() -> None:
    store, correlation = MemoryStore(), rule(limit=MAX_LIMIT)
    found = [finding(n) for n in range(MAX_LIMIT + 1)]
    routed = route(store, found, correlation)
    assert (routed.count("send"), routed.count("digest")) == (MAX_LIMIT, 1)
    assert max(len(one.data) for one in store.scan_records("slot")) < 32_000


def test_two_workers_at_once_share_the_slots_of_one_limit() -> None:
    store, correlation = MemoryStore(), rule(limit=3)
    rival: list[str] = []

    def meanwhile(name: str, _count: int) -> None:
        if name == "put_record" and not rival:
            rival.extend(route(MemoryStore(shared=store), [finding(n) for n in (7, 8)], correlation))

    mine = route(Watched(MemoryStore(shared=store), before=meanwhile), [finding(n) for n in (1, 2)], correlation)
    assert [*rival, *mine].count("send") == 3
    assert [*rival, *mine].count("digest") == 1


def test_two_workers_that_route_the_same_finding_agree() -> None:
    store, correlation = MemoryStore(), rule(limit=1)
    rival: list[str] = []

    def meanwhile(name: str, _count: int) -> None:
        if name == "put_record" and not rival:
            rival.extend(route(MemoryStore(shared=store), [finding(1)], correlation))

    assert route(Watched(MemoryStore(shared=store), before=meanwhile), [finding(1)], correlation) == rival == ["send"]


def test_a_row_that_always_changes_gives_the_delivery_back() -> None:
    store, correlation = MemoryStore(), rule(limit=2)

    def meanwhile(name: str, _count: int) -> None:
        if name == "put_record":
            records = list(store.scan_records("slot"))
            for record in records:
                assert store.put_record(record) == "committed"
            if not records:
                route(MemoryStore(shared=store), [finding(1)], correlation)

    slow = Watched(MemoryStore(shared=store), before=meanwhile)
    with pytest.raises(StoreUnavailable):
        route(slow, [finding(2)], correlation)
    assert slow.calls.count("put_record") == MAX_ATTEMPTS


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 12))
def test_after_a_crash_at_any_call_the_same_findings_get_the_same_slots(when: str, number: int) -> None:
    correlation = replace(suppressed_rule(), limit=2, learning_us=0)
    found = [finding(n, NOON_US + n) for n in range(3)] + [suppressible(n, NOON_US + n) for n in range(3, 5)]
    calm = route(MemoryStore(), found, correlation)
    store = MemoryStore()
    with contextlib.suppress(StoreUnavailable):
        route(Watched(MemoryStore(shared=store), **{when: failing_at(number)}), found, correlation)
    assert route(store, found, correlation) == calm


def test_what_needs_no_record_reads_none() -> None:
    quiet = Watched(MemoryStore())
    match = rule("match", card=EXPERIMENTAL)
    assert route(quiet, [finding(card=EXPERIMENTAL, type="match")], match) == ["experimental"]
    assert quiet.calls == []
    assert Router(quiet).route([], now_us=0) == []
    assert quiet.calls == []


def test_a_batch_of_many_findings_of_one_rule_costs_three_reads_and_one_write() -> None:
    store, correlation = MemoryStore(), rule()
    activate(store, [correlation], NOON_US)
    watched = Watched(MemoryStore(shared=store))
    assert set(route(watched, [finding(n) for n in range(90)], correlation)) == {"send"}
    assert sorted(watched.calls) == ["put_record", "records", "records", "records"]


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"format":2}'])
def test_a_damaged_or_newer_row_is_an_error_and_never_taken_as_empty(data: bytes) -> None:
    store, correlation = MemoryStore(), rule()
    where = rule_record(CARD.id, correlation.fingerprint)
    assert store.put_record(Record(*where, data)) == "committed"
    with pytest.raises(StoreUnusable):
        route(store, [finding()], correlation)


def test_a_rule_row_says_what_it_knows() -> None:
    row = RuleRow(activated_us=10, learning_until_us=20)
    assert [row.baseline(t) for t in (5, 19, 20)] == ["learning", "learning", "complete"]
    assert RuleRow(activated_us=10, learning_until_us=10).baseline(5) == "none"
