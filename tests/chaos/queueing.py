"""The parent plays SQS: what is not acknowledged is invisible for a while, by the clock, and then comes again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from threading import Condition

from tests.chaos.moving import MovedClock
from tests.faults.world import MINUTE_US

VISIBILITY_US = 12 * MINUTE_US
"""As in the template."""

MAX_RECEIVES = 120
"""As in the template: then a message is a dead letter."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its id and body, and how many events it brings."""

    id: str
    body: str
    events: int


Batch = Sequence[Message]


class Waiting:
    """Groups of batches, one group after the other; several workers take from it.

    Time is moved on only when everything that is left is invisible and nothing is out.

    Args:
        groups: of batches.
        clock: what is moved on.
        hidden_us: how long what came back is invisible.
        more: what else is to be done before a group is; asked when nothing of it is left, until there is nothing more.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Batch]],
        clock: MovedClock,
        hidden_us: int = VISIBILITY_US,
        more: Callable[[], Sequence[Batch]] = list,
    ) -> None:
        self._groups = list(groups)
        self._waiting: list[tuple[int, Batch]] = []
        self._out = 0
        self._given_up = False
        self._clock = clock
        self._hidden_us = hidden_us
        self._more = more
        self._changed = Condition()
        self.received: Counter[str] = Counter()
        self.returned = 0

    def take(self) -> Batch | None:
        """A batch that is visible; None: all is done."""
        with self._changed:
            while not self._given_up:
                batch = self._visible()
                if batch is not None:
                    self._out += 1
                    self.received.update(one.id for one in batch)
                    return batch
                if self._out:
                    self._changed.wait()
                elif self._waiting:
                    self._clock.set(min(at for at, _ in self._waiting))
                elif more := self._more():
                    self._clock.set(self._clock() + self._hidden_us)
                    self._waiting = [(0, batch) for batch in more]
                elif self._groups:
                    self._waiting = [(0, batch) for batch in self._groups.pop(0)]
                else:
                    return None
            return None

    def _visible(self) -> Batch | None:
        now_us = self._clock()
        for place, (at_us, batch) in enumerate(self._waiting):
            if at_us <= now_us:
                del self._waiting[place]
                return batch
        return None

    def done(self, batch: Batch, left: Collection[str]) -> None:
        """What is ``left`` comes again."""
        with self._changed:
            self._out -= 1
            again = [one for one in batch if one.id in left]
            if again:
                self.returned += 1
                assert max(self.received[one.id] for one in again) < MAX_RECEIVES, "a message became a dead letter"
                self._waiting.append((self._clock() + self._hidden_us, again))
            self._changed.notify_all()

    def give_up(self) -> None:
        """Let everybody end: one of them failed in a way that this test does not want."""
        with self._changed:
            self._given_up = True
            self._changed.notify_all()
