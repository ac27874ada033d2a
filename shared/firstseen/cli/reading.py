"""From inputs to what the engine found in them, with the place of each."""

from __future__ import annotations

from collections.abc import Iterator

from firstseen.cli.inputs import Advance, Input
from firstseen.errors import InputError
from firstseen.matching.engine import Engine, Found
from firstseen.sources.event import Reject
from firstseen.sources.source import Source
from firstseen.sources.splitting import split

STRANGE = "not a log: neither JSON nor gzip; leave it out of the folder"


def scan(
    engine: Engine, inputs: list[Input], advance: Advance, *, received_us: int, source: Source | None
) -> Iterator[tuple[Input, Found | Reject]]:
    """What matches in each input, and what could not be read; an unreadable input loses no other."""
    for one in inputs:
        if one.strange:
            yield one, Reject(STRANGE, b"")
            continue
        try:
            documents = split(one.chunks(advance))
            for item in engine.scan(documents, received_us=received_us, source=source):
                yield one, item
        except InputError as exc:
            yield one, Reject(str(exc), b"")
