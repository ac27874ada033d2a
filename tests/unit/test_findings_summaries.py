"""Learning summaries: however many rules end, one message tells of all of them, once, whatever crashes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest

from firstseen.adapters.aws.chat import chat_bytes
from firstseen.adapters.aws.messages import message
from firstseen.adapters.azure.events import event
from firstseen.adapters.local.memory import MemoryStore
from firstseen.errors import StoreUnavailable
from firstseen.findings import summaries, tally
from firstseen.findings.digests import prepare
from firstseen.findings.finding import Finding, finding_uid, key_hash
from firstseen.findings.learning import activate
from firstseen.findings.learnt import MAX_NAMED, SUMMARIES
from firstseen.findings.ocsf import ocsf_bytes
from firstseen.findings.routing import Router
from firstseen.findings.summaries import due_summaries
from firstseen.findings.text import headline, subject, to_text
from firstseen.findings.times import DAY_US, HOUR_US
from firstseen.language.rules import LEVELS, Correlation
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Query
from tests.unit.findings_samples import CARD, NOON_US, Watched, commit, failing_at, finding, rule

ENDS_US = NOON_US + DAY_US


def learner(number: int, learning_us: int = DAY_US, **changes: object) -> Correlation:
    """A rule that learns, one of many."""
    card = replace(CARD, **{"id": f"rule-{number}", "title": f"Rule {number}", **changes})  # type: ignore[arg-type]
    return rule(card=card, learning_us=learning_us)


def learn(store: MemoryStore, correlation: Correlation, number: int = 1, time_us: int = NOON_US) -> None:
    """Let the rule find so much."""
    names = [f"{correlation.card.id}/{correlation.fingerprint}/{n}" for n in range(number)]
    uids = [finding_uid(key_hash(name, "", (), ()), 0) for name in names]
    found = [finding(n, time_us + n, uid=uid, card=correlation.card) for n, uid in enumerate(uids)]
    for one in Router(store).route([(one, correlation) for one in found], now_us=time_us):
        commit(store, one)


def learnt(*correlations: Correlation) -> MemoryStore:
    """A store in which the first of these rules found one thing, the second two, and so on."""
    store = MemoryStore()
    activate(store, correlations, NOON_US)
    for number, one in enumerate(correlations, 1):
        learn(store, one, number)
    return store


def due(store: MemoryStore, rules: Sequence[Correlation], time_us: int = ENDS_US) -> list[Finding]:
    return due_summaries(store, rules, now_us=time_us, learnt_us=time_us)


def told(store: MemoryStore) -> list[Finding]:
    """The messages in the order of their numbers."""
    rows = [row.finding for row in store.scan_findings(Query(rule_id=SUMMARIES))]
    return sorted(rows, key=lambda one: one.uid)


def titles(one: Finding) -> list[str]:
    """The rules that a message names."""
    return [value.partition(":")[0] for label, value in one.details if label in LEVELS]


def test_a_rule_that_learnt_is_summed_up_once() -> None:
    """And what is over is over: later sweeps look at the rules' rows and at nothing else."""
    one = learner(1)
    store = MemoryStore()
    activate(store, [one], NOON_US)
    learn(store, one, 4)
    assert due(store, [one], ENDS_US - 1) == []
    [made] = due(store, [one])
    watched = Watched(MemoryStore(shared=store))
    assert due_summaries(watched, [one], now_us=ENDS_US, learnt_us=ENDS_US + DAY_US) == []
    assert watched.calls == ["scan_records"]
    assert (made.kind, made.card.level, made.routing) == ("summary", "informational", "send")
    assert made.reason.startswith("Learning ended for 1 rule: 4 findings would have been sent.")
    assert store.due(now_us=ENDS_US, limit=1000) == [made.uid]
    assert to_text(made).startswith("LEARNT  Learning ended for 1 rule: 4 findings\n")
    assert ocsf_bytes(made)


def test_all_rules_that_end_are_one_message_and_the_gravest_are_named_first() -> None:
    levels = [LEVELS[number % 5] for number in range(37)]
    rules = [learner(number, level=level) for number, level in enumerate(levels)]
    store = learnt(*rules)
    [made] = due(store, rules)
    assert store.due(now_us=ENDS_US, limit=1000) == [made.uid]
    assert titles(made) == [f"Rule {number}" for number in (34, 29, 24, 19, 14, 9, 4, 33)]
    assert [label for label, _ in made.details] == ["findings", *["critical"] * 7, "high", "and"]
    assert dict(made.details)["and"] == "29 more rules"
    assert dict(made.details)["findings"] == str(sum(range(1, 38)))
    assert headline(made) == subject(made).replace("LEARNT", "LEARNT ") == (
        "LEARNT  Learning ended for 37 rules: 703 findings"
    )  # fmt: skip
    assert "firstseen findings list --kind summary\n" in to_text(made)


