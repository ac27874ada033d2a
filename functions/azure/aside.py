"""Keeps what a call cannot finish: deliveries to try again, dead letters, rejects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from firstseen.adapters.azure import kept
from firstseen.adapters.azure.asking import Account, Asker
from firstseen.adapters.azure.kept import Aside
from firstseen.errors import StoreUnavailable
from firstseen.pipeline import Clock
from firstseen.settings.azure import AzureSettings
from firstseen.sources.event import Reject

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from firstseen.adapters.azure.blobs import Blobs
    from firstseen.adapters.azure.queues import Queue

LONGEST_SECONDS = 3_600
"""How long a delivery waits at most."""

MAX_TRIES = 30
"""Then it is a dead letter: after a day."""


def delay_seconds(tries: int, first_seconds: int) -> int:
    """How long a delivery waits that was put aside so often, this time included: twice as long each time."""
    doubled: int = first_seconds * 2 ** min(tries - 1, 20)
    return min(LONGEST_SECONDS, doubled)


class Keeper:
    """Writes queues and blobs. Their SDKs are imported when something is kept: most processes keep nothing."""

    def __init__(self, settings: AzureSettings, identity: Callable[[], TokenCredential], clock: Clock) -> None:
        self._settings = settings
        self._identity = identity
        self._clock = clock

    def put_aside(self, item: Aside, reason: str, *, deadline_us: int) -> Aside:
        """Keep a delivery until it is tried again, or for good; as it was kept.

        More than MAX_TRIES: it is a dead letter. Raises StoreUnavailable: then nothing is known to be kept.
        """
        again = replace(item, tries=item.tries + 1, reason=reason)
        dead = again.tries > MAX_TRIES
        text = kept.write(again)
        if text is None:
            blob = kept.blob_of(again)
            self._blobs.write(blob, again.body or b"", deadline_us=deadline_us)
            again = replace(again, blob=blob)
            text = kept.write(again) or ""
        queue = self._dead_letters if dead else self._put_aside
        hidden_seconds = 0 if dead else self.delay_seconds(again.tries)
        queue.send(text, hidden_seconds=hidden_seconds, deadline_us=deadline_us)
        return again

    def delay_seconds(self, tries: int) -> int:
        """How long a delivery waits that was put aside so often."""
        return delay_seconds(tries, self._settings.again_seconds)

    def body_of(self, item: Aside, *, deadline_us: int) -> bytes | None:
        """A delivery's bytes; None: they have gone. Raises StoreUnavailable."""
        return item.body if item.body is not None else self._blobs.read(item.blob, deadline_us=deadline_us)

    def forget(self, item: Aside, *, deadline_us: int) -> None:
        """Remove the blob of a delivery that is done; one that stays harms nobody."""
        if item.blob:
            try:
                self._blobs.delete(item.blob, deadline_us=deadline_us)
            except StoreUnavailable:
                return

    def keep_reject(self, reject: Reject, item: Aside, *, deadline_us: int) -> None:
        """Keep what could not be read. Raises StoreUnavailable."""

        def write(blob: str = "") -> str | None:
            return kept.write_reject(
                reject, message_id=item.handle, pointer=item.pointer, received_us=item.received_us, blob=blob
            )

        text = write()
        if text is None:
            blob = kept.blob_of_reject(reject, item.handle)
            self._blobs.write(blob, reject.raw, deadline_us=deadline_us)
            text = write(blob) or ""
        self._rejects.send(text, deadline_us=deadline_us)

    def waiting(self) -> dict[str, int]:
        """About how many messages each queue holds. Raises StoreUnavailable."""
        return {
            "put_aside_waiting": self._put_aside.length(),
            "dead_letters": self._dead_letters.length(),
            "rejects_waiting": self._rejects.length(),
        }

    @cached_property
    def _put_aside(self) -> Queue:
        return self._queue(kept.PUT_ASIDE)

    @cached_property
    def _dead_letters(self) -> Queue:
        return self._queue(kept.DEAD_LETTERS)

    @cached_property
    def _rejects(self) -> Queue:
        return self._queue(kept.REJECTS)

    def _queue(self, name: str) -> Queue:
        from firstseen.adapters.azure.queues import SENDER, Queue  # noqa: PLC0415 - see above

        return Queue(self._account(self._settings.queue_url), name, Asker(f"queue {name}", SENDER, clock=self._clock))

    @cached_property
    def _blobs(self) -> Blobs:
        from firstseen.adapters.azure.blobs import ROLE, Blobs  # noqa: PLC0415 - see above

        asker = Asker(f"blob container {kept.LARGE}", ROLE, clock=self._clock)
        return Blobs(self._account(self._settings.blob_url), kept.LARGE, asker)

    def _account(self, url: str) -> Account:
        return Account(url, self._settings.connection_string, self._identity)
