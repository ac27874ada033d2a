"""Rows: key states on their way into bytes and back, and what every store decides alike."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.errors import StoreUnusable
from firstseen.findings import finding as findings
from firstseen.findings.finding import Finding
from firstseen.language.rules import Card
from firstseen.store import rows, state
from firstseen.store.state import MAX_EPISODES, MAX_PENDING, Episode, KeyState, Sighting

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates, too
INTEGER = st.integers(-(2**63), 2**63 - 1)


def states(text: st.SearchStrategy[str]) -> st.SearchStrategy[KeyState]:
    return st.builds(
        KeyState,
        rule_id=text,
        fingerprint=text,
        group=st.lists(text, max_size=3).map(tuple),
        terms=st.lists(text, max_size=3).map(tuple),
        generation=INTEGER,
        last_us=INTEGER,
        episodes=st.lists(st.builds(Episode, INTEGER, INTEGER, text), max_size=4).map(tuple),
        sightings=st.lists(st.builds(Sighting, INTEGER, text, INTEGER, text), max_size=4).map(tuple),
        dropped=INTEGER,
        pending=st.lists(text, max_size=3).map(tuple),
        cut=st.lists(st.tuples(INTEGER, INTEGER), max_size=3).map(tuple),
    )


@given(states(TEXT))
def test_a_state_survives_its_bytes(one: KeyState) -> None:
    assert state.load(state.dump(one)) == one
    assert rows.state_bytes(one) == state.dump(one)


@given(states(ANY_TEXT))
def test_a_state_of_any_text_is_stored_and_differs_only_in_lone_surrogates(one: KeyState) -> None:
    assert state.load(rows.state_bytes(one)) == mended(one)


def mended(one: KeyState) -> KeyState:
    """Each text with U+FFFD for lone surrogates, written out by hand."""
    return replace(
        one,
        rule_id=rows.whole_text(one.rule_id),
        fingerprint=rows.whole_text(one.fingerprint),
        group=tuple(map(rows.whole_text, one.group)),
        terms=tuple(map(rows.whole_text, one.terms)),
        episodes=tuple(replace(each, uid=rows.whole_text(each.uid)) for each in one.episodes),
        sightings=tuple(
            replace(each, event_id=rows.whole_text(each.event_id), value=rows.whole_text(each.value))
            for each in one.sightings
        ),
        pending=tuple(map(rows.whole_text, one.pending)),
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"[1]", b"\xff", b'[1,"r","f",[],[],0,0,[],[],0,[],[],"more"]', b'["1"]'],
)
def test_bytes_that_are_no_state_are_unusable_and_never_a_new_key(data: bytes) -> None:
    with pytest.raises(StoreUnusable, match="cannot be read"):
        state.load(data)


def test_a_cut_off_state_is_unusable() -> None:
    whole = state.dump(KeyState("rule", "f", episodes=(Episode(1, 2, "uid"),)))
    for end in range(len(whole)):
        with pytest.raises(StoreUnusable):
            state.load(whole[:end])


@pytest.mark.parametrize("version", [0, state.STATE_FORMAT + 1])
def test_a_state_of_another_format_is_unusable_and_says_so(version: int) -> None:
    row = orjson.loads(state.dump(KeyState("rule", "f")))
    with pytest.raises(StoreUnusable, match=f"format {version}"):
        state.load(orjson.dumps([version, *row[1:]]))


def test_the_largest_state_without_sightings_fits_a_row_of_every_store() -> None:
    """Sightings have a bound of their own; the rest must leave them room in Table Storage's 64 KiB."""
    uid = "f" * 32 + "-e" + "f" * 16
    full = KeyState(
        rule_id="r" * 256,
        fingerprint="f" * 64,
        group=("g" * 256,) * 3,
        terms=("t" * 256,) * 3,
        episodes=(Episode(2**52, 2**52, uid),) * MAX_EPISODES,
        pending=(uid,) * MAX_PENDING,
    )
    assert len(state.dump(full)) < 16_000


def test_marked_findings_leave_the_pending_list_in_order() -> None:
    one = KeyState("rule", "f", pending=("a", "b", "c"))
    assert rows.without_pending(one, {"b", "x"}).pending == ("a", "c")
    assert rows.without_pending(one, {"x"}) is one


def test_a_reduced_state_keeps_generation_last_seen_and_what_is_to_be_sent() -> None:
    one = KeyState(
        "rule",
        "f",
        ("g",),
        ("t",),
        5,
        10,
        (Episode(1, 30, "u"), Episode(2, 20, "v")),
        (Sighting(1, "e"),),
        3,
        ("u",),
    )
    kept = rows.reduced(one)
    assert kept == KeyState("rule", "f", ("g",), ("t",), 5, 30, pending=("u",))
    assert rows.reduced(kept) == kept


FINDING = Finding("key-0", Card("rule", "Title"), "new_terms", 1, 2, raw="\udc00x")


def test_a_finding_of_any_text_is_stored() -> None:
    assert findings.load(rows.finding_bytes(FINDING)) == replace(FINDING, raw="\ufffdx")


def test_a_finding_of_whole_text_is_stored_as_it_is() -> None:
    whole = replace(FINDING, raw="😀 is two surrogates elsewhere")
    assert findings.load(rows.finding_bytes(whole)) == whole


@pytest.mark.parametrize(("owner", "now_us", "claim"), [("a", 99, "claimed"), ("b", 99, "held"), ("b", 100, "claimed")])
def test_a_lease_is_live_for_others_before_its_end(owner: str, now_us: int, claim: str) -> None:
    assert rows.judge("pending", ("a", 100), owner=owner, now_us=now_us) == claim
    assert rows.judge("pending", None, owner=owner, now_us=now_us) == "claimed"
    assert rows.judge("sent", ("a", 100), owner=owner, now_us=now_us) == "done"