def test_a_named_rule_says_how_much_it_learnt_and_a_few_keys() -> None:
    one = learner(1)
    store = MemoryStore()
    activate(store, [one], NOON_US)
    learn(store, one, 5)
    again = finding(0, NOON_US + 9, uid=finding_uid(key_hash("again", "", (), ()), 0), card=one.card)
    arn = replace(again, terms=(("who", "arn:aws:iam::111122223333:role/a/b/deploy"), ("network", "192.0.2.0/24")))
    for number, found in enumerate((again, arn, arn)):
        uid = finding_uid(key_hash(f"more-{number}", "", (), ()), 0)
        commit(store, replace(found, uid=uid, routing="learning", baseline="learning"))
    [made] = due(store, [one])
    assert dict(made.details)["high"] == "Rule 1: 8 findings of 6 keys: deploy, 192.0.2.0/24; role-0; role-1"


def test_nothing_that_a_rule_learnt_is_lost_to_whoever_looks_for_it() -> None:
    """Its own summary is kept beside the findings that it counts, with all that it said when it was a message."""
    one, other = learner(1), learner(2)
    store = learnt(one, other)
    due(store, [one, other])
    [own] = [row for row in store.scan_findings(Query(rule_id="rule-2")) if row.finding.kind == "summary"]
    assert (own.status, own.finding.routing, own.finding.time_us) == ("kept", "learning", ENDS_US)
    assert own.finding.reason.startswith("Learning ended after 1d: 2 findings would have been sent.")
    assert own.finding.details == (
        ("learnt from", "2026-03-02 12:00:00 UTC"),
        ("learnt until", "2026-03-03 12:00:00 UTC"),
        ("findings", "2"),
        ("1 ×", "role-0"),
        ("1 ×", "role-1"),
    )
    assert [one.event_id for one in own.finding.related] == ["event-0"]
    text = to_text(own.finding)
    assert text.startswith("LEARNT  Rule 2: 2 findings\n")
    assert "firstseen findings list --rule rule-2 --routing learning\n" in text
    assert ocsf_bytes(own.finding)


def test_rules_that_end_later_are_in_a_later_message() -> None:
    first, later = [learner(1), learner(2)], [learner(3, 2 * DAY_US), learner(4, 2 * DAY_US)]
    store = learnt(*first, *later)
    due(store, [*first, *later])
    due(store, [*first, *later], ENDS_US + HOUR_US)
    due(store, [*first, *later], ENDS_US + DAY_US)
    assert [sorted(titles(one)) for one in told(store)] == [["Rule 1", "Rule 2"], ["Rule 3", "Rule 4"]]
    assert [one.uid for one in told(store)] == [finding_uid(summaries.MESSAGES, number) for number in (0, 1)]
    assert [one.time_us for one in told(store)] == [ENDS_US, ENDS_US + DAY_US]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_sweep_that_dies_at_any_call_neither_loses_nor_doubles_a_rule(when: str) -> None:
    rules = [learner(1), learner(2), learner(3), learner(4, 2 * DAY_US)]

    def swept(sweeping: object, store: MemoryStore) -> list[Finding]:
        for time_us in (ENDS_US, ENDS_US + DAY_US):
            with contextlib.suppress(StoreUnavailable):
                prepare(sweeping, rules, now_us=time_us)  # type: ignore[arg-type]
            prepare(store, rules, now_us=time_us)
        return [replace(row.finding, received_us=0) for row in store.scan_findings(Query())]

    calm = learnt(*rules)
    expected = swept(calm, calm)
    assert [titles(one) for one in told(calm)] == [["Rule 3", "Rule 2", "Rule 1"], ["Rule 4"]]
    for number in range(1, 100):
        store = learnt(*rules)
        sweeping = Watched(MemoryStore(shared=store), **{when: failing_at(number)})
        assert swept(sweeping, store) == expected
        if len(sweeping.calls) < number:
            return
    pytest.fail("the sweep makes more calls than were tried")


