"""The derived names by themselves: which there are, without what makes their values.

Every process asks whether its rules use them; few do, and only those pay for :mod:`firstseen.sources.derived.names`.
"""

from __future__ import annotations

TIME_NAMES = frozenset({"time.hour", "time.weekday"})

LOCATING_NAMES = frozenset({"source.as.number", "source.geo.country", "source.geo.country_iso_code"})
"""Names that need a database of addresses; without one no event has them."""

DERIVED_NAMES = TIME_NAMES | LOCATING_NAMES | {"source.ip.network", "user_agent.family"}
"""All of them, without the zone that a time name may carry behind an ``@``."""


def stem(name: str) -> str:
    """A name without its zone."""
    return name.partition("@")[0]
