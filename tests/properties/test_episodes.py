"""Episodes, stepped in any order, against their definition (``docs/episodes.md``)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firstseen.correlations.sightings import MAX_LOG_BYTES, MAX_SIGHTINGS
from firstseen.correlations.step import Hit, Opening, step
from firstseen.language.rules import Card, Correlation, CorrelationType, Member
from firstseen.store.state import MAX_EPISODES, KeyState, dump, load
from tests.properties.episodes_oracle import episodes, gaps

S = 2400
LAG = S // 24
KEY = "0" * 32
BLANK = KeyState("rule", "fingerprint")
TYPES: tuple[CorrelationType, ...] = (
    "new_terms",
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
)


@dataclass
class Stream:
    """One key's life: the state after every batch so far, and what opened."""

    correlation: Correlation
    state: KeyState | None = None
    opened: dict[str, Opening] = field(default_factory=dict)
    openings: int = 0

    def take(self, batch: Sequence[Hit], between: Callable[[KeyState], KeyState] = lambda state: state) -> bool:
        before = self.state if self.state is None else between(self.state)
        stepped = step(self.correlation, KEY, BLANK, before, batch)
        for one in stepped.openings:
            self.opened.setdefault(one.uid, one)
        self.openings += len(stepped.openings)
        self.state = stepped.state
        return stepped.changed

    @property
    def known(self) -> KeyState:
        assert self.state is not None
        return self.state


@st.composite
def correlations(draw: st.DrawFn, types: Sequence[CorrelationType] = TYPES) -> Correlation:
    kind = draw(st.sampled_from(types))
    members = draw(st.integers(1, 3)) if kind.startswith("temporal") else 1
    count = draw(st.integers(1, 4)) if kind.endswith("_count") else 1
    return Correlation(
        Card("rule", "a rule"),
        kind,
        tuple(Member(f"base{n}") for n in range(members)),
        "fingerprint",
        timespan_us=S,
        count=count,
    )


VALUES: dict[str, list[str]] = {
    "value_count": ["a", "b", "c", "d"],
    "event_count": ["", "", "o1", "o2", "o3"],
}


