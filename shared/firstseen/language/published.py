"""Published packs: where they lie, which one is in force, and what is checked before one is believed.

::

    PREFIX/packs/<sha256>.pack   a pack, or what canaries send for one: both are named alike; never written twice
    PREFIX/current.json          the pointer: which pack is in force and what canaries send for it, what was before, who
                                 said so and when

A shelf may be anybody's to write, so nothing on it is taken at its word: a pack is what its hash says, within a size,
of this version's format, whole and sound; else it is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from firstseen.errors import RuleError
from firstseen.language.pack import Pack, load

POINTER = "current.json"
POINTER_FORMAT = 1
MAX_POINTER_BYTES = 64 * 1024
MAX_PUBLISHED_BYTES = 16 * 1024 * 1024
"""Of a pack on a shelf: about 10,000 rules. A function holds two of them in memory while it changes over."""

MAX_PREVIOUS = 20
MAX_WORD_CHARACTERS = 200
"""Of who published."""

_DIGEST = re.compile(r"[0-9a-f]{64}")

Version = str
"""Opaque; equal versions of a pointer mean equal contents."""


class Shelf(Protocol):
    """A place for packs. Each method raises InputError when the place does not answer or refuses."""

    def read_pointer(self) -> tuple[bytes, Version] | None:
        """The pointer, and the version that a conditional write names; None: nothing was ever published."""
        ...

    def write_pointer(self, data: bytes, expected: Version | None) -> bool:
        """Write it if it is still the expected one (None: if there is none); whether it was written."""
        ...

    def read_pack(self, digest: str) -> bytes | None:
        """At most :data:`MAX_PUBLISHED_BYTES` and one of a pack; None: it is not there."""
        ...

    def write_pack(self, digest: str, data: bytes) -> None:
        """Write it unless it is there."""
        ...


class Published(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pack that is or was in force.

    Attributes:
        hash: SHA-256 of its bytes, in hex.
        version: the pack's version, as findings carry it.
        at: when it was put in force, as ISO 8601 in UTC.
        who: who did it, for people; not proven.
        withdrawn: it was rolled back from.
        canaries: SHA-256 of what canaries send for it; "": nothing was published for them.
    """

    hash: str
    version: str = ""
    at: str = ""
    who: str = ""
    withdrawn: bool = False
    canaries: str = ""


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Which pack is in force.

    Attributes:
        previous: what was, the newest first.
        next: what will be when its baselines are built; None: nothing waits.
    """

    format: int = POINTER_FORMAT
    hash: str
    version: str = ""
    at: str = ""
    who: str = ""
    canaries: str = ""
    previous: tuple[Published, ...] = ()
    next: Published | None = None

    @property
    def current(self) -> Published:
        """What is in force."""
        return Published(self.hash, self.version, self.at, self.who, canaries=self.canaries)


def pack_name(digest: str) -> str:
    """Where a pack, or what canaries send for one, lies below the prefix."""
    return f"packs/{digest}.pack"


def digest_of(data: bytes) -> str:
    """The hash that names a pack, or what canaries send for one."""
    return hashlib.sha256(data).hexdigest()


def read_pointer(data: bytes) -> Pointer:
    """The pointer in ``data``. Raises RuleError on anything else, with the mend."""
    mend = "put an earlier version of it back, or remove it and publish again"
    if len(data) > MAX_POINTER_BYTES:
        raise RuleError(f"the pointer {POINTER} is larger than {MAX_POINTER_BYTES:,} bytes: {mend}")
    try:
        found = msgspec.json.decode(data)
        number = found.get("format") if isinstance(found, dict) else None
        if isinstance(number, int) and number > POINTER_FORMAT:
            raise RuleError(f"the pointer {POINTER} has the newer format {number}: upgrade firstseen")
        pointer = msgspec.convert(found, Pointer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise RuleError(f"the pointer {POINTER} cannot be read ({exc}): {mend}") from exc
    named = (pointer.current, *pointer.previous, *((pointer.next,) if pointer.next else ()))
    if not all(_DIGEST.fullmatch(one) for each in named for one in (each.hash, each.canaries or each.hash)):
        raise RuleError(f"the pointer {POINTER} names something that is no SHA-256: {mend}")
    return pointer


def write_pointer(pointer: Pointer) -> bytes:
    """The pointer's bytes, to be read by people as well."""
    return msgspec.json.format(msgspec.json.encode(pointer), indent=1) + b"\n"


def moved(before: Pointer | None, to: Published) -> Pointer:
    """``to`` is put in force, and nothing waits any more; what was in force heads the list of what was."""
    previous = () if before is None else (before.current, *before.previous)
    return _pointer(to, previous)


def staged(before: Pointer, to: Published) -> Pointer:
    """``to`` waits until its baselines are built; whatever waited before does not any more."""
    return msgspec.structs.replace(before, next=to)


def rolled_back(before: Pointer, digest: str | None, *, at: str, who: str) -> Pointer:
    """An earlier pack is put in force again, and what was in force is marked as withdrawn.

    ``digest``: which one, or the beginning of its hash; None: the newest that was not withdrawn, so that two
    roll-backs go two packs back. Raises RuleError when there is none, or several begin like that.
    """
    wanted = [one for one in before.previous if (one.hash.startswith(digest) if digest else not one.withdrawn)]
    if not wanted:
        known = ", ".join(one.hash[:12] for one in before.previous) or "none"
        what = f"no earlier pack {digest}" if digest else "no earlier pack that was not withdrawn"
        raise RuleError(f"{what}: name one of {known}")
    if digest and len(wanted) > 1:
        raise RuleError(f"{len(wanted)} earlier packs begin with {digest}: write more of the hash")
    to = Published(wanted[0].hash, wanted[0].version, at, who, canaries=wanted[0].canaries)
    withdrawn = msgspec.structs.replace(before.current, withdrawn=True)
    return _pointer(to, (withdrawn, *before.previous))


def _pointer(to: Published, previous: Sequence[Published]) -> Pointer:
    rest: dict[str, Published] = {}
    for one in previous:
        if one.hash != to.hash:
            rest.setdefault(one.hash, one)
    return Pointer(
        hash=to.hash,
        version=to.version,
        at=to.at,
        who=to.who[:MAX_WORD_CHARACTERS],
        canaries=to.canaries,
        previous=tuple(rest.values())[:MAX_PREVIOUS],
    )


def believed(data: bytes, digest: str) -> Pack:
    """The pack in ``data``, which must be the one of that hash. Raises RuleError with the mend.

    It is not compiled: what runs it does that, before it lets go of the last one.
    """
    if len(data) > MAX_PUBLISHED_BYTES:
        raise RuleError(f"pack {digest[:12]} has more than {MAX_PUBLISHED_BYTES:,} bytes: split the rules")
    found = digest_of(data)
    if found != digest:
        raise RuleError(f"pack {digest[:12]} has the hash {found[:12]}: its bytes were changed; publish it again")
    return load(data)
