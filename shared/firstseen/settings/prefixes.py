"""Which log lies where: for those who would rather say it than have each object or blob recognised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from firstseen.settings.variables import NONE, Variable
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source

MAX_PREFIXES = 20
MAX_CHARACTERS = 1_000
"""Of all of them: a function's variables together may have 4 KB."""

_ENTRY = re.compile(r"([^,;\s]{1,200})=([a-z0-9]{1,20}\.[a-z_]{1,30})")

FORM = f"none, or 1 to {MAX_PREFIXES} times PREFIX=SOURCE divided by commas (sources: {', '.join(SOURCES)})"
"""What the variable may say, for messages."""

VARIABLE = Variable("FIRSTSEEN_SOURCES", "which log lies below which prefix, instead of recognising it", NONE)
"""Both clouds read it."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """What lies below a place is of one log.

    Attributes:
        start: how the place begins: ``BUCKET/KEY`` or ``CONTAINER/BLOB``.
        source: the log.
    """

    start: str
    source: Source


def prefixes(text: str) -> tuple[Prefix, ...] | None:
    """The longest first; None for what is not of the FORM, names an unknown log, or one prefix twice.

    A prefix may hold ``=``, as in ``logs/year=2026/``: the last one of an entry counts.
    """
    if text == NONE:
        return ()
    entries = text.split(",")
    if len(text) > MAX_CHARACTERS or len(entries) > MAX_PREFIXES:
        return None
    found: dict[str, Prefix] = {}
    for entry in entries:
        match = _ENTRY.fullmatch(entry.strip())
        source = SOURCES.get(match[2]) if match is not None else None
        if match is None or source is None or match[1] in found:
            return None
        found[match[1]] = Prefix(match[1], source)
    return tuple(sorted(found.values(), key=lambda one: len(one.start), reverse=True))


def source_at(place: str, among: Sequence[Prefix]) -> Source | None:
    """Which log lies there, by the longest prefix; None: it has to be recognised."""
    return next((one.source for one in among if place.startswith(one.start)), None)
