"""moto with cheaper transactions of DynamoDB: after :func:`quicken`, or as ``python -m tests.quick_moto``.

For each item of a transaction moto copies the whole table, to be able to put it back: minutes for a suite that takes
seconds. A transaction of puts replaces items and changes none, so a copy of the table's dictionaries does as well.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from types import SimpleNamespace

from moto.dynamodb import models
from moto.dynamodb.models.table import Table
from moto.server import main


def _copied(thing: object) -> object:
    """A table as far as puts change it; anything else whole."""
    if not isinstance(thing, Table):
        return copy.deepcopy(thing)
    table = copy.copy(thing)
    table.items = defaultdict(dict, {name: dict(items) for name, items in thing.items.items()})
    return table


def quicken() -> None:
    """From now on; for the whole process, as often as one likes."""
    setattr(models, "copy", SimpleNamespace(deepcopy=_copied))  # noqa: B010 - it is none of the names it gives away


if __name__ == "__main__":
    quicken()
    main()
