"""Dropping what has expired: Table Storage does not do so itself.

Nothing says where such rows are (an index of expiries would cost another write for each state), so the table is read
through, a few pages a call. Where it stopped stands in a row of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from firstseen.adapters.azure.entities import etag_of, located, place_of, text_of
from firstseen.adapters.azure.schema import CURSOR

if TYPE_CHECKING:
    from firstseen.adapters.azure.table import Table

PAGE = 1_000
PAGES = 4
"""Of one call. The service takes up to five seconds to look for a thousand rows in a large table."""


def expire(table: Table, *, now_us: int) -> int:
    """Drop rows whose expiry is before ``now_us``; how many. A row that was renewed meanwhile stays."""
    stored = table.get(CURSOR)
    after: dict[str, str] | None = orjson.loads(text_of(stored, "after")) if stored is not None else None
    dropped = 0
    pages = table.pages(f"expires_us lt {now_us}L", after=after, select=["expires_us"], page=PAGE)
    for (found, after), _ in zip(pages, range(PAGES), strict=False):  # noqa: B007 - after the last page, where it ended
        gone = table.each(lambda one: table.delete_version(place_of(one), etag_of(one)), found)
        dropped += sum(gone)
    if after:
        table.upsert({**located(CURSOR), "after": orjson.dumps(after).decode()})
    elif stored is not None:
        table.delete(CURSOR)
    return dropped
