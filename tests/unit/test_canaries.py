"""Canaries: what is sent for a rule, in which states it is counted, and what a silent rule comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.adapters.local.memory import MemoryStore
from firstseen.cli import main
from firstseen.cli.canarying import canaries_of
from firstseen.cli.diagnosing import state_checks
from firstseen.cli.stores import open_store
from firstseen.deliveries import Delivery
from firstseen.errors import RuleError
from firstseen.findings import canaries
from firstseen.findings.canaries import EXPIRY_US, MARK, Tag, Wanted
from firstseen.findings.finding import key_of
from firstseen.findings.times import HOUR_US
from firstseen.language.canaries import Canaries, Canary, dump, load
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack
from firstseen.language.predicates import ALWAYS, Not
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Query, Record
from tests.faults.world import RULES, START_US
from tests.unit.canary_deployment import DAY_US, MANY, NEXT, RUN, Deployment, pack_of


@pytest.mark.parametrize("text", [RULES, MANY], ids=["with-and-without-memory", "counting"])
def test_each_rule_in_force_finds_its_canary_and_nobody_is_told(text: str) -> None:
    """Whatever would keep a real finding from being sent: experimental, learning, a limit."""
    here = Deployment(pack_of(text))
    wanted = canaries_of(here.pack)
    assert {one.rule for one in wanted.canaries} == {one.card.id for one in here.pack.correlations}
    report = here.take(canaries.begin(here.store, Wanted(wanted), RUN, now_us=here.now_us))
    assert {one.routing for one in report.findings} == {"canary"}
    assert sorted(one.card.id for one in report.findings) == sorted(one.rule for one in wanted.canaries)
    assert here.sink.findings == []
    assert not here.store.due(now_us=here.now_us + DAY_US, limit=10)
    assert here.judged(wanted) == canaries.Verdict(RUN, len(wanted.canaries), (), unsure=0)


def test_real_states_and_findings_are_the_same_with_canaries_as_without() -> None:
    """Byte by byte; and the events of a canary, were they real, are then found as if there had been none."""
    pack = pack_of()
    wanted = canaries_of(pack)
    plain, other = Deployment(pack), Deployment(pack)
    for run in (RUN, NEXT):
        other.take(canaries.begin(other.store, Wanted(wanted), run, now_us=other.now_us))
    for one in wanted.canaries:
        for here in (plain, other):
            here.pipeline.process([Delivery("real", [bytes(one.events)], here.now_us)])
    states = [
        {key: one.state for key, one in here.store.scan_states() if one.state.rule_id != canaries.CANARY}
        for here in (plain, other)
    ]
    assert states[0] == states[1] != {}
    found = [
        [row for row in here.store.scan_findings(Query()) if row.finding.routing != "canary"] for here in (plain, other)
    ]
    assert found[0] == found[1] != []
    rows = [
        {one.name: one.data for kind in ("slot", "rule", "digest") for one in here.store.scan_records(kind)}
        for here in (plain, other)
    ]
    assert rows[0] == rows[1]


def test_a_rule_that_was_broken_is_silent_and_the_others_are_not() -> None:
    good = pack_of()
    wanted = canaries_of(good)
    broken = replace(good, bases=(replace(good.bases[0], predicate=Not(ALWAYS)), *good.bases[1:]))
    here = Deployment(broken)
    here.take(canaries.begin(here.store, Wanted(wanted), RUN, now_us=here.now_us))
    verdict = here.judged_twice(wanted)
    hurt = {rule.card.id for rule in good.correlations if rule.members[0].base_id == good.bases[0].id}
    assert {one.canary.rule for one in verdict.silent} == hurt != set()
    assert {one.stuck for one in verdict.silent} == {"before"}
    assert verdict.came == len(wanted.canaries) - len(hurt) > 0
    row = canaries.last_round(here.store)
    assert row is not None
    assert (set(row.silent), row.silent_number) == (hurt, len(hurt))


def test_what_matched_and_made_no_finding_is_told_from_what_never_came() -> None:
    pack = pack_of(MANY)
    wanted = canaries_of(pack)
    strict = replace(pack, correlations=tuple(replace(one, count=9) for one in pack.correlations))
    here = Deployment(strict)
    messages = canaries.begin(here.store, Wanted(wanted), RUN, now_us=here.now_us)
    assert [one.stuck for one in here.judged_twice(wanted).silent] == ["all"] * len(messages)
    here.take(messages)
    stuck = {one.canary.title: one.stuck for one in here.judged(wanted).silent}
    assert stuck == {"Asked thrice": "rule"}


def test_a_silent_rule_is_told_with_what_was_sent_and_no_value_of_it() -> None:
    wanted = canaries_of(pack_of(MANY))
    here = Deployment(pack_of(MANY))
    canaries.begin(here.store, Wanted(wanted), RUN, now_us=here.now_us)
    told = [canaries.told(one, RUN) for one in here.judged_twice(wanted).silent]
    assert [(one["title"], one["events"]) for one in told] == [("Asked thrice", 3)]
    assert "no canary of this round came through" in str(told[0]["stuck"])


def test_a_canary_counts_for_no_way_in_no_rule_and_no_reject() -> None:
    """What is measured of real events stays what it was: a silent trail is not hidden, and nothing is redriven."""
    here = Deployment(pack_of())
    spoilt = Canary("rule", "title", "uid", msgspec.Raw(b'[{"eventName": "Ask", "eventID": "x"}]'))
    wanted = canaries_of(here.pack)
    report = here.take([canaries.wrap(RUN, one) for one in (*wanted.canaries, spoilt)])
    assert report.counts.get("events", 0) == report.counts.get("matches", 0) == 0
    assert (report.matched, report.rejects, report.retry) == ({}, [], {})
    assert report.counts["canary_events"] >= len(wanted.canaries)
    assert list(report.spoilt) == [Tag(RUN, "rule")]


def test_a_canary_that_comes_again_or_late_is_the_same_finding() -> None:
    here = Deployment(pack_of(MANY))
    wanted = canaries_of(here.pack)
    messages = canaries.begin(here.store, Wanted(wanted), RUN, now_us=here.now_us)
    first = here.take(messages)
    here.now_us += HOUR_US
    assert here.take(messages).findings == []
    assert len(first.findings) == len(wanted.canaries)
    again = here.take(canaries.begin(here.store, Wanted(wanted), NEXT, now_us=here.now_us))
    assert {one.uid for one in again.findings}.isdisjoint(one.uid for one in first.findings)


def test_rows_of_canaries_go_after_three_days_and_no_other() -> None:
    here = Deployment(pack_of(MANY))
    wanted = canaries_of(here.pack)
    here.take(canaries.begin(here.store, Wanted(wanted), RUN, now_us=here.now_us))
    here.pipeline.process([Delivery("real", [bytes(wanted.canaries[0].events)], here.now_us)])
    kept = {row.finding.uid for row in here.store.scan_findings(Query()) if row.finding.routing != "canary"}
    here.store.expire(now_us=here.now_us + EXPIRY_US + 1)
    assert {row.finding.uid for row in here.store.scan_findings(Query())} == kept != set()
    assert all(one.state.rule_id != canaries.CANARY for _, one in here.store.scan_states())


@pytest.mark.parametrize(
    ("row", "later_us", "health", "said"),
    [
        (None, 0, "ok", "no round was sent"),
        (canaries.Round(sent=3, given_us=1), HOUR_US, "ok", "not looked for yet"),
        (canaries.Round(sent=3), 60_000_000, "ok", "not looked for yet"),
        (canaries.Round(sent=3), HOUR_US, "fail", "3 could not all be sent since 1 hour"),
        (canaries.Round(given_us=1, judged_us=1), HOUR_US, "warn", "no canaries were published"),
        (canaries.Round(given_us=1, left_out=4), HOUR_US, "warn", "the 4 rules in force have none"),
        (canaries.Round(sent=3, given_us=1, judged_us=1), HOUR_US, "ok", "all came through"),
        (canaries.Round(sent=3, judged_us=1, silent=["rule-1"], silent_number=1), HOUR_US, "fail", "rule-1"),
        (canaries.Round(sent=3, given_us=1, judged_us=1), 9 * DAY_US, "warn", "3 were sent 9 days ago"),
    ],
)
def test_doctor_says_what_became_of_the_last_round(
    row: canaries.Round | None, later_us: int, health: str, said: str
) -> None:
    store = MemoryStore()
    if row is not None:
        data = msgspec.json.encode(msgspec.structs.replace(row, sent_us=START_US))
        store.put_record(Record(*canaries.WHERE, data))
    (check,) = [one for one in state_checks(store, None, START_US + later_us) if one.name == "canaries"]
    assert check.health == health
    assert said in check.said


def test_findings_of_canaries_are_listed_for_who_asks_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:{tmp_path / 'state'}"
    found = next(iter(Deployment(pack_of()).take([canaries.wrap(RUN, canaries_of(pack_of()).canaries[0])]).findings))
    state = canaries.canary_state(RUN, KeyState("", ""))
    store = open_store(url)
    store.commit([Change(key_of(found.uid), None, state, (found,))])
    store.close()
    assert main(["findings", "list", "--state", url]) == 0
    assert capsys.readouterr().out == ""
    assert main(["findings", "list", "--state", url, "--routing", "canary"]) == 0
    assert found.uid in capsys.readouterr().out


def test_the_same_rules_give_the_same_bytes_which_are_read_back() -> None:
    data = dump(canaries_of(pack_of()))
    assert data == dump(canaries_of(pack_of())) == dump(load(data))


@pytest.mark.parametrize(("days", "left_out"), [(90, []), (400, ["its example ends in the future"])])
def test_an_example_that_is_not_over_yet_is_left_out(days: int, left_out: list[str]) -> None:
    """Events from the future have other times than those that were proven: the rule would look silent for months."""
    text = f"""{MANY.split("---", maxsplit=1)[0]}---
