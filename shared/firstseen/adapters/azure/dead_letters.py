"""The rejects queue and the dead letters of a deployment on Azure.

A storage queue shows its first 32 messages without a trace. To see more, or to move some, they have to be received,
which hides them for a while; nothing counts how often, since no trigger reads these queues. What was received is shown
again at once when the look is over, else after :data:`HIDDEN_SECONDS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from azure.core.exceptions import AzureError
from azure.storage.queue import QueueClient, QueueMessage

from firstseen.adapters.azure import kept
from firstseen.adapters.azure.asking import Account, Asker
from firstseen.adapters.azure.blobs import Blobs
from firstseen.adapters.azure.clients import credential
from firstseen.adapters.azure.kept import Aside
from firstseen.adapters.azure.queues import ROLE, Queue, queue_client
from firstseen.errors import InputError, SettingsError
from firstseen.sources.letters import MAX_LOOKED_AT, Letter, letter_of, read_reject

HIDDEN_SECONDS = 300
MAX_PEEKED = 32

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
_QUEUE = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}", re.ASCII)


def queue_letters(account: str, queue: str, *, connection_string: str = "", to: str = kept.PUT_ASIDE) -> QueueLetters:
    """The letters of one queue of an account; nothing is asked yet. Raises SettingsError for what is no name.

    ``connection_string`` names the account itself, with its key: for emulators and local use.
    """
    if not (connection_string or _ACCOUNT.fullmatch(account)) or not all(map(_QUEUE.fullmatch, (queue, to))):
        msg = f"{f'{account}/{queue}'[:200]!r} is no storage account and queue: ACCOUNT/QUEUE"
        raise SettingsError(msg)
    queues, blobs = (
        Account(f"https://{account}.{service}.core.windows.net", connection_string, credential)
        for service in ("queue", "blob")
    )
    return QueueLetters(queues, queue, to, Blobs(blobs, kept.LARGE))


class QueueLetters:
    """See :class:`firstseen.sources.letters.Letters`. ``to`` is the queue of what waits to be tried again."""

    def __init__(self, account: Account, queue: str, to: str, blobs: Blobs) -> None:
        self._account = account
        self._name = queue
        self._to = Queue(account, to)
        self._blobs = blobs
        self._asker = Asker(f"queue {queue}", ROLE)
        self._held: dict[str, QueueMessage] = {}
        if queue == to:
            msg = f"queue {queue} is worked on: looking would hide its messages; name the rejects or the dead letters"
            raise SettingsError(msg)

    @cached_property
    def _client(self) -> QueueClient:
        return queue_client(self._account, self._name)

    def look(self, limit: int) -> Iterator[Letter]:
        """See the protocol."""
        if limit > MAX_PEEKED and self._length() > MAX_PEEKED:
            yield from self.take(limit)
            return
        peeked = self._asker.ask(lambda: self._client.peek_messages(max_messages=min(limit, MAX_PEEKED)))
        yield from map(_letter, peeked)

    def take(self, limit: int) -> Iterator[Letter]:
        """See the protocol."""
        seen: set[str] = set()
        while len(seen) < min(limit, MAX_LOOKED_AT):
            number = min(MAX_PEEKED, limit - len(seen))
            received = self._asker.ask(lambda number=number: self._receive(number))  # type: ignore[misc] # its default
            if not received:
                return
            for one in received:
                self._held[one.id] = one
                if one.id not in seen:
                    seen.add(one.id)
                    yield _letter(one)

    def content(self, letter: Letter) -> bytes | None:
        """See the protocol."""
        blob = _aside(letter).blob if letter.content is None and letter.kind != "unknown" else ""
        return self._blobs.read(blob) if blob else letter.content

    def back(self, letter: Letter) -> str:
        """See the protocol."""
        if letter.kind == "unknown":
            return "firstseen did not write it"
        if not letter.whole:
            return "the event was cut: read it again from where it came from"
        item = replace(_aside(letter), tries=0, reason="sent back by hand")
        text = kept.write(item)
        if text is None:
            item = replace(item, blob=kept.blob_of(item))
            self._blobs.write(item.blob, item.body or b"")
            text = kept.write(item) or ""
        self._to.send(text)
        message = self._held.pop(letter.id)
        self._asker.ask(lambda: self._client.delete_message(message))
        return ""

    def close(self) -> None:
        """See the protocol."""
        for message in self._held.values():
            try:
                self._client.update_message(message, visibility_timeout=0)
            except AzureError:
                break  # they are shown by themselves, a few minutes later
        self._held.clear()

    def _receive(self, number: int) -> list[QueueMessage]:
        found = self._client.receive_messages(max_messages=number, visibility_timeout=HIDDEN_SECONDS)
        return list(found)

    def _length(self) -> int:
        return self._asker.ask(self._client.get_queue_properties).approximate_message_count or 0


def _letter(message: QueueMessage) -> Letter:
    text = str(message.content)
    kept_us = _microseconds(message.inserted_on)
    reject = letter_of(message.id, kept_us, text)
    if reject is not None:
        return reject
    try:
        item = kept.read(text.encode("utf-8", "surrogatepass"))
    except InputError as exc:
        content = text.encode("utf-8", "surrogatepass")
        return Letter(message.id, "unknown", kept_us, f"firstseen did not write it ({exc})", text, content)
    reason = item.reason or "its process died each time: the app's log says of what"
    return Letter(
        message.id, "dead letter", kept_us, reason, text, item.body, tries=item.tries, pointer=item.pointer
    )  # fmt: skip


def _aside(letter: Letter) -> Aside:
    """What is put aside again."""
    reject = read_reject(letter.message)
    if reject is None:
        return kept.read(letter.message.encode("utf-8", "surrogatepass"))
    received_us = reject.received_us or letter.kept_us
    return Aside(reject.message_id, received_us, reject.pointer, body=reject.content, blob=reject.blob)


def _microseconds(at: datetime | None) -> int:
    return 0 if at is None else int(at.timestamp() * 1_000_000)
