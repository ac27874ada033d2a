"""What holds for any JSON that claims to be of an Azure log."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from firstseen.matching.values import text_values
from firstseen.sources.azure_activitylogs import ACTIVITYLOGS
from firstseen.sources.azure_auditlogs import AUDITLOGS
from firstseen.sources.azure_signinlogs import SIGNINLOGS
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.source import Derived, Source

RECEIVED_US = 1_780_000_000_000_000
SOURCES = st.sampled_from([ACTIVITYLOGS, SIGNINLOGS, AUDITLOGS])

ODD = st.sampled_from(
    [
        "",
        "0",
        "/",
        "/subscriptions/",
        "{",
        "[",
        '{"a":',
        '[{"value": 1}]',
        '{"user": 3}',
        "x:1",
        "[x",
        "\ud800",
        "é" * 9,
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 60_000) | st.floats(allow_nan=False, allow_infinity=False) | ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "a", "displayName", "newValue", "modifiedProperties"]), inner)
    ),
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
@settings(max_examples=250)
def test_no_view_makes_a_name_raise_or_give_what_cannot_be_written(given_: tuple[Source, dict[str, Any]]) -> None:
    source, view = given_
    for name in (*source.common, *source.ecs, "properties.a", "claims.a", "modifiedProperties.a", "resourceId"):
        for text in text_values(view, source.accessor(name, vocabulary="ecs")):
            assert isinstance(text, str)
    for read in (source.event_id, source.operation_id):
        found = read(view)
        assert found is None or len(found) > 0
    assert isinstance(source.remarks(view), tuple)


@given(damaged())
@settings(max_examples=150)
def test_what_is_damaged_is_an_event_or_a_reject(given_: tuple[Source, dict[str, Any]]) -> None:
    _, view = given_
    text = orjson.dumps(view, default=str) if _writable(view) else b"{}"
    (one,) = read_document(1, text, received_us=RECEIVED_US)
    assert isinstance(one, (Event, Reject))


def _writable(view: dict[str, Any]) -> bool:
    try:
        orjson.dumps(view)
    except TypeError:
        return False
    return True


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(["Start", "Success", "Failure", "Accept"]))
@settings(max_examples=100)
def test_case_makes_no_other_event_or_operation(operation: str, resource: str, status: str) -> None:
    """Whatever the names: the Event Hub changes their case."""
    rest = {"Start": "Started", "Success": "Succeeded", "Failure": "Failed", "Accept": "Accepted"}[status]
    hub = {"time": "2026-03-02T09:15:02.1234567Z", "correlationId": "C-1", "category": "Administrative"}
    one = {**hub, "operationName": "A/" + operation, "resourceId": "/" + resource, "resultType": status}
    other = {
        "eventTimestamp": "2026-03-02T09:15:02.1234567+00:00", "correlationId": "c-1", "status": {"value": rest},
        "operationName": {"value": "a/" + operation.swapcase()}, "resourceId": "/" + resource.swapcase(),
    }  # fmt: skip
    if (
        operation.casefold() == operation.swapcase().casefold()
        and resource.casefold() == resource.swapcase().casefold()
    ):
        assert ACTIVITYLOGS.event_id(one) == ACTIVITYLOGS.event_id(other)
        assert ACTIVITYLOGS.operation_id(one) == ACTIVITYLOGS.operation_id(other)
