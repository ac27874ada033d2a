"""What the two logs of Entra ID share: a record in an Event Hub, an object of Microsoft Graph, columns of a table.

A field is ``properties.appId`` in the Event Hub, ``appId`` in Graph and ``AppId`` in Log Analytics; Elastic writes
``app_id`` in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from firstseen.sources.azure_places import first
from firstseen.sources.source import Accessor, Derived

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """``riskState`` as ``risk_state``, each part of a dotted name."""
    return _HUMP.sub("_", name).lower()


def column(name: str) -> str:
    """``riskState`` as ``RiskState``, the first part of a dotted name only: what lies below keeps its name."""
    return name[:1].upper() + name[1:]


def entra(name: str, *more: str, whole: bool = False) -> Derived:
    """A field of an entry in its three shapes; ``more`` are further places."""
    return first(" ".join((f"properties.{name}", name, column(name), *more)), whole=whole)


def fields(names: Iterable[str], *, whole: bool = False) -> dict[str, Accessor]:
    """Each field under the names that it has in the three shapes."""
    found: dict[str, Accessor] = {}
    for name in names:
        found.update(dict.fromkeys((f"properties.{name}", name, column(name)), entra(name, whole=whole)))
    return found


def elastic(
    prefix: str, names: Iterable[str], renamed: Mapping[str, str], *, whole: bool = False
) -> dict[str, Accessor]:
    """Each field under Elastic's name for it, which is its own in snake case unless ``renamed``."""
    return {f"{prefix}.{renamed.get(name, snake(name))}": entra(name, whole=whole) for name in names}
