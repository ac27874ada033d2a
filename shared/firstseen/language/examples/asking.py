"""What the search is handed: the matcher's answer for one predicate on one event."""

from __future__ import annotations

from collections.abc import Callable

from firstseen.language.predicates import Predicate
from firstseen.sources.source import View

Ask = Callable[[Predicate, View], bool]
"""Whether a predicate holds for an event of the source that the search is about.

It never raises: what cannot be decided does not hold. It is asked the same predicate objects many times.
"""
