"""Key states at their bounds: reduced, trimmed, full, flooded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firstseen.correlations.sightings import MAX_SIGHTINGS, MAX_SPARE_SIGHTINGS
from firstseen.correlations.step import MAX_RELATED, Hit, step
from firstseen.findings.finding import finding_uid, late_uid
from firstseen.language.rules import DAY_US, HOUR_US, Card, Correlation, CorrelationType, Member, When
from firstseen.store.state import MAX_EPISODES, Episode, KeyState

KEY = "0" * 32
BLANK = KeyState("rule", "fingerprint", ("111122223333",), ("ada",))
MINUTE_US = HOUR_US // 60


def rule(kind: CorrelationType = "new_terms", *, members: int = 1, count: int = 1, when: When = "any") -> Correlation:
    return Correlation(
        Card("rule", "a rule"),
        kind,
        tuple(Member(f"base{n}") for n in range(members)),
        "fingerprint",
        timespan_us=0 if kind == "match" else HOUR_US,
        count=count,
        when=when,
    )


def test_a_first_hit_makes_a_state_that_carries_the_key() -> None:
    stepped = step(rule(), KEY, BLANK, None, [Hit(DAY_US, "a")])
    uid = finding_uid(KEY, 0)
    assert stepped.state == replace(BLANK, generation=1, last_us=DAY_US, episodes=(Episode(DAY_US, DAY_US, uid),))
    assert stepped.changed
    assert [one.uid for one in stepped.openings] == [uid]


def test_no_hits_change_nothing() -> None:
    assert not step(rule(), KEY, BLANK, None, []).changed
    assert not step(rule("event_count"), KEY, BLANK, None, []).changed
    assert not step(rule("match"), KEY, BLANK, None, []).changed


def test_pending_findings_are_passed_on() -> None:
    state = replace(BLANK, pending=("a", "b"))
    assert step(rule(), KEY, BLANK, state, [Hit(DAY_US, "a")]).state.pending == ("a", "b")


def test_a_hit_within_the_lag_is_not_worth_a_write() -> None:
    state = step(rule(), KEY, BLANK, None, [Hit(DAY_US, "a")]).state
    lag_us = HOUR_US // 24
    assert not step(rule(), KEY, BLANK, state, [Hit(DAY_US + lag_us, "b")]).changed
    assert step(rule(), KEY, BLANK, state, [Hit(DAY_US + lag_us + 1, "b")]).changed
    assert step(rule(), KEY, BLANK, state, [Hit(DAY_US - 1, "b")]).changed


class TestAKeyThatWasReducedToGenerationAndLastSeen:
    """What ``forget`` leaves of a key that opened episodes."""

    STATE = replace(BLANK, generation=3, last_us=5 * DAY_US)

    def test_goes_on_with_its_generation_and_knows_when_it_was_last_seen(self) -> None:
        (opening,) = step(rule(), KEY, BLANK, self.STATE, [Hit(6 * DAY_US, "a")]).openings
        assert opening.uid == finding_uid(KEY, 3)
        assert opening.last_seen_us == 5 * DAY_US

    @pytest.mark.parametrize("offset_us", [-HOUR_US, 0, HOUR_US])
    def test_opens_nothing_within_the_timespan_of_its_last_sighting(self, offset_us: int) -> None:
        stepped = step(rule(), KEY, BLANK, self.STATE, [Hit(5 * DAY_US + offset_us, "a")])
        assert not stepped.openings
        assert stepped.state.generation == 3

    def test_takes_an_older_event_as_late(self) -> None:
        (opening,) = step(rule(), KEY, BLANK, self.STATE, [Hit(DAY_US, "a")]).openings
        assert opening.late
        assert opening.uid == late_uid(KEY, "a")

    def test_is_not_new_to_a_rule_about_what_was_never_seen(self) -> None:
        assert not step(rule(when="never"), KEY, BLANK, self.STATE, [Hit(6 * DAY_US, "a")]).openings


class TestAKeyWithAllTheEpisodesThatAreKept:
    HITS = tuple(Hit(n * DAY_US, f"e{n}") for n in range(1, MAX_EPISODES + 2))

    def state(self) -> KeyState:
        return step(rule(), KEY, BLANK, None, self.HITS).state

    def test_lets_go_of_the_oldest_and_of_no_finding(self) -> None:
        stepped = step(rule(), KEY, BLANK, None, self.HITS)
        assert len(stepped.openings) == MAX_EPISODES + 1
        assert [one.start_us for one in stepped.state.episodes] == [hit.time_us for hit in self.HITS[1:]]

    def test_reports_what_is_older_by_its_event_and_does_not_keep_it(self) -> None:
        before = self.state()
        stepped = step(rule(), KEY, BLANK, before, [self.HITS[0]])
        assert [(one.uid, one.late) for one in stepped.openings] == [(late_uid(KEY, "e1"), True)]
        assert stepped.state == before
        assert stepped.changed, "the finding has to be written, so the step must ask for a commit"

    def test_keeps_generations_apart(self) -> None:
        (opening,) = step(rule(), KEY, BLANK, self.state(), [Hit(400 * DAY_US, "z")]).openings
        assert opening.uid == finding_uid(KEY, MAX_EPISODES + 1)


class TestARuleWithoutMemory:
    def test_reports_an_operation_once_for_the_event_that_came_first_in_event_time(self) -> None:
        stepped = step(rule("match"), KEY, BLANK, None, [Hit(2 * DAY_US, "end"), Hit(DAY_US, "start")])
        assert [one.hit.event_id for one in stepped.openings] == ["start"]
        again = step(rule("match"), KEY, BLANK, stepped.state, [Hit(3 * DAY_US, "other")])
        assert not again.openings
        assert not again.changed


class TestEventsOfOneOperation:
    def test_count_once(self) -> None:
        """The value of an ``event_count``'s hit is its operation."""
        hits = [Hit(DAY_US + n, f"e{n}", value="operation") for n in range(5)]
        assert not step(rule("event_count", count=2), KEY, BLANK, None, hits).openings
        assert step(rule("event_count", count=2), KEY, BLANK, None, [*hits, Hit(DAY_US + 9, "x")]).openings