title: Asked again after long
name: again
correlation: {{type: new_terms, rules: [asked], group-by: [userIdentity.arn], fields: [awsRegion], timespan: {days}d}}
firstseen: {{when: returning}}
"""
    made = canaries_of(pack_of(text))
    assert [one.reason.split(":")[0] for one in made.left_out] == left_out
    assert len(made.canaries) == 1 - len(left_out)


def test_what_would_be_more_than_can_be_read_again_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else rules are published, and the function that should send their examples fails each hour."""
    pack = pack_of()
    size = len(dump(Canaries(pack.version, canaries_of(pack).canaries[:2])))
    monkeypatch.setattr("firstseen.cli.canarying.MAX_SENT_BYTES", size)
    made = canaries_of(pack)
    assert (len(made.canaries), len(made.left_out)) == (2, 1)
    assert "split the rules" in made.left_out[0].reason


def test_rules_that_cannot_be_shown_are_left_out_with_the_reason() -> None:
    empty = MANY.replace("eventName: Ask", "eventName: Ask, 'userIdentity.userName|expand': '%nobody%'")
    listed = "name: nobody\ndescription: Nobody\nexamples: [a]\nvalues: []\n"
    pack = build_pack({"rules.yml": empty.encode(), "lists.yml": listed.encode()})
    made = canaries_of(pack)
    assert made.canaries == ()
    assert [one.title for one in made.left_out] == ["Asked thrice"]
    assert "empty" in made.left_out[0].reason


