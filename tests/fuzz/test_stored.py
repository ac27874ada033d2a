"""Whatever lies on a shelf or in a store: it is refused with a mend, or it is whole enough to be run."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import event as seen
from hypothesis import example, given
from hypothesis import strategies as st

from firstseen.adapters.azure import kept
from firstseen.adapters.local.memory import MemoryStore
from firstseen.correlations.step import Hit, step
from firstseen.deliveries import Delivery
from firstseen.errors import FirstseenError, RuleError, StoreUnusable
from firstseen.findings import finding as findings
from firstseen.findings.finding import key_of
from firstseen.findings.learning import RuleRow
from firstseen.findings.rows import read_row
from firstseen.language import pack as packs
from firstseen.language.frontends.loading import build_pack
from firstseen.language.published import Published, believed, digest_of, moved, read_pointer, write_pointer
from firstseen.pipeline import Pipeline
from firstseen.store import state as states
from firstseen.store.state import MAX_EPISODES, Episode, KeyState, Sighting
from firstseen.store.store import Record
from tests.faults.faulty import RecordingSink
from tests.faults.world import RULES, START_US, event
from tests.fuzz.fuzzing import bounded, fuzzed
from tests.fuzz.mutating import DEEP_LEVELS, grafted, json_bytes, mangled
from tests.fuzz.test_events import forms_can_be_made
from tests.unit.findings_samples import finding, rule

NOW_US = 1_790_000_000_000_000
CHAIN = """
---
title: Asked, then removed
id: 11111111-0000-4000-8000-000000000005
correlation: {type: temporal_ordered, rules: [asked, removed], group-by: [userIdentity.userName], timespan: 1h}
---
title: Asked from many
id: 11111111-0000-4000-8000-000000000006
correlation:
    {type: value_count, rules: [asked], group-by: [userIdentity.userName], timespan: 1h,
     condition: {field: sourceIPAddress, gte: 2}}
"""
PACK = packs.dump(build_pack({"rules.yml": (RULES.replace("title: Removed", "title: Removed\nname: removed") + CHAIN).encode()}))  # fmt: skip  # noqa: E501
EVENTS = b"\n".join(event(number, number, "Remove" if number % 4 == 0 else "Ask") for number in range(9))

PACK_WORDS = (
    b'["not",',
    b'["and",',
    b'["or"]',
    b'"regex"',
    b'"cidr"',
    b'"firstseen_pack":1',
    b'"timespan_us":',
    b"9223372036854775807",
    b'"count":0',
    b"null",
)
TREES = (
    ["not", ["not", ["and"]]], ["and"], ["or"], {"op": "regex"}, ["leaf"], 2**62, "(a{1000}){1000}", "\\C", "base",
    "new_terms", "match",
)  # fmt: skip


@given(st.one_of(mangled([PACK], PACK_WORDS), grafted([json.loads(PACK)], TREES).map(json_bytes)))
@fuzzed(90)
def test_a_hostile_pack_is_refused_or_runs(data: bytes) -> None:
    """Its hash is right: whoever may write to the shelf can compute one."""
    with bounded():
        try:
            found = believed(data, digest_of(data))
            pipeline = Pipeline(found, MemoryStore(), RecordingSink(), owner="test", clock=lambda: NOW_US)
            pipeline.engine.compile()
        except RuleError:
            seen("refused")
            return
        report = pipeline.process([Delivery("events", [EVENTS], NOW_US)])
        assert report.retry == {}
        assert packs.load(packs.dump(found)).bases == found.bases
        seen("ran")


POINTER = write_pointer(
    moved(moved(None, Published("0" * 64, "a", "2026-03-01T00:00:00Z", "ada")), Published("1" * 64))
)


@given(
    st.one_of(mangled([POINTER], (b'"previous":', b'"next":{', b"../")), grafted([json.loads(POINTER)]).map(json_bytes))
)
@fuzzed(60)
def test_a_hostile_pointer_is_refused_or_names_hashes_only(data: bytes) -> None:
    with bounded():
        try:
            pointer = read_pointer(data)
        except RuleError:
            return
        assert len(pointer.hash) == 64
        assert read_pointer(write_pointer(pointer)) == pointer


SIGHTINGS = tuple(Sighting(START_US + number, f"event-{number}", number % 2, f"v{number}") for number in range(4))
STATE = KeyState("rule", "f" * 16, ("111122223333",), ("x",), 3, START_US, (Episode(START_US, START_US + 9, "u-1"),), SIGHTINGS, 2, ("u-2",), ((5, 1),))  # fmt: skip  # noqa: E501
STATE_BYTES = states.dump(STATE)
KINDS = ("match", "new_terms", "event_count", "value_count", "temporal", "temporal_ordered")
HITS = [Hit(START_US + number * 10**6, f"event-{number}", number % 2, f"v{number}") for number in range(5)]


@given(
    st.one_of(
        mangled([STATE_BYTES], (b"[[1,2,3]]", b"-1")),
        grafted([json.loads(STATE_BYTES)], (START_US, -(2**63))).map(json_bytes),
    ),
    st.sampled_from(KINDS),
)
@fuzzed(80)
def test_a_damaged_key_state_is_refused_or_can_be_stepped(data: bytes, kind: Any) -> None:  # noqa: ANN401
    """Never read as a key that was never seen."""
    with bounded():
        try:
            state = states.load(data)
        except StoreUnusable:
            return
        done = step(rule(kind), "k" * 32, KeyState("rule", "f" * 16), state, HITS)
        assert len(done.state.episodes) <= max(MAX_EPISODES, len(state.episodes))
        seen("stepped")


FINDING_BYTES = findings.dump(finding(raw="{}", raw_bytes=2, reason="Never seen.", pointer="s3://logs/a"))


@given(
    st.one_of(mangled([FINDING_BYTES]), grafted([json.loads(FINDING_BYTES)], (NOW_US, "digest", 2**53)).map(json_bytes))
)
@fuzzed(60)
def test_a_damaged_finding_is_refused_or_can_be_told(data: bytes) -> None:
    try:
        found = findings.load(data)
    except StoreUnusable:
        return
    key_of(found.uid)
    forms_can_be_made(found)


LOADERS: dict[str, Callable[[bytes], object]] = {
    "pack": lambda data: believed(data, digest_of(data)),
    "pointer": read_pointer,
    "key state": states.load,
    "finding": findings.load,
    "record": lambda data: read_row(Record("rule", "name", data, "1"), RuleRow),
    "message put aside": kept.read,
}
DEEP = b'{"a":' * DEEP_LEVELS


@pytest.mark.parametrize("kind", LOADERS)
@given(st.binary(max_size=300))
@example(DEEP)
@example(b"[" * DEEP_LEVELS)
@fuzzed(60)
def test_any_bytes_are_read_or_refused(kind: str, data: bytes) -> None:
    with bounded(), suppress(FirstseenError):
        LOADERS[kind](data)
