"""What holds for any JSON that claims to be of Okta, Microsoft 365 or Windows."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firstseen.matching.values import text_values
from firstseen.sources.event import Event, Reject
from firstseen.sources.m365_audit import M365_AUDIT
from firstseen.sources.okta_system import OKTA_SYSTEM
from firstseen.sources.reading import read_document
from firstseen.sources.source import Derived, Source
from firstseen.sources.windows_process_creation import WINDOWS_PROCESS_CREATION

RECEIVED_US = 1_780_000_000_000_000
SOURCES = st.sampled_from([OKTA_SYSTEM, M365_AUDIT, WINDOWS_PROCESS_CREATION])
BELOW = ("debugContext.debugData.x", "Parameters.x", "ModifiedProperties.x.OldValue", "EventData.x", "Actor.ID")

ODD = st.sampled_from(
    ["", "0", "-", "{", "[", '{"a":', '[{"Name": 1}]', '[{"Name":"x","Value":[1]}]', "x:1", "[x", "\ud800", "<Data",
     '<Data Name="Image">a', "0xzz", "1", "4688"]
)  # fmt: skip
KEYS = st.sampled_from(["Name", "Value", "NewValue", "Data", "#text", "@Name", "x", "alternateId", "System"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5_000) | st.floats(allow_nan=False, allow_infinity=False) | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in below for place in places(one, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: object) -> Any:  # noqa: ANN401
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = put(value[path[0]], path[1:], new)
    return copied


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Source, dict[str, Any]]:
    """A sample with other values at up to three of its places, and other keys besides."""
    source = draw(SOURCES)
    view: Any = dict(source.sample)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from([place for place in places(view) if place]))
        view = put(view, path, draw(VALUES))
    keys = sorted({key for place in source.common.values() if isinstance(place, Derived) for key in place.reads})
    return source, view | draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=3))


@given(damaged())
@settings(max_examples=80)
def test_no_view_makes_a_name_raise_or_give_what_cannot_be_written(given_: tuple[Source, dict[str, Any]]) -> None:
    source, view = given_
    for name in (*source.common, *source.ecs, *BELOW):
        for text in text_values(view, source.accessor(name, vocabulary="ecs")):
            assert isinstance(text, str)


@given(damaged())
@settings(max_examples=80)
def test_reading_gives_events_or_rejects_and_equal_ids_for_equal_bytes(given_: tuple[Source, dict[str, Any]]) -> None:
    source, view = given_
    raw = json.dumps(view).encode()
    first, second = (list(read_document(1, raw, received_us=RECEIVED_US, source=source)) for _ in range(2))
    assert all(isinstance(one, Event | Reject) for one in first)
    assert [getattr(one, "id", None) for one in first] == [getattr(one, "id", None) for one in second]


@given(damaged())
@settings(max_examples=80)
def test_a_computed_name_reads_no_other_keys_than_it_says(given_: tuple[Source, dict[str, Any]]) -> None:
    """A decoder leaves the rest of the event unread."""
    source, view = given_
    for name in (*source.common, *source.ecs, *BELOW):
        place = source.accessor(name, vocabulary="ecs")
        if isinstance(place, Derived):
            kept = {key: value for key, value in view.items() if key in place.reads}
            assert place.function(kept) == place.function(view), name