def test_a_rule_that_is_switched_off_is_neither_sent_nor_left_out() -> None:
    pack = pack_of(MANY)
    off = Pack.of(list(pack.bases), [replace(one, enabled=False) for one in pack.correlations])
    assert canaries_of(off) == Canaries(off.version)


def test_a_rule_whose_id_does_not_fit_into_an_envelope_is_left_out() -> None:
    """Else what is sent for it is no canary, and it would be silent each day."""
    pack = pack_of(MANY.replace("id: 7f2f1f0e-7a86-4ff5-9c5e-000000000002", f"name: {'n' * 129}"))
    (left_out,) = canaries_of(pack).left_out
    assert "129 characters" in left_out.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"firstseen_canaries": 2, "pack": "p"}',
        b'{"firstseen_canaries": 1}',
        b'{"firstseen_canaries": 1, "pack": "p", "canaries": [{"rule": 1}]}',
        b'{"firstseen_canaries": 1, "pack": "p", "canaries": [{"rule":"","title":"","uid":"","events":["'
        + b"x" * 200_000
        + b'"]}]}',
        b"[" * 10_000,
        b"\xff",
    ],
)
def test_what_are_no_canaries_is_refused_with_the_mend(data: bytes) -> None:
    with pytest.raises(RuleError, match="canar"):
        load(data)


@given(st.binary(max_size=200) | st.builds(lambda tail: MARK + tail, st.binary(max_size=200)))
def test_whatever_comes_is_a_canary_or_not_and_never_a_fault(data: bytes) -> None:
    found = canaries.unwrap(data)
    assert found is None or canaries.unwrap(data) == found


def test_an_envelope_is_ours_alone_with_nothing_more_in_it() -> None:
    one = canaries_of(pack_of(MANY)).canaries[0]
    message = canaries.wrap(RUN, one)
    assert message.startswith(MARK)
    assert canaries.unwrap(message) == (Tag(RUN, one.rule), bytes(one.events))
    body = msgspec.json.decode(message)
    assert canaries.unwrap(msgspec.json.encode(body | {"records": []})) is None


@pytest.mark.parametrize(
    ("run", "rule"),
    [
        ("run", "rule"),
        (RUN[:-1], "rule"),
        (RUN + "0", "rule"),
        (RUN.upper(), "rule"),
        (RUN[:-1] + "\n", "rule"),
        (RUN + "\n", "rule"),
        (RUN, ""),
        (RUN, "r" * 129),
    ],
)
def test_an_envelope_that_we_would_not_have_made_is_no_canary(run: str, rule: str) -> None:
    """Its words become keys of the state and lines of the log."""
    one = Canary(rule, "title", "uid", msgspec.Raw(b"[]"))
    assert canaries.unwrap(canaries.wrap(RUN, msgspec.structs.replace(one, rule="r" * 128))) is not None
    assert canaries.unwrap(canaries.wrap(run, one)) is None