def hits_of(correlation: Correlation, most: int) -> st.SearchStrategy[list[Hit]]:
    """Times at multiples of S / 48, so that equal times, the lag and the edges of windows all happen.

    Either anywhere, or in clusters that are more than S apart: there the guarantee's bounds hold most of
    the time. An event has one time; an operation (the value of an ``event_count``'s hit) may have several.
    """

    def hit(place: int, number: int, member: int, value: str) -> Hit:
        return Hit(10 * S + place * S // 48, f"e{place}-{number}", member, value)

    def at(places: st.SearchStrategy[int]) -> st.SearchStrategy[Hit]:
        member = st.integers(0, len(correlation.members) - 1)
        value = st.sampled_from(VALUES.get(correlation.type, [""]))
        return st.builds(hit, places, st.integers(0, 2), member, value)

    anywhere = st.one_of(st.integers(0, 48 * 12), st.integers(0, 96))
    clustered = st.builds(lambda cluster, inner: 110 * cluster + inner, st.integers(0, 3), st.integers(0, 30))
    return st.one_of(
        st.lists(at(anywhere), min_size=1, max_size=most), st.lists(at(clustered), min_size=1, max_size=most)
    )


@st.composite
def runs(draw: st.DrawFn, most: int = 24, types: Sequence[CorrelationType] = TYPES) -> tuple[Correlation, list[Hit]]:
    correlation = draw(correlations(types))
    return correlation, draw(hits_of(correlation, most))


def disordered(hits: Sequence[Hit], disorder_us: int, chance: random.Random) -> list[Hit]:
    """An order in which nothing comes after something that is ``disorder_us`` or more newer.

    Sorting by time plus a delay below D does it: what is D newer is sorted behind, whatever the delays.
    """
    return sorted(hits, key=lambda hit: hit.time_us + chance.uniform(0, 0.999) * disorder_us)


def batches(hits: Sequence[Hit], chance: random.Random) -> list[list[Hit]]:
    found, rest = [], list(hits)
    while rest:
        size = chance.randint(1, 6)
        found.append(rest[:size])
        rest = rest[size:]
    return found


def settled(correlation: Correlation, hits: Sequence[Hit], disorder_us: int) -> bool:
    """No true gap lies in (S − D − S/24, S]."""
    return not any(S - disorder_us - LAG < gap <= S for gap in gaps(correlation, hits))


@given(runs())
def test_in_order_and_one_by_one_the_findings_are_the_episodes_of_the_definition(
    run: tuple[Correlation, list[Hit]],
) -> None:
    correlation, hits = run
    assume(settled(correlation, hits, 0))
    stream = Stream(correlation)
    for hit in sorted(hits, key=lambda one: one.time_us):
        stream.take([hit])
    spans = episodes(correlation, hits)
    assert sorted(stream.opened) == sorted(f"{KEY}-{n}" for n in range(len(spans)))
    assert [one.start_us for one in stream.known.episodes] == [start for start, _ in spans]
    for kept, (_, end) in zip(stream.known.episodes, spans, strict=True):
        assert end - LAG <= kept.end_us <= end


@given(runs(), st.one_of(st.integers(1, S), st.integers(1, S // 2)), st.integers())
@settings(max_examples=500)
def test_within_the_bounds_of_the_guarantee_any_order_and_any_batches_give_the_same_ids(
    run: tuple[Correlation, list[Hit]], disorder_us: int, seed: int
) -> None:
    correlation, hits = run
    assume(settled(correlation, hits, disorder_us))
    chance = random.Random(seed)
    wanted = {f"{KEY}-{n}" for n in range(len(episodes(correlation, hits)))}
    copies = [*hits, *(hit for hit in hits if chance.random() < 0.3)]
    stream = Stream(correlation)
    for batch in batches(disordered(copies, disorder_us, chance), chance):
        stream.take(batch)
    assert set(stream.opened) == wanted
    assert stream.openings == len(wanted)
    assert not any(one.late for one in stream.opened.values())


@given(runs(), st.integers())
@settings(max_examples=400)
def test_without_bounds_no_episode_of_the_definition_goes_without_a_finding(
    run: tuple[Correlation, list[Hit]], seed: int
) -> None:
    correlation, hits = run
    chance = random.Random(seed)
    chance.shuffle(hits)
    stream = Stream(correlation)
    for batch in batches(hits, chance):
        stream.take(batch)
    kept, spans = stream.known.episodes, episodes(correlation, hits)
    assert len(stream.opened) >= len(spans)
    for start, end in spans:
        found = [one for one in kept if one.start_us <= end and start <= one.end_us + LAG]
        assert found
        assert all(one.uid in stream.opened for one in found)


@given(runs(), st.integers())
def test_stepping_the_same_hits_again_changes_nothing(run: tuple[Correlation, list[Hit]], seed: int) -> None:
    correlation, hits = run
    chance = random.Random(seed)
    chance.shuffle(hits)
    stream = Stream(correlation)
    for batch in batches(hits, chance):
        stream.take(batch)
        before, openings = stream.known, stream.openings
        assert not stream.take(batch)
        assert stream.known == before
        assert stream.openings == openings


@given(runs(), st.integers())
def test_a_batch_is_its_hits_one_by_one_in_event_time_order(run: tuple[Correlation, list[Hit]], seed: int) -> None:
    correlation, hits = run
    chance = random.Random(seed)
    chance.shuffle(hits)
    whole, single = Stream(correlation), Stream(correlation)
    for batch in batches(hits, chance):
        whole.take(batch)
        for hit in sorted(batch, key=lambda one: (one.time_us, one.event_id, one.member, one.value)):
            single.take([hit])
        assert whole.state == single.state
    assert whole.opened == single.opened


@given(runs(), st.integers())
def test_a_state_that_is_written_and_read_between_any_two_steps_steps_the_same(
    run: tuple[Correlation, list[Hit]], seed: int
) -> None:
    correlation, hits = run
    chance = random.Random(seed)
    chance.shuffle(hits)
    kept, stored = Stream(correlation), Stream(correlation)
    for batch in batches(hits, chance):
        kept.take(batch)
        stored.take(batch, between=lambda state: load(dump(state)))
        assert kept.state == stored.state
    assert kept.opened == stored.opened


@given(runs(), st.integers())
def test_kept_episodes_are_in_order_and_apart(run: tuple[Correlation, list[Hit]], seed: int) -> None:
    correlation, hits = run
    chance = random.Random(seed)
    chance.shuffle(hits)
    stream = Stream(correlation)
    for batch in batches(hits, chance):
        stream.take(batch)
        kept = stream.known.episodes
        assert all(one.start_us <= one.end_us for one in kept)
        assert all(later.start_us - earlier.end_us > S for earlier, later in pairwise(kept))
        assert len({one.uid for one in kept}) == len(kept)


@given(runs(types=["new_terms"]), st.integers())
def test_when_parts_the_openings_of_new_terms_in_two(run: tuple[Correlation, list[Hit]], seed: int) -> None:
    """The state does not depend on ``when``; ``never`` and ``returning`` together report what ``any``
    does.
    """
    correlation, hits = run
    chance = random.Random(seed)
    chance.shuffle(hits)
    every = Stream(correlation)
    first, others = (Stream(replace(correlation, when=when)) for when in ("never", "returning"))
    for batch in batches(hits, chance):
        for stream in (every, first, others):
            stream.take(batch)
    assert every.state == first.state == others.state
    assert set(first.opened) == {f"{KEY}-0"}
    assert set(others.opened) == set(every.opened) - set(first.opened)


@pytest.mark.parametrize("kind", TYPES)
@given(seed=st.integers())
@settings(max_examples=3, deadline=None)
def test_a_state_stays_bounded_whatever_floods_it(kind: CorrelationType, seed: int) -> None:
    chance = random.Random(seed)
    correlation = Correlation(
        Card("rule", "a rule"), kind, (Member("a"), Member("b")), "fingerprint", timespan_us=10 * S, count=300
    )
    stream = Stream(correlation)
    number = 0
    for _ in range(6):
        batch = []
        for _ in range(400):
            number += 1
            at = 10 * S + chance.randint(0, 20 * S) + chance.choice([0, 0, 0, 100 * S])
            value = "\x00é" * chance.randint(0, 40) + str(number)
            batch.append(Hit(at, f"event-{number}" * chance.randint(1, 9), number % 2, value))
        stream.take(batch)
        state = stream.known
        assert len(state.sightings) <= MAX_SIGHTINGS
        assert len(state.episodes) <= MAX_EPISODES
        assert len(state.cut) <= 24 * 3
        assert len(dump(replace(state, episodes=()))) <= MAX_LOG_BYTES + 4096


@given(st.integers(5, 4000), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_a_flood_in_order_opens_exactly_when_the_count_is_reached(count: int, share: int) -> None:
    """However small the log is beside the number that the rule counts to."""
    correlation = Correlation(
        Card("rule", "a rule"),
        "event_count",
        (Member("a"),),
        "fingerprint",
        timespan_us=24 * 10**6,
        count=count,
    )
    stream = Stream(correlation)
    hits = [Hit(10**9 + n, f"event-{n:030d}") for n in range(count)]
    size = max(1, count // share // 3)
    for start in range(0, count - 1, size):
        stream.take(hits[start : min(start + size, count - 1)])
        assert not stream.opened
    stream.take(hits[-1:])
    assert [one.hit for one in stream.opened.values()] == [hits[-1]]
    (opening,) = stream.opened.values()
    assert len(opening.related) + opening.related_more == count
    assert opening.overflowed == (stream.known.dropped > 0)
