"""From inputs to what the engine found in them, with the place of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from firstseen.cli.inputs import Advance, Input
from firstseen.errors import InputError
from firstseen.matching.engine import Document, Scan
from firstseen.sources.event import Reject
from firstseen.sources.source import Source
from firstseen.sources.splitting import Block, blocks

STRANGE = "not a log: neither JSON nor gzip; leave it out of the folder"


Result = TypeVar("Result")


class Open(Protocol[Result]):
    """:meth:`Engine.scan` or :meth:`Engine.sightings`."""

    def __call__(
        self, documents: Iterable[Document | Reject | Block], *, received_us: int, source: Source | None = None
    ) -> Scan[Result]:
        """Begin a pass over one input's documents."""


def scan(  # noqa: PLR0913 - one door for every command that reads
    begin: Open[Result],
    inputs: list[Input],
    advance: Advance,
    *,
    received_us: int,
    source: Source | None,
    count: Counter[str],
) -> Iterator[tuple[Input, Result | Reject]]:
    """What matches in each input, and what could not be read; an unreadable input loses no other.

    ``count["events"]`` grows by the events read.
    """
    for one in inputs:
        if one.strange:
            yield one, Reject(STRANGE, b"")
            continue
        try:
            found = begin(blocks(one.chunks(advance)), received_us=received_us, source=source)
            for item in found:
                yield one, item
            count["events"] += found.events
        except InputError as exc:
            yield one, Reject(str(exc), b"")
