"""Canaries: what is sent for a rule, in which states it is counted, and what a silent rule comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from firstseen.errors import RuleError
from firstseen.findings import canaries
from firstseen.findings.canaries import EXPIRY_US, JUDGED_AFTER_US, MARK, Tag
from firstseen.findings.finding import key_of
from firstseen.findings.times import HOUR_US
from firstseen.language.canaries import Canaries, Canary, dump, load
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack
from firstseen.language.predicates import ALWAYS, Not
from firstseen.pipeline import Delivery, Pipeline, Report
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Query, Record
from tests.faults.faulty import RecordingSink
from tests.faults.world import RULES, START_US

DAY_US = 24 * HOUR_US

RUN, NEXT = "0123456789abcdef" * 2, "fedcba9876543210" * 2

MANY = """
title: Many asked
id: 7f2f1f0e-7a86-4ff5-9c5e-000000000001
name: asked
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: Ask}, condition: selection}
---
title: Asked thrice
id: 7f2f1f0e-7a86-4ff5-9c5e-000000000002
status: experimental
correlation: {type: event_count, rules: [asked], group-by: [userIdentity.arn], timespan: 1h, condition: {gte: 3}}
firstseen: {learning: 7d, limit: 1}
"""


def pack_of(text: str = RULES) -> Pack:
    return build_pack({"rules.yml": text.encode()})


class Deployment:
    """A pipeline over a store, with a clock that is set by hand."""

    def __init__(self, pack: Pack) -> None:
        self.pack, self.now_us = pack, START_US
        self.store, self.sink = MemoryStore(), RecordingSink()
        self.pipeline = Pipeline(pack, self.store, self.sink, owner="a", clock=lambda: self.now_us)

    def take(self, messages: Sequence[bytes]) -> Report:
        """As the functions hand them over."""
        deliveries = []
        for number, one in enumerate(messages):
            found = canaries.unwrap(one)
            assert found is not None
            deliveries.append(Delivery(str(number), [found[1]], self.now_us, canary=found[0]))
        return self.pipeline.process(deliveries)

    def judged(self, wanted: Canaries) -> canaries.Verdict:
        last = canaries.last_round(self.store)
        assert last is not None
        return canaries.judge(self.store, last, wanted, now_us=self.now_us)


@pytest.mark.parametrize("text", [RULES, MANY], ids=["with-and-without-memory", "counting"])
def test_each_rule_in_force_finds_its_canary_and_nobody_is_told(text: str) -> None:
    """Whatever would keep a real finding from being sent: experimental, learning, a limit."""
    here = Deployment(pack_of(text))
    wanted = canaries_of(here.pack)
    assert {one.rule for one in wanted.canaries} == {one.card.id for one in here.pack.correlations}
    report = here.take(canaries.begin(here.store, wanted, RUN, now_us=here.now_us))
    assert {one.routing for one in report.findings} == {"canary"}
    assert sorted(one.card.id for one in report.findings) == sorted(one.rule for one in wanted.canaries)
    assert here.sink.findings == []
    assert not here.store.due(now_us=here.now_us + DAY_US, limit=10)
    assert here.judged(wanted).silent == ()


def test_real_states_and_findings_are_the_same_with_canaries_as_without() -> None:
    """Byte by byte; and the events of a canary, were they real, are then found as if there had been none."""
    pack = pack_of()
    wanted = canaries_of(pack)
    plain, other = Deployment(pack), Deployment(pack)
    for run in (RUN, NEXT):
        other.take(canaries.begin(other.store, wanted, run, now_us=other.now_us))
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
    here.take(canaries.begin(here.store, wanted, RUN, now_us=here.now_us))
    verdict = here.judged(wanted)
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
    messages = canaries.begin(here.store, wanted, RUN, now_us=here.now_us)
    assert [one.stuck for one in here.judged(wanted).silent] == ["all"] * len(messages)
    here.take(messages)
    stuck = {one.canary.title: one.stuck for one in here.judged(wanted).silent}
    assert stuck == {"Asked thrice": "rule"}


def test_a_silent_rule_is_told_with_what_was_sent_and_no_value_of_it() -> None:
    wanted = canaries_of(pack_of(MANY))
    here = Deployment(pack_of(MANY))
    canaries.begin(here.store, wanted, RUN, now_us=here.now_us)
    told = [canaries.told(one, RUN) for one in here.judged(wanted).silent]
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
    messages = canaries.begin(here.store, wanted, RUN, now_us=here.now_us)
    first = here.take(messages)
    here.now_us += HOUR_US
    assert here.take(messages).findings == []
    assert len(first.findings) == len(wanted.canaries)
    again = here.take(canaries.begin(here.store, wanted, NEXT, now_us=here.now_us))
    assert {one.uid for one in again.findings}.isdisjoint(one.uid for one in first.findings)


def test_rows_of_canaries_go_after_three_days_and_no_other() -> None:
    here = Deployment(pack_of(MANY))
    wanted = canaries_of(here.pack)
    here.take(canaries.begin(here.store, wanted, RUN, now_us=here.now_us))
    here.pipeline.process([Delivery("real", [bytes(wanted.canaries[0].events)], here.now_us)])
    kept = {row.finding.uid for row in here.store.scan_findings(Query()) if row.finding.routing != "canary"}
    here.store.expire(now_us=here.now_us + EXPIRY_US + 1)
    assert {row.finding.uid for row in here.store.scan_findings(Query())} == kept != set()
    assert all(one.state.rule_id != canaries.CANARY for _, one in here.store.scan_states())


def sent_of(canaries_of: Canaries, **changes: int) -> canaries.Round:
    """A round of them that was handed over at once."""
    named = {"run": RUN, "pack": canaries_of.pack, "canaries": canaries.name_of(canaries_of)}
    blank = msgspec.convert(named, canaries.Round)
    return msgspec.structs.replace(blank, **({"sent_us": START_US, "given_us": START_US, "sent": 1} | changes))


@pytest.mark.parametrize(
    ("later_us", "pack", "changes", "judged"),
    [
        (JUDGED_AFTER_US - 1, "p", {}, False),
        (JUDGED_AFTER_US, "p", {}, True),
        (JUDGED_AFTER_US, "another", {}, False),
        (EXPIRY_US, "p", {}, False),
        (JUDGED_AFTER_US, "p", {"given_us": 0}, False),
        (HOUR_US, "p", {"given_us": START_US + HOUR_US - 1}, False),
        (JUDGED_AFTER_US, "p", {"sent": 0}, False),
    ],
    ids=["early", "in-time", "other-rules", "rows-gone", "not-sent", "sent-again", "empty"],
)
def test_a_round_is_judged_when_it_was_sent_had_time_and_its_rows_are_there(
    later_us: int, pack: str, changes: dict[str, int], *, judged: bool
) -> None:
    last = sent_of(Canaries("p"), **changes)
    assert canaries.waits(last, Canaries(pack), now_us=START_US + later_us) is judged


def test_a_round_that_was_well_is_not_judged_again_and_a_silent_one_is() -> None:
    """A queue that was slow makes a rule look silent: what comes later clears it."""
    last = sent_of(Canaries("p"), judged_us=START_US + HOUR_US)
    assert not canaries.waits(last, Canaries("p"), now_us=START_US + 2 * HOUR_US)
    late = msgspec.structs.replace(last, silent=["rule"], silent_number=1)
    assert canaries.waits(late, Canaries("p"), now_us=START_US + 2 * HOUR_US)


def test_the_next_round_is_sent_when_it_is_time_and_when_there_are_other_canaries() -> None:
    def due(last: canaries.Round, wanted: Canaries, later_us: int) -> bool:
        return canaries.due(last, wanted, now_us=START_US + later_us, every_us=2 * DAY_US)

    wanted = canaries_of(pack_of(MANY))
    last = sent_of(wanted)
    assert not due(last, wanted, 47 * HOUR_US)
    assert due(last, wanted, 2 * DAY_US - 60_000_000), "a schedule that comes a little early"
    assert due(last, Canaries("other"), HOUR_US)
    assert due(last, Canaries(wanted.pack), HOUR_US), "of the same rules"
    assert due(sent_of(wanted, given_us=0), wanted, DAY_US), "what could not be sent in a day is not sent any more"


@dataclass
class Calls:
    """The hourly calls of a function that sends canaries once a day."""

    here: Deployment
    wanted: Canaries
    number: int = 0

    def call(self, *, settled: bool = True, taken: bool = True) -> canaries.Outgoing | None:
        """One, an hour later: what it was to send, which was ``taken`` or not."""
        self.number += 1
        self.here.now_us += HOUR_US
        run, now_us = f"{self.number:032x}", self.here.now_us
        canaries.looked_for(self.here.store, self.wanted, now_us=now_us)
        out = canaries.outgoing(self.here.store, self.wanted, run, now_us=now_us, every_us=DAY_US, settled=settled)
        if out is not None and taken:
            canaries.given(self.here.store, out.run, now_us=now_us)
        return out


@pytest.fixture
def calls() -> Calls:
    pack = pack_of(MANY)
    return Calls(Deployment(pack), canaries_of(pack))


def test_rules_that_may_not_run_everywhere_yet_are_not_looked_at(calls: Calls) -> None:
    """Neither on the first day, nor when they change, nor when a day is over."""
    assert calls.call(settled=False) is None
    out = calls.call()
    assert out is not None
    calls.here.take(out.messages)
    calls.wanted = replaced(calls.wanted, pack="other")
    assert calls.call(settled=False) is None
    assert calls.call() is not None


def replaced(one: Canaries, **changes: str) -> Canaries:
    return msgspec.structs.replace(one, **changes)


def test_a_round_that_was_not_taken_is_sent_again_by_the_next_call_under_its_name(calls: Calls) -> None:
    first = calls.call(taken=False)
    again = calls.call()
    assert first is not None
    assert first == again
    calls.here.take([*first.messages, *again.messages])
    assert calls.call() is None
    row = canaries.last_round(calls.here.store)
    assert row is not None
    assert (row.run, row.silent_number, bool(row.judged_us)) == (first.run, 0, True)


def test_a_round_of_which_nothing_came_is_sent_again_until_it_comes(calls: Calls) -> None:
    """What a host was given and could not send looks like that; so does a way that was broken and is mended."""
    sent = [calls.call() for _ in range(3)]
    assert sent[0] is not None
    assert sent[0] == sent[1] == sent[2]
    calls.here.take(sent[0].messages)
    assert [calls.call() for _ in range(2)] == [None, None]
    row = canaries.last_round(calls.here.store)
    assert row is not None
    assert row.silent_number == 0


def test_what_was_begun_by_another_call_is_not_marked_as_sent(calls: Calls) -> None:
    calls.call(taken=False)
    canaries.given(calls.here.store, NEXT, now_us=calls.here.now_us)
    row = canaries.last_round(calls.here.store)
    assert row is not None
    assert row.given_us == 0


def test_an_empty_round_is_sent_once_and_never_found_well(calls: Calls) -> None:
    calls.wanted = Canaries("p")
    assert [bool(one and not one.messages) for one in (calls.call(), calls.call())] == [True, False]
    row = canaries.last_round(calls.here.store)
    assert row is not None
    assert row.judged_us == 0


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


def test_a_judgement_does_not_overwrite_a_round_that_another_call_began() -> None:
    here, wanted = Deployment(pack_of()), canaries_of(pack_of())
    canaries.begin(here.store, wanted, RUN, now_us=here.now_us)
    first = canaries.last_round(here.store)
    canaries.begin(here.store, wanted, NEXT, now_us=here.now_us)
    assert first is not None
    canaries.judge(here.store, first, wanted, now_us=here.now_us + HOUR_US)
    row = canaries.last_round(here.store)
    assert row is not None
    assert (row.run, row.judged_us) == (NEXT, 0)


def test_the_same_rules_give_the_same_bytes_which_are_read_back() -> None:
    data = dump(canaries_of(pack_of()))
    assert data == dump(canaries_of(pack_of())) == dump(load(data))


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