class TestAFlood:
    """More events within 2 S than a key's log holds."""

    @staticmethod
    def flood(kind: CorrelationType) -> list[Hit]:
        value = "often" if kind == "value_count" else ""
        start_us = DAY_US + MINUTE_US
        return [Hit(start_us + n, f"flood-{n:06d}", 0, value) for n in range(4 * MAX_SIGHTINGS)]

    def test_goes_on_counting_beyond_what_the_log_holds(self) -> None:
        hits = self.flood("event_count")
        asked = rule("event_count", count=len(hits))
        assert not step(asked, KEY, BLANK, None, hits[:-1]).openings
        (opening,) = step(asked, KEY, BLANK, None, hits).openings
        assert opening.overflowed
        assert len(opening.related) == MAX_RELATED
        assert opening.related_more == len(hits) - MAX_RELATED

    def test_stops_counting_what_has_left_the_window(self) -> None:
        hits = self.flood("event_count")
        state = step(rule("event_count", count=5000), KEY, BLANK, None, hits).state
        after = step(rule("event_count", count=5000), KEY, BLANK, state, [Hit(9 * DAY_US, "z")]).state
        assert after.cut == ()
        assert len(after.sightings) <= MAX_SPARE_SIGHTINGS
        assert after.dropped == state.dropped > 0

    def test_of_one_value_does_not_hide_a_rare_one_nor_make_one_up(self) -> None:
        asked = rule("value_count", count=3)
        first = Hit(DAY_US, "first", value="rare")
        hits = self.flood("value_count")
        stepped = step(asked, KEY, BLANK, None, [first, *hits])
        assert not stepped.openings
        assert stepped.state.dropped
        last = Hit(DAY_US + 30 * MINUTE_US, "last", value="other")
        assert [one.hit for one in step(asked, KEY, BLANK, stepped.state, [last]).openings] == [last]

    @pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
    def test_of_one_step_does_not_hide_the_steps_before_it(self, kind: CorrelationType) -> None:
        asked = rule(kind, members=4)
        steps = [Hit(DAY_US, "one", 0), Hit(DAY_US + 1, "two", 1)]
        noise = [replace(hit, member=n % 2) for n, hit in enumerate(self.flood(kind))]
        stepped = step(asked, KEY, BLANK, None, [*steps, *noise])
        assert stepped.state.dropped
        assert not stepped.openings
        rest = [Hit(DAY_US + 30 * MINUTE_US, "three", 2), Hit(DAY_US + 31 * MINUTE_US, "four", 3)]
        assert [one.hit for one in step(asked, KEY, BLANK, stepped.state, rest).openings] == [rest[1]]

    def test_of_a_later_step_keeps_a_chain_whose_beginning_is_old(self) -> None:
        asked = rule("temporal_ordered", members=3)
        hits = [Hit(DAY_US, "one", 0), *(replace(hit, member=1) for hit in self.flood("temporal_ordered"))]
        state = step(asked, KEY, BLANK, None, hits).state
        assert state.dropped
        (opening,) = step(asked, KEY, BLANK, state, [Hit(DAY_US + HOUR_US - 1, "three", 2)]).openings
        assert {one.member for one in opening.related[:3]} == {0, 1, 2}


def test_long_ids_and_values_are_kept_short_and_stay_distinct() -> None:
    asked = rule("value_count", count=2)
    one, other = (Hit(DAY_US, "e" * 500 + end, value="v" * 10_000 + end) for end in "ab")
    stepped = step(asked, KEY, BLANK, None, [one])
    assert not step(asked, KEY, BLANK, stepped.state, [one]).changed
    (opening,) = step(asked, KEY, BLANK, stepped.state, [other]).openings
    assert opening.related[0].event_id == other.event_id
    assert all(len(kept.value) <= 64 for kept in stepped.state.sightings)


def test_a_merge_goes_on_as_the_earlier_episode() -> None:
    early, late = Hit(DAY_US, "a"), Hit(DAY_US + 2 * HOUR_US, "b")
    state = step(rule(), KEY, BLANK, None, [early, late]).state
    assert [one.uid for one in state.episodes] == [finding_uid(KEY, 0), finding_uid(KEY, 1)]
    merged = step(rule(), KEY, BLANK, state, [Hit(DAY_US + HOUR_US, "c")]).state
    assert merged.episodes == (Episode(early.time_us, late.time_us, finding_uid(KEY, 0)),)
    assert merged.generation == 2
