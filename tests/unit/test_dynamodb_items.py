"""DynamoDB's items: what a write of them costs, and that rows of earlier versions are read."""

from __future__ import annotations

import uuid
from random import Random

import pytest

from firstseen.adapters.aws.items import body, state_item, stored_state, unpacked
from firstseen.store import rows
from firstseen.store.state import KeyState, Sighting
from firstseen.store.store import Change, StoredState

UNIT_BYTES = 1_024
"""What DynamoDB bills one write for, names of attributes included."""


def state(sightings: int) -> KeyState:
    """Of a chain of one principal, with so many sightings of whole seconds and random ids."""
    rng = Random(sightings)
    seen = [
        Sighting(1_791_343_000_000_000 + second * 1_000_000, str(uuid.UUID(int=rng.getrandbits(128), version=4)))
        for second in sorted(rng.sample(range(172_800), sightings))
    ]
    group = ("arn:aws:iam::111122223333:role/service-role/AWSBackupDefaultServiceRole", "111122223333")
    return KeyState(str(uuid.UUID(int=1)), "8910c0c4735eb389624a3a2f1e9d8651", group, sightings=tuple(seen))


def size_bytes(item: dict[str, dict[str, str | bytes]]) -> int:
    """Names and values, as DynamoDB counts."""
    return sum(len(name) + sum(len(one) for one in value.values()) for name, value in item.items())


@pytest.mark.parametrize("sightings", [0, 1, 20])
def test_a_state_of_twenty_sightings_is_one_unit_and_reads_back(sightings: int) -> None:
    change = Change("68d74ac21a107aaa98ed7ea3fbd26fb9", None, state(sightings))
    item = state_item(change, "0123456789abcdef")
    assert size_bytes(item) <= UNIT_BYTES  # type: ignore[arg-type]
    assert stored_state(item) == StoredState(change.state, "0123456789abcdef")


def test_a_state_that_an_earlier_version_left_uncompressed_is_read() -> None:
    data = rows.state_bytes(state(50))
    assert "zlib" in body(data)
    assert unpacked({"data": {"B": data}}) == data