def test_at_whichever_call_another_sweep_comes_between_each_rule_is_told_once() -> None:
    rules = [learner(1), learner(2), learner(3)]
    for number in range(1, 100):
        store = learnt(*rules)

        def meanwhile(_name: str, count: int, number: int = number, store: MemoryStore = store) -> None:
            if count == number:
                due(MemoryStore(shared=store), rules)

        sweeping = Watched(MemoryStore(shared=store), before=meanwhile)
        due_summaries(sweeping, rules, now_us=ENDS_US, learnt_us=ENDS_US)
        assert [titles(one) for one in told(store)] == [["Rule 3", "Rule 2", "Rule 1"]], number
        if len(sweeping.calls) < number:
            return
    pytest.fail("the sweep makes more calls than were tried")


def test_what_a_sweep_counted_before_it_died_is_not_counted_again() -> None:
    """A rule may have ten thousand findings, and a sweep a minute."""
    rules = [learner(1), learner(2)]
    store = learnt(*rules)

    def at_the_message(name: str, _count: int) -> None:
        if name == "commit" and dying.calls.count("commit") > len(rules):
            raise StoreUnavailable

    dying = Watched(MemoryStore(shared=store), before=at_the_message)
    with pytest.raises(StoreUnavailable):
        due_summaries(dying, rules, now_us=ENDS_US, learnt_us=ENDS_US)
    assert dying.calls.count("scan_findings") == 2
    watched = Watched(MemoryStore(shared=store))
    [made] = due_summaries(watched, rules, now_us=ENDS_US, learnt_us=ENDS_US)
    assert titles(made) == ["Rule 2", "Rule 1"]
    assert "scan_findings" not in watched.calls


def test_a_rule_that_the_last_message_names_is_not_told_again_though_it_left_the_rules_for_a_while() -> None:
    """The sweep died before it marked the rule's row; then the rule was out while others ended; then it came back."""
    one, other = learner(1), learner(2, 2 * DAY_US)
    store = learnt(one, other)

    def at_the_mark(name: str, _count: int) -> None:
        if name == "put_record":
            raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        due_summaries(
            Watched(MemoryStore(shared=store), before=at_the_mark), [one, other], now_us=ENDS_US, learnt_us=ENDS_US
        )
    due(store, [other], ENDS_US + DAY_US)
    due(store, [one, other], ENDS_US + 2 * DAY_US)
    assert [titles(message) for message in told(store)] == [["Rule 1"], ["Rule 2"]]


def test_what_an_earlier_version_told_in_messages_of_their_own_is_not_told_again() -> None:
    """It died between its messages: two of its rules were told, one of them was marked; the third was not begun."""
    rules = [learner(1), learner(2), learner(3)]
    store = learnt(*rules)
    for one in rules[:2]:
        group = (one.card.id, one.fingerprint)
        key = key_hash(SUMMARIES, "", group, ())
        old = finding(uid=finding_uid(key, 0), card=one.card, kind="summary", time_us=ENDS_US)
        state = KeyState(SUMMARIES, "", group, (), 1, ENDS_US, pending=(old.uid,))
        assert store.commit([Change(key, None, state, (old,))]) == ["committed"]
    [made] = due(store, rules)
    assert titles(made) == ["Rule 3"]
    assert due(store, rules) == []
    assert len(store.due(now_us=ENDS_US, limit=10)) == 3


def test_what_is_only_kept_is_not_told_for_an_earlier_version() -> None:
    """The sweep dies before its message, and firstseen is rolled back: that version tells, as if nothing had been."""
    one = learner(1)
    store = learnt(one)

    def at_the_message(_name: str, _count: int) -> None:
        if dying.calls.count("commit") > 1:
            raise StoreUnavailable

    dying = Watched(MemoryStore(shared=store), before=at_the_message)
    with pytest.raises(StoreUnavailable):
        due_summaries(dying, [one], now_us=ENDS_US, learnt_us=ENDS_US)
    kept = [row.finding for row in store.scan_findings(Query()) if row.finding.kind == "summary"]
    assert [row.routing for row in kept] == ["learning"]
    assert store.read([key_hash(SUMMARIES, "", (one.card.id, one.fingerprint), ())]) == {}


