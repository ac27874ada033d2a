"""Storage queues: messages that never expire, and may stay hidden for a while."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from azure.storage.queue import QueueClient

from firstseen.adapters.azure.asking import OPTIONS, Account, Asker, unusable_connection_string

ROLE = "Storage Queue Data Contributor"
SENDER = "Storage Queue Data Message Sender"
READER = "Storage Queue Data Reader"
"""What it takes to do everything with a queue, to write, and to count."""

NEVER = -1
"""The lifetime of a message that stays until somebody takes it; the service's own is seven days."""


def queue_client(account: Account, name: str) -> QueueClient:
    """The client of one queue; its messages are what is written, without Base64 around. Raises SettingsError."""
    if not account.connection_string:
        return QueueClient(account.url, name, credential=account.identity(), **OPTIONS)
    try:
        return QueueClient.from_connection_string(account.connection_string, name, **OPTIONS)
    except ValueError as exc:
        raise unusable_connection_string() from exc


class Queue:
    """One queue. Its client is made when it is first used: most processes put nothing aside. Threads may share it."""

    def __init__(self, account: Account, name: str, asker: Asker | None = None) -> None:
        self._account = account
        self._name = name
        self._sending = asker or Asker(f"queue {name}", SENDER)
        self._counting = replace(self._sending, role=READER)

    @cached_property
    def _client(self) -> QueueClient:
        return queue_client(self._account, self._name)

    def send(self, text: str, *, hidden_seconds: int = 0, deadline_us: int | None = None) -> None:
        """Write a message that nobody sees for so long; after a lost answer there may be two of it.

        Raises StoreUnavailable.
        """
        self._sending.ask(
            lambda: self._client.send_message(text, visibility_timeout=hidden_seconds, time_to_live=NEVER),
            deadline_us=deadline_us,
        )

    def length(self) -> int:
        """About how many messages it holds, the hidden ones too. Raises StoreUnavailable."""
        return self._counting.ask(self._client.get_queue_properties).approximate_message_count or 0
