"""The table: partitions and row keys, and what may stand in them.

::

    row          partition            row key
    key state    key hash             K
    finding      key hash             F-generation            the same partition: both change in one transaction
    due          D-shard              time-uid-token          while pending
    by time      T-shard              time-uid-token
    by rule      R-rule hash-shard    time-uid-token
    record       N-kind-shard         name in hex
    cursor       E                    expire

Rows D, T and R are an index, which Table Storage has not: they are written before the finding that they point to and
removed after it. **A dangling one is harmless, a missing one a fault.** The token names the attempt that wrote both, so
an index row of an attempt that failed is told from one that counts, and may be removed without hurting anybody's.

Table Storage takes 2,000 entities a second in one partition and 20,000 in an account. No partition grows with a rule,
a day or an hour: whatever is written in one hour is spread by its key's shard.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from zlib import crc32

from azure.core.exceptions import ResourceExistsError

if TYPE_CHECKING:
    from azure.data.tables import TableClient

SHARDS = 8
"""Partitions of each index and each kind of record. Changing it loses sight of what was written before."""

Place = tuple[str, str]
"""(partition, row key)."""

STATE = "K"
FINDING = "F-"
CURSOR: Place = ("E", "expire")

_ZERO_US = 10**18
"""Added to times in row keys, so that those before 1970 sort too."""

_PLAIN = re.compile("[0-9a-z]{1,64}")
"""Stands in a key as it is. Keys may not hold ``/ \\ # ?`` or control characters; capitals begin our own names."""

MAX_NAME_BYTES = 200
"""Of a record's name in its row key, as hex; a key takes 512 characters. Longer names end in a hash."""

_TABLE = re.compile("[A-Za-z][A-Za-z0-9]{2,62}")


def is_table_name(text: str) -> bool:
    """Whether Table Storage takes it: 3 to 63 letters and digits, a letter first."""
    return _TABLE.fullmatch(text) is not None


def encoded(text: str) -> bytes:
    """Any text as bytes, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """The text that :func:`encoded` was given."""
    return data.decode("utf-8", "surrogatepass")


def plain(text: str) -> str:
    """A text as it may stand in a key: itself, or its hash if it holds what a key forbids. Equal for equal texts."""
    return text if _PLAIN.fullmatch(text) else "x." + hashed(text)


def hashed(text: str) -> str:
    """32 hex digits, equal for equal texts only."""
    return hashlib.sha256(encoded(text)).hexdigest()[:32]


def shard(text: str) -> str:
    """The shard of a key or of a record's name."""
    return str(crc32(encoded(text)) % SHARDS)


def shards(prefix: str) -> list[str]:
    """Every partition of an index or of a kind."""
    return [f"{prefix}-{number}" for number in range(SHARDS)]


def state_place(key: str) -> Place:
    """Where a key's state lies."""
    return plain(key), STATE


def finding_place(uid: str) -> Place:
    """Where a finding lies: in its key's partition."""
    key, _, rest = uid.partition("-")
    return plain(key), FINDING + plain(rest)


DUE, TIME = "D", "T"
"""The indexes without a value; each has SHARDS partitions."""


def rule_index(rule_id: str) -> str:
    """The index of one rule's findings."""
    return f"R-{hashed(rule_id)}"


def index_place(index: str, time_us: int, uid: str, token: str) -> Place:
    """Where an index row lies."""
    key, _, rest = uid.partition("-")
    return f"{index}-{shard(key)}", f"{sort_text(time_us)}-{plain(key)}-{plain(rest)}-{token}"


def sort_text(time_us: int) -> str:
    """A time as row keys sort it: twenty digits."""
    return f"{max(0, time_us + _ZERO_US):020}"


def record_index(kind: str) -> str:
    """The partitions of a kind of records."""
    return f"N-{plain(kind)}"


def record_place(kind: str, name: str) -> Place:
    """Where a record lies. Hex holds any name and sorts as the names do."""
    data = encoded(name)
    row = "n" + data.hex()
    if len(data) > MAX_NAME_BYTES:
        row = "n" + data[:MAX_NAME_BYTES].hex() + "-" + hashlib.sha256(data).hexdigest()
    return f"{record_index(kind)}-{shard(name)}", row


def create_table(client: TableClient) -> None:
    """Make the table unless it is there, for tests and local use; deployments have it from the template."""
    try:
        client.create_table()
    except ResourceExistsError:
        return