def test_more_rules_than_one_message_is_about_make_a_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gravest are in the first."""
    monkeypatch.setattr(summaries, "MAX_RULES", 4)
    rules = [learner(number, level="critical" if number > 6 else "low") for number in range(9)]
    store = learnt(*rules)
    assert len(due(store, rules)) == 3
    assert [titles(one) for one in told(store)] == [
        ["Rule 8", "Rule 7", "Rule 6", "Rule 5"],
        ["Rule 4", "Rule 3", "Rule 2", "Rule 1"],
        ["Rule 0"],
    ]
    assert due(store, rules) == []


def test_the_message_is_small_whatever_rules_and_keys_are_called() -> None:
    """As long as every transport takes it whole, and as a chat shows it."""
    long = "\u202e\U0001f600" * 40_000
    rules = [learner(number, title=long, level="critical") for number in range(60)]
    store = MemoryStore()
    activate(store, rules, NOON_US)
    for number, one in enumerate(rules):
        uid = finding_uid(key_hash(str(number), "", (), ()), 0)
        found = finding(number, uid=uid, card=one.card, terms=(("t", long),), facts=(("account", long[:2_000]),))
        commit(store, replace(found, routing="learning"))
    [made] = due(store, rules)
    assert len(made.details) == MAX_NAMED + 2
    sent = message(made)
    assert sent is not None
    assert sent.size_bytes < 64 * 1024
    published = event(made)
    assert published is not None
    assert published.size_bytes < 64 * 1024
    assert len(to_text(made).splitlines()) < 80
    shown = orjson.loads(chat_bytes(made))["content"]["description"]
    assert "*and:* 52 more rules" in shown


def test_what_all_rules_share_is_said_and_what_they_do_not_is_not() -> None:
    """So a filter by cloud and account lets the message through where there is one of each."""
    rules = [learner(1), learner(2)]
    [made] = due(learnt(*rules), rules)
    assert (made.source, made.provider, made.facts) == ("aws.cloudtrail", "AWS", (("account", "111122223333"),))
    store = learnt(rules[0])
    activate(store, rules, NOON_US)
    uid = finding_uid(key_hash("azure", "", (), ()), 0)
    azure = finding(7, uid=uid, card=rules[1].card, source="azure.signinlogs", provider="Azure", facts=())
    commit(store, replace(azure, routing="learning"))
    [made] = due(store, rules)
    assert (made.source, made.provider, made.facts) == ("", "", ())
    assert ocsf_bytes(made)


def test_a_number_that_stopped_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_COUNTED", 5)
    rules = [learner(number) for number in range(8)]
    [made] = due(learnt(*rules), rules)
    assert dict(made.details)["findings"] == "at least 30"
    assert "at least 30 findings would have been sent" in made.reason
    assert made.details[1] == ("high", "Rule 4: at least 5 findings: role-0; role-1; role-2")


def test_a_changed_rule_sums_up_only_what_was_received_since_it_began() -> None:
    """And no summary of the one before it, which is kept among its findings."""
    first = learner(1)
    store = learnt(first)
    due(store, [first])
    second = replace(first, fingerprint="other", learning_us=3 * DAY_US)
    activate(store, [second], NOON_US + HOUR_US)
    learn(store, second, time_us=NOON_US + 2 * DAY_US)
    [made] = due(store, [second], NOON_US + 4 * DAY_US)
    assert "1 finding would have been sent" in made.reason


def test_a_changed_rule_is_told_of_however_much_the_one_before_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that found too much is just what people change."""
    monkeypatch.setattr(tally, "MAX_COUNTED", 5)
    first = learner(1)
    store = MemoryStore()
    activate(store, [first], NOON_US)
    learn(store, first, 6)
    second = replace(first, fingerprint="other")
    activate(store, [second], NOON_US + HOUR_US)
    learn(store, second, 2, time_us=NOON_US + 2 * HOUR_US)
    [made] = due(store, [second], NOON_US + DAY_US + HOUR_US)
    assert "2 findings would have been sent" in made.reason


def test_counting_ends_however_much_is_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says then that there may be more."""
    monkeypatch.setattr(tally, "MAX_SCANNED", 3)
    store = learnt(learner(1), learner(2), learner(3))
    counted = tally.count(store, Query(rule_id="rule-3"), received_from_us=NOON_US + 2)
    assert (counted.number, counted.cut, counted.shown()) == (1, True, "at least 1 finding")
    assert tally.count(store, Query(rule_id="rule-2")).shown() == "2 findings"


def test_a_rule_that_found_nothing_while_learning_stays_silent() -> None:
    """And is not counted again with each sweep."""
    one = learner(1)
    store = MemoryStore()
    activate(store, [one], NOON_US)
    assert prepare(store, [one], now_us=NOON_US, learnt_us=ENDS_US) == []
    watched = Watched(MemoryStore(shared=store))
    assert due_summaries(watched, [one], now_us=ENDS_US, learnt_us=ENDS_US) == []
    assert watched.calls == ["scan_records"]


def test_a_rule_that_does_not_learn_or_is_gone_has_no_summary() -> None:
    store = MemoryStore()
    activate(store, [rule(), learner(1)], NOON_US)
    assert prepare(store, [rule()], now_us=NOON_US + 9 * DAY_US) == []
