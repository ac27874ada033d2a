"""Rules that are published to be in force when their baselines are built: until then the old ones work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firstseen.findings.times import SECOND_US, iso
from firstseen.language.in_force import InForce
from firstseen.language.pack import Pack
from firstseen.language.published import (
    Pointer,
    Published,
    Shelf,
    Version,
    believed,
    moved,
    read_pointer,
    write_pointer,
)


@dataclass(frozen=True, slots=True)
class Staged:
    """What waits.

    Attributes:
        pointer, version: as they were read; what waits is put in force only if they still are so.
        pack: believed and compiled.
    """

    shelf: Shelf
    pointer: Pointer
    version: Version
    pack: Pack

    def switch(self, now_us: int) -> bool:
        """Put it in force; false when somebody else moved the pointer meanwhile. Raises InputError."""
        waiting = self.pointer.next
        if waiting is None:
            return False
        at = iso(now_us // SECOND_US * SECOND_US)
        to = Published(waiting.hash, waiting.version, at, waiting.who, canaries=waiting.canaries)
        return self.shelf.write_pointer(write_pointer(moved(self.pointer, to)), self.version)


def staged(published: InForce | None, make: Callable[[Pack], object]) -> Staged | None:
    """What waits, if anything does. Raises InputError, and RuleError on what ``make`` cannot run."""
    if published is None:
        return None
    shelf = published.shelf
    found = shelf.read_pointer()
    pointer = None if found is None else read_pointer(found[0])
    if found is None or pointer is None or pointer.next is None:
        return None
    data = shelf.read_pack(pointer.next.hash)
    pack = believed(b"" if data is None else data, pointer.next.hash)
    make(pack)
    return Staged(shelf, pointer, found[1], pack)
