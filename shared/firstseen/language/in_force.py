"""Which published pack a process runs: it looks at the shelf now and then, and takes what is sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firstseen.errors import InputError, RuleError
from firstseen.language.canaries import Canaries, load
from firstseen.language.pack import Pack
from firstseen.language.published import Published, Shelf, believed, digest_of, read_pointer
from firstseen.sources.times import parse_time

MAX_STEPS_BACK = 3
"""Earlier packs that a start tries when the one in force is refused."""

SETTLING_US = 600_000_000
"""How long after its publication and the others' next look a pack may not run everywhere: a batch is still being read,
clocks differ.
"""


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
        at: when it was put in force, as its publisher's clock had it; "": not known.
        answered: the shelf was read once: what runs was chosen, not assumed.
    """

    shelf: Shelf
    every_us: int
    adopt: Callable[[Pack], None]
    running: str = ""
    canaries: str = ""
    at: str = ""
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
        if pointer is None:
            return ""
        if pointer.hash == self.running:  # what canaries send may have been published anew
            self.canaries, self.at = pointer.canaries, pointer.at
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
        self.running, self.canaries, self.at = one.hash, one.canaries, one.at
        return ""

    def settled(self, now_us: int) -> bool:
        """Whether other processes, which look as often, run what was put in force last, too.

        A time that is missing, or so far ahead that it must be wrong, keeps nobody waiting.
        """
        return abs(now_us - (parse_time(self.at) or 0)) >= self.every_us + SETTLING_US

    def send_by(self) -> bytes | None:
        """What canaries send for the pack that runs; None: nothing is published for them.

        Raises InputError when the shelf does not answer, RuleError when it has other bytes than were published.
        """
        wanted = self.canaries
        data = self.shelf.read_pack(wanted) if wanted else None
        if data is not None and digest_of(data) != wanted:
            raise RuleError(f"canaries {wanted[:12]} have other bytes than were published: publish again")
        return data


def canaries_in_force(published: InForce | None, own: Callable[[], bytes]) -> Canaries | None:
    """What is to be sent for the rules that run; None: nothing was published for them.

    ``own``: reads what came with the program. Raises InputError, RuleError as :meth:`InForce.send_by` does.
    """
    if published is None or not published.running:
        return load(own())
    data = published.send_by()
    return None if data is None else load(data)
