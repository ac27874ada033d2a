"""Blobs that others put in, as pieces of bytes: streamed, never whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from firstseen.adapters.azure.asking import Account
from firstseen.adapters.azure.kept import AUDIT_LOGS, Aside
from firstseen.deliveries import Rejected
from firstseen.errors import InputError
from firstseen.pipeline import Clock
from firstseen.settings.azure import AzureSettings
from firstseen.settings.prefixes import source_at
from firstseen.sources.event import Reject
from functions.azure.deliveries import Batch, Opened
from functions.azure.limits import Limits

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from firstseen.adapters.azure.blobs import Blobs


class Arrivals:
    """Reads them. The SDK is imported when the first one is read: a batch of the hub needs none."""

    def __init__(self, settings: AzureSettings, identity: Callable[[], TokenCredential], clock: Clock) -> None:
        self._settings = settings
        self._identity = identity
        self._clock = clock

    def batch_of(self, item: Aside, limits: Limits) -> Batch:
        """The batch of one blob."""
        batch = Batch({item.handle: item})
        chunks = _Content(item, self._blobs, self._clock, limits.work_us, batch.rejects)
        source = source_at(f"{AUDIT_LOGS}/{item.arrived}", self._settings.sources)
        batch.opened[item.handle] = Opened(chunks, source)
        return batch

    @cached_property
    def _blobs(self) -> Blobs:
        from firstseen.adapters.azure.blobs import Blobs  # noqa: PLC0415 - see above

        account = Account(self._settings.blob_url, self._settings.connection_string, self._identity)
        return Blobs(account, AUDIT_LOGS)


@dataclass(frozen=True, slots=True)
class _Content:
    """A blob's bytes; from the start again each time they are iterated. One that is gone becomes a reject."""

    item: Aside
    blobs: Blobs
    clock: Clock
    deadline_us: int
    rejects: list[Rejected]

    def __iter__(self) -> Iterator[bytes]:
        from firstseen.adapters.azure.blobs import Gone  # noqa: PLC0415 - see above

        try:
            for chunk in self.blobs.chunks(self.item.arrived):
                if self.clock() >= self.deadline_us:
                    raise InputError(f"{self.item.pointer}: out of time; it will be read again from its start")
                yield chunk
        except Gone as exc:
            rejected = (self.item.handle, self.item.pointer, Reject(str(exc), b""))
            if rejected not in self.rejects:
                self.rejects.append(rejected)
