"""Which published pack a process runs: it looks at the shelf now and then, and takes what is sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firstseen.errors import InputError, RuleError
from firstseen.language.pack import Pack
from firstseen.language.published import Published, Shelf, believed, digest_of, read_pointer

MAX_STEPS_BACK = 3
"""Earlier packs that a start tries when the one in force is refused."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at the shelf came to.

    Attributes:
        looked: whether the shelf was asked at all: it was not time yet.
        changed: another pack was adopted.
        refused: why what the shelf names is not what runs; "": it is. The same words as long as it is the same fault.
        first: ``refused`` was not said before.
    """

    looked: bool = False
    changed: bool = False
    refused: str = ""
    first: bool = False


@dataclass(slots=True)
class InForce:
    """What is in force for one process.

    The last good pack stays in memory. What begins while a bad pack is published takes the newest good one before it
    from the pointer's list, so that all processes run the same; a copy on a disk of their own would not do that.

    Attributes:
        shelf: where packs are published.
        every_us: how long it is not asked again.
        adopt: compiles a pack and runs it from now on. Raises RuleError, and keeps the last one, when it cannot.
        running: hash of the pack that was adopted; "": the one that came with the program.
        canaries: hash of what canaries send for it; "": nothing was published for them.
        answered: the shelf was read once: what runs was chosen, not assumed.
    """

    shelf: Shelf
    every_us: int
    adopt: Callable[[Pack], None]
    running: str = ""
    canaries: str = ""
    answered: bool = False
    _next_us: int = 0
    _said: str = ""
    _bad: dict[str, str] = field(default_factory=dict)

    def look(self, now_us: int) -> Looked:
        """Ask the shelf if it is time to. Never raises what the shelf or a pack brings about."""
        if now_us < self._next_us and self.answered:
            return Looked()
        self._next_us = now_us + self.every_us
        before = self.running
        refused = self._take()
        first = bool(refused) and refused != self._said
        self._said = refused
        return Looked(looked=True, changed=self.running != before, refused=refused, first=first)

    def _take(self) -> str:
        try:
            refused = self._choose()
        except InputError as exc:
            return f"the rule packs cannot be read: {exc}"
        self.answered = True
        return refused

    def _choose(self) -> str:
        """Run what the shelf names, or what is nearest to it; why it is not what runs, else ""."""
        try:
            found = self.shelf.read_pointer()
            pointer = None if found is None else read_pointer(found[0])
        except RuleError as exc:
            return str(exc)
        if pointer is None or pointer.hash == self.running:
            return ""
        refused = self._run(pointer.current)
        if refused and not self.running:
            earlier = [one for one in pointer.previous if not one.withdrawn][:MAX_STEPS_BACK]
            any(not self._run(one) for one in earlier)
        return refused

    def _run(self, one: Published) -> str:
        """Why it cannot be, else "". A pack whose bytes were refused is not read again."""
        if one.hash in self._bad:
            return self._bad[one.hash]
        data = self.shelf.read_pack(one.hash)
        if data is None:
            return f"pack {one.hash[:12]} is not where packs are published: publish it again"
        try:
            self.adopt(believed(data, one.hash))
        except RuleError as exc:
            if len(self._bad) > MAX_STEPS_BACK:
                self._bad.clear()
            self._bad[one.hash] = f"pack {one.hash[:12]} is refused: {exc}"
            return self._bad[one.hash]
        self.running, self.canaries = one.hash, one.canaries
        return ""

    def send_by(self) -> bytes | None:
        """What canaries send for the pack that runs; None: nothing is published for them.

        Raises InputError when the shelf does not answer, RuleError when it has other bytes than were published.
        """
        data = self.shelf.read_pack(self.canaries) if self.canaries else None
        if data is not None and digest_of(data) != self.canaries:
            raise RuleError(f"canaries {self.canaries[:12]} have other bytes than were published: publish again")
        return data
