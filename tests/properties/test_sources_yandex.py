"""Whatever stands in an event of Yandex Cloud or VK Cloud: every name is total, ids are stable, nothing raises."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.source import Derived, Source, View
from firstseen.sources.vk_audit import VK_AUDIT
from firstseen.sources.yandex_audit import YANDEX_AUDIT

NOW_US = 1_780_000_000_000_000
OURS = {
    "yandex.audit": ("granted.role_id", "revoked.subject_id", "opened.ports", "opened.ports_beyond_web"),
    "vk.audit": ("request.action", "call", "request_body.server.flavorRef"),
}
WORDS = st.sampled_from(
    [
        "ADD",
        "INGRESS",
        "0.0.0.0/0",
        "yes",
        "/v2/servers/x/action",
        '{"a":{}}',
        "[",
        "cloud.yandex",
        "a:b:c]",
        "\ud800",
        "",
    ]
)
KEYS = st.sampled_from(
    [
        "access_binding_deltas", "access_bindings", "access_binding", "action", "role_id", "rules", "direction",
        "cidr_blocks", "v4_cidr_blocks", "ports", "from_port", "path", "resource_type", "resource_id", "instance_id",
        "cluster_id", "zone_id", "native_api_server_event", "sourceIPs", "user", "request_id", "remote_address",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70_000) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


def _named(source: Source, view: View) -> list[Any]:
    places = [source.accessor(name) for name in (*source.common, *source.ecs, *OURS[source.name], "source.ip.network")]
    return [place.function(view) for place in places if isinstance(place, Derived)]


@pytest.mark.parametrize("source", [YANDEX_AUDIT, VK_AUDIT], ids=lambda one: one.name)
@given(data=st.data())
@settings(max_examples=120)
def test_every_name_and_id_is_total(source: Source, data: st.DataObject) -> None:
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(source.sample)), VALUES, max_size=4))
    view = {**source.sample, **changed}
    _named(source, view)
    assert all(source.remarks(view))
    assert "" not in {source.event_id(view), source.operation_id(view)}
    raw = orjson.dumps({**source.sample, **{key: value for key, value in changed.items() if _writable(value)}})
    assert all(isinstance(one, Event | Reject) for one in read_document(1, raw, received_us=NOW_US))


def _writable(value: object) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True


@pytest.mark.parametrize("source", [YANDEX_AUDIT, VK_AUDIT], ids=lambda one: one.name)
@given(seed=st.integers(0, 1 << 30), details=st.dictionaries(KEYS, VALUES, max_size=5))
@settings(max_examples=60)
def test_ids_and_names_do_not_depend_on_the_order_of_keys(source: Source, seed: int, details: View) -> None:
    """Collectors sort keys, or keep what they got in any order."""
    view = {**source.sample, "details": details}
    mixed = _shuffled(view, random.Random(seed))
    assert _named(source, mixed) == _named(source, view)
    assert (source.event_id(mixed), source.operation_id(mixed)) == (source.event_id(view), source.operation_id(view))


def _shuffled(value: Any, chance: random.Random) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: _shuffled(value[key], chance) for key in keys}
    return [_shuffled(one, chance) for one in value] if isinstance(value, list) else value
