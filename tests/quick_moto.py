"""moto with what is dear in it made cheaper: after :func:`quicken`, or as ``python -m tests.quick_moto``.

For each item of a transaction moto copies the whole table, to be able to put it back: minutes for a suite that takes
seconds. A transaction of puts replaces items and changes none, so a copy of the table's dictionaries does as well.

For each attribute of an answer moto looks for all ten kinds of value under all their names: a quarter of its time. Most
attributes are a text or a number, and lie there as they are sent.

For each subscription of SNS moto makes a key to sign with, which takes longer than most tests. One serves all.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from moto.core.serialize import JSONSerializer
from moto.dynamodb import models
from moto.dynamodb.models.table import Table
from moto.server import main
from moto.sns.models import Subscription

if TYPE_CHECKING:
    from moto.core.model import StructureShape

PLAIN = frozenset(("S", "N", "BOOL", "NULL"))
"""Kinds of value that are sent as they lie there; bytes, lists and maps are not."""


def _copied(thing: object) -> object:
    """A table as far as puts change it; anything else whole."""
    if not isinstance(thing, Table):
        return copy.deepcopy(thing)
    table = copy.copy(thing)
    table.items = defaultdict(dict, {name: dict(items) for name, items in thing.items.items()})
    return table


_structure = JSONSerializer._serialize_type_structure


def _answered(
    self: JSONSerializer,
    serialized: dict[str, Any],
    value: Any,  # noqa: ANN401 - whatever moto answers with
    shape: StructureShape,
    key: str,
) -> None:
    """A plain attribute as it is; anything else as moto does it."""
    if shape.name == "AttributeValue" and type(value) is dict and value.keys() <= PLAIN:
        serialized[key] = value
    else:
        _structure(self, serialized, value, shape, key)


@cache
def _key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def quicken() -> None:
    """From now on; for the whole process, as often as one likes."""
    setattr(models, "copy", SimpleNamespace(deepcopy=_copied))  # noqa: B010 - it is none of the names it gives away
    setattr(JSONSerializer, "_serialize_type_structure", _answered)  # noqa: B010 - nor is this
    setattr(Subscription, "private_key", lambda _: _key())  # noqa: B010 - nor this


if __name__ == "__main__":
    quicken()
    main()
