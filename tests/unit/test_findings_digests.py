"""Digests: counted once, whatever crashes. Learning summaries have a page of their own."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.errors import StoreUnavailable
from firstseen.findings import tally
from firstseen.findings.digests import DELAY_US, DISARM_US, arm, due_digests, prepare
from firstseen.findings.finding import Finding
from firstseen.findings.learning import activate
from firstseen.findings.ocsf import ocsf_bytes
from firstseen.findings.routing import Router
from firstseen.findings.text import to_text
from firstseen.findings.times import DAY_US, HOUR_US, MINUTE_US
from firstseen.language.rules import Correlation
from firstseen.store.store import Query
from tests.unit.findings_samples import CARD, NOON_US, Watched, commit, failing_at, finding, rule

DUE_US = NOON_US + HOUR_US + DELAY_US


def over(store: MemoryStore, numbers: range, correlation: Correlation, now_us: int = NOON_US) -> None:
    """Findings of the hour after noon, routed and committed."""
    found = [(finding(n, NOON_US + n), correlation) for n in numbers]
    for one in Router(store).route(found, now_us=now_us):
        commit(store, one)


def told(store: MemoryStore, kind: str = "digest") -> list[Finding]:
    """What was made, in the order of its numbers."""
    rows = [row.finding for row in store.scan_findings(Query()) if row.finding.kind == kind]
    return sorted(rows, key=lambda one: one.uid)


def new_ones(found: Finding) -> int:
    """How many findings this digest tells of for the first time."""
    details = dict(found.details)
    return int(details["findings"]) - int(details.get("reported before", "0"))


def test_a_digest_is_made_once_75_minutes_after_its_hour() -> None:
    store, correlation = MemoryStore(), rule(limit=2)
    over(store, range(5), correlation)
    assert due_digests(store, [correlation], now_us=DUE_US - 1) == []
    [made] = due_digests(store, [correlation], now_us=DUE_US)
    assert due_digests(store, [correlation], now_us=DUE_US + MINUTE_US) == []
    assert told(store) == [made]
    assert made.reason.startswith(
        "3 findings of this rule in the hour from 2026-03-02 12:00:00 UTC were over its limit of 2"
    )
    assert (made.kind, made.routing, made.time_us, made.card) == ("digest", "send", NOON_US, CARD)
    assert dict(made.details)["findings"] == "3"
    assert made.uid in store.due(now_us=DUE_US, limit=1000)
    assert "role-2" in to_text(made)
    assert ocsf_bytes(made)


def test_later_findings_make_a_second_digest_that_counts_only_them() -> None:
    store, correlation = MemoryStore(), rule(limit=2)
    over(store, range(5), correlation)
    [first] = due_digests(store, now_us=DUE_US)
    over(store, range(5, 9), correlation, now_us=DUE_US + 5 * DAY_US)
    [second] = due_digests(store, now_us=DUE_US + 5 * DAY_US)
    assert first.uid[:-1] == second.uid[:-1]
    assert (first.uid[-1], second.uid[-1]) == ("0", "1")
    assert [new_ones(one) for one in told(store)] == [3, 4]


def test_a_finding_committed_after_the_sweep_looked_is_not_forgotten() -> None:
    store, correlation = MemoryStore(), rule(limit=0)
    [late] = Router(store).route([(finding(1, NOON_US), correlation)], now_us=DUE_US)
    assert due_digests(store, now_us=DUE_US) == []  # armed, and nothing there yet
    commit(store, late)
    assert len(due_digests(store, now_us=DUE_US + MINUTE_US)) == 1


def test_a_quiet_hour_is_closed_and_opens_again_without_counting_twice() -> None:
    store, correlation = MemoryStore(), rule(limit=0)
    over(store, range(3), correlation, now_us=NOON_US)
    assert len(due_digests(store, now_us=DUE_US)) == 1
    due_digests(store, now_us=DUE_US + DISARM_US)
    watched = Watched(MemoryStore(shared=store))
    assert due_digests(watched, now_us=DUE_US + 2 * DISARM_US) == []
    assert watched.calls == ["scan_records"]
    over(store, range(3, 5), correlation, now_us=DUE_US + 3 * DISARM_US)
    due_digests(store, now_us=DUE_US + 3 * DISARM_US)
    assert [new_ones(one) for one in told(store)] == [3, 2]


def test_a_closed_hour_is_armed_again_by_a_worker_whose_clock_is_behind() -> None:
    store, correlation = MemoryStore(), rule(limit=0)
    over(store, range(1), correlation, now_us=NOON_US)
    due_digests(store, now_us=DUE_US)
    due_digests(store, now_us=DUE_US + DISARM_US)
    over(store, range(1, 2), correlation, now_us=NOON_US + MINUTE_US)
    assert len(due_digests(store, now_us=DUE_US + DISARM_US)) == 1


def test_closed_rows_go_away_in_time() -> None:
    store, correlation = MemoryStore(), rule(limit=0)
    over(store, range(1), correlation)
    due_digests(store, now_us=DUE_US)
    due_digests(store, now_us=DUE_US + DISARM_US)
    store.expire(now_us=DUE_US + 60 * DAY_US)
    assert list(store.scan_records("digest")) == []
    assert list(store.scan_records("slot")) == []


def test_an_hour_armed_while_it_is_being_closed_stays_armed() -> None:
    store, correlation = MemoryStore(), rule(limit=0)
    over(store, range(1), correlation, now_us=NOON_US)
    due_digests(store, now_us=DUE_US)
    now_us = DUE_US + DISARM_US
    done: list[int] = []

    def meanwhile(name: str, _count: int) -> None:
        if name == "put_record" and not done:
            done.append(1)
            arm(MemoryStore(shared=store), finding(8, NOON_US), now_us=now_us)

    due_digests(Watched(MemoryStore(shared=store), before=meanwhile), now_us=now_us)
    assert done
    commit(store, replace(finding(8, NOON_US), routing="digest"))
    assert len(due_digests(store, now_us=now_us + MINUTE_US)) == 1


def test_two_sweeps_at_once_make_one_digest() -> None:
    store, correlation = MemoryStore(), rule(limit=0)
    over(store, range(4), correlation)
    rival: list[Finding] = []

    def meanwhile(name: str, _count: int) -> None:
        if name == "commit" and not rival:
            rival.extend(due_digests(MemoryStore(shared=store), now_us=DUE_US))

    assert due_digests(Watched(MemoryStore(shared=store), before=meanwhile), now_us=DUE_US) == []
    assert [new_ones(one) for one in told(store)] == [4]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_call_repeats_with_the_same_ids_and_counts_nothing_twice(when: str) -> None:
    correlation = rule(limit=1, learning_us=HOUR_US // 2)

    def whole(store: MemoryStore, sweeping: object) -> None:
        activate(store, [correlation], NOON_US - HOUR_US // 2 + 2)
        over(store, range(6), correlation)  # 0 and 1 while learning, 2 is sent, 3 to 5 are over the limit
        with contextlib.suppress(StoreUnavailable):
            prepare(sweeping, [correlation], now_us=DUE_US)  # type: ignore[arg-type]
        prepare(store, [correlation], now_us=DUE_US + MINUTE_US)
        over(store, range(6, 8), correlation, now_us=DUE_US + MINUTE_US)
        prepare(store, [correlation], now_us=DUE_US + 2 * MINUTE_US)

    calm = MemoryStore()
    whole(calm, calm)
    assert [new_ones(one) for one in told(calm)] == [3, 2]
    assert [one.routing for one in told(calm, "summary")] == ["learning", "send"]  # the rule's own, and the message
    for number in range(1, 100):
        store = MemoryStore()
        sweeping = Watched(MemoryStore(shared=store), **{when: failing_at(number)})
        whole(store, sweeping)
        for kind in ("digest", "summary"):
            assert [one.uid for one in told(store, kind)] == [one.uid for one in told(calm, kind)]
            assert [one.details for one in told(store, kind)] == [one.details for one in told(calm, kind)]
        if len(sweeping.calls) < number:
            return
    pytest.fail("the sweep makes more calls than were tried")


def test_counting_stops_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_COUNTED", 5)
    store, correlation = MemoryStore(), rule(limit=0)
    over(store, range(8), correlation)
    [made] = due_digests(store, now_us=DUE_US)
    assert made.reason.startswith("at least 5 findings")
    assert dict(made.details)["findings"] == "at least 5"
    watched = Watched(MemoryStore(shared=store))
    assert due_digests(watched, now_us=DUE_US + MINUTE_US) == []
    assert "scan_findings" not in watched.calls


def test_the_busiest_keys_come_first_and_the_rest_is_a_number() -> None:
    store, correlation = MemoryStore(), rule(limit=0)
    over(store, range(30), correlation)
    for n in range(30, 34):
        commit(store, replace(finding(n, NOON_US + n), routing="digest", terms=(("t", "busy"),)))
    [made] = due_digests(store, now_us=DUE_US)
    lines = made.details
    assert lines[1] == ("4 ×", "busy")
    assert len(lines) == 1 + tally.TOP + 1
    assert lines[-1] == ("other keys", "21")


def test_each_rule_and_hour_has_a_digest_of_its_own() -> None:
    store = MemoryStore()
    other = replace(CARD, id="another-rule")
    for card, shift in ((CARD, 0), (other, 0), (CARD, HOUR_US)):
        found = finding(shift // HOUR_US + 10 * (card is other), NOON_US + shift, card=card)
        for one in Router(store).route([(found, rule(card=card, limit=0))], now_us=NOON_US):
            commit(store, one)
    assert len(due_digests(store, now_us=DUE_US)) == 2
    assert len(due_digests(store, now_us=DUE_US + HOUR_US)) == 1
