"""Rounds of canaries: when one is sent, what is sent of it again, when it is judged, and who counts as silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from firstseen.cli.canarying import canaries_of
from firstseen.findings import canaries
from firstseen.findings.canaries import EXPIRY_US, JUDGED_AFTER_US, Wanted
from firstseen.findings.times import HOUR_US
from firstseen.language.canaries import Canaries
from firstseen.pipeline import Pipeline
from firstseen.store.store import Query, StoredState
from tests.faults.world import START_US
from tests.unit.canary_deployment import DAY_US, MANY, NEXT, RUN, Deployment, pack_of


def sent_of(canaries_of: Canaries, **changes: int) -> canaries.Round:
    """A round of them that was handed over at once."""
    named = {"run": RUN, "pack": canaries_of.pack, "canaries": Wanted(canaries_of).name}
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
    assert canaries.waits(last, Wanted(Canaries(pack)), now_us=START_US + later_us) is judged


def test_a_round_that_was_well_is_not_judged_again_and_a_silent_one_is() -> None:
    """A queue that was slow makes a rule look silent: what comes later clears it."""
    last = sent_of(Canaries("p"), judged_us=START_US + HOUR_US)
    assert not canaries.waits(last, Wanted(Canaries("p")), now_us=START_US + 2 * HOUR_US)
    late = msgspec.structs.replace(last, silent=["rule"], silent_number=1)
    assert canaries.waits(late, Wanted(Canaries("p")), now_us=START_US + 2 * HOUR_US)


def test_the_next_round_is_sent_when_it_is_time_and_when_there_are_other_canaries() -> None:
    def due(last: canaries.Round, wanted: Canaries, later_us: int) -> bool:
        return canaries.due(last, Wanted(wanted), now_us=START_US + later_us, every_us=2 * DAY_US)

    wanted = canaries_of(pack_of(MANY))
    last = sent_of(wanted)
    assert not due(last, wanted, 47 * HOUR_US)
    assert due(last, wanted, 2 * DAY_US - 60_000_000), "a schedule that comes a little early"
    assert due(last, Canaries("other"), HOUR_US)
    assert due(last, Canaries(wanted.pack), HOUR_US), "of the same rules"
    assert due(last, wanted, -2 * DAY_US), "a clock that was wrong when it was sent"
    assert not due(last, wanted, -60_000_000), "a clock that is a little behind"
    assert due(sent_of(wanted, given_us=0), wanted, DAY_US), "what could not be sent in a day is not sent any more"


@dataclass
class Calls:
    """The hourly calls of a function that sends canaries once a day."""

    here: Deployment
    wanted: Canaries
    every_us: int = DAY_US
    number: int = 0
    told: list[list[str]] = field(default_factory=list)

    def call(self, *, settled: bool = True, taken: bool = True, since: str = "") -> canaries.Outgoing | None:
        """One, an hour later: what it was to send, which was ``taken`` or not. Rules are in force ``since``."""
        self.number += 1
        self.here.now_us += HOUR_US
        run, now_us, every_us = f"{self.number:032x}", self.here.now_us, self.every_us
        wanted = Wanted(self.wanted, since=since, settled=settled)
        verdict = canaries.looked_for(self.here.store, wanted, now_us=now_us)
        self.told.append([one.canary.title for one in verdict.silent] if verdict else [])
        out = canaries.outgoing(self.here.store, wanted, run, now_us=now_us, every_us=every_us)
        if out is not None and taken:
            canaries.given(self.here.store, out.run, now_us=now_us)
        return out

    def row(self) -> canaries.Round:
        found = canaries.last_round(self.here.store)
        assert found is not None
        return found


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


def test_the_rest_of_a_round_that_was_half_sent_is_sent_by_the_next_call_and_nothing_is_silent() -> None:
    """What took the first half may have said that it took all. What came in time is neither sent nor found again."""
    pack = pack_of()
    calls = Calls(Deployment(pack), canaries_of(pack))
    first = calls.call()
    assert first is not None
    half = first.messages[:2]
    assert len(first.messages) == 3
    calls.here.take(half)
    rest = calls.call()
    assert rest == canaries.Outgoing(first.run, first.messages[2:])
    calls.here.take(rest.messages)
    assert [calls.call(), calls.call()] == [None, None]
    assert calls.told == [[]] * 4
    assert (calls.row().run, calls.row().silent_number, bool(calls.row().judged_us)) == (first.run, 0, True)
    assert len(list(calls.here.store.scan_findings(Query()))) == 3


def test_what_was_not_seen_twice_is_silent_and_goes_on_to_be_sent_until_it_comes() -> None:
    pack = pack_of()
    calls = Calls(Deployment(pack), canaries_of(pack))
    sent = [calls.call()]
    assert sent[0] is not None
    calls.here.take(sent[0].messages[:2])
    sent += [calls.call() for _ in range(3)]
    assert [len(one.messages) for one in sent if one] == [3, 1, 1, 1]
    (title,) = calls.told[-1]
    assert calls.told == [[], [], [title], [title]]
    assert sent[3] is not None
    calls.here.take(sent[3].messages)
    assert calls.call() is None
    assert calls.told[-1] == []


@pytest.mark.parametrize("every_us", [HOUR_US, 6 * HOUR_US, DAY_US, 7 * DAY_US])
def test_a_rule_that_stays_silent_is_told_in_each_hour_from_the_second_look_on(every_us: int) -> None:
    """Also when the next round begins: an alarm that ended each day would call somebody each day."""
    pack = pack_of()
    calls = Calls(Deployment(pack), canaries_of(pack), every_us)
    for _ in range(80):
        if (out := calls.call()) is not None:
            calls.here.take([one for one in out.messages if calls.wanted.canaries[0].rule.encode() not in one])
    assert calls.told[:2] == [[], []]
    assert calls.told[2:] == [[calls.wanted.canaries[0].title]] * 78


def test_a_round_is_not_judged_by_what_others_rules_made_of_it_before_they_were_rolled_back(calls: Calls) -> None:
    """A, B, A within the hour. Canaries and version are the first ones again, and B had what was sent; B made of one
    that it matched and found nothing. Another round is sent when A runs everywhere.
    """
    first = calls.call(since="2026-03-02T00:00:00Z")
    assert first is not None
    pack = calls.here.pack
    other = replace(pack, correlations=tuple(replace(one, count=9) for one in pack.correlations))
    between = Pipeline(other, calls.here.store, calls.here.sink, owner="b", clock=lambda: calls.here.now_us)
    calls.here.pipeline, a = between, calls.here.pipeline
    calls.here.take(first.messages)
    calls.here.pipeline = a
    back = "2026-03-02T01:40:00Z"
    assert calls.call(since=back, settled=False) is None
    second = calls.call(since=back)
    assert second is not None
    assert second.run != first.run
    calls.here.take(second.messages)
    assert calls.call(since=back) is None
    assert calls.told == [[]] * 4
    assert calls.row().judged_us


def test_what_comes_while_it_is_looked_for_is_not_found_silent() -> None:
    """Between the look for findings and the look for states: then the state is there, and the finding was not."""
    here = Deployment(pack_of(MANY))
    wanted = canaries_of(here.pack)
    messages = canaries.begin(here.store, Wanted(wanted), RUN, now_us=here.now_us)
    real, turns = here.store.read, [messages]

    def read(keys: Sequence[str], *, consistent: bool = False) -> Mapping[str, StoredState]:
        if turns:
            here.take(turns.pop())
        return real(keys, consistent=consistent)

    here.store.read = read  # type: ignore[method-assign]
    assert here.judged(wanted) == canaries.Verdict(RUN, 1, (), unsure=0)


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


def test_a_judgement_does_not_overwrite_a_round_that_another_call_began() -> None:
    here, wanted = Deployment(pack_of()), canaries_of(pack_of())
    canaries.begin(here.store, Wanted(wanted), RUN, now_us=here.now_us)
    first = canaries.last_round(here.store)
    canaries.begin(here.store, Wanted(wanted), NEXT, now_us=here.now_us)
    assert first is not None
    canaries.judge(here.store, first, wanted, now_us=here.now_us + HOUR_US)
    row = canaries.last_round(here.store)
    assert row is not None
    assert (row.run, row.judged_us) == (NEXT, 0)
