"""Where rejects and dead letters lie: ``sqs:QUEUE-URL``, ``queue:QUEUE``, ``queue:ACCOUNT/QUEUE``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from firstseen.errors import SettingsError

if TYPE_CHECKING:
    from firstseen.sources.letters import Letters

FORMS = "sqs:QUEUE-URL (AWS), queue:ACCOUNT/QUEUE or queue:QUEUE (Azure)"
MAX_SHOWN = 200


def open_letters(url: str, to: str, *, endpoint_url: str | None = None) -> Letters:
    """The queue that the URL names; ``to`` in the same form, "": where its kind goes back to. Raises SettingsError."""
    scheme, _, rest = url.partition(":")
    to_scheme, _, to_rest = to.partition(":")
    if to and (to_scheme != scheme or not to_rest):
        msg = f"--to {to[:MAX_SHOWN]!r}: write it like --from: {FORMS}"
        raise SettingsError(msg)
    match scheme:
        case "sqs" if rest:
            return _sqs(rest, to_rest, endpoint_url)
        case "queue" if rest:
            return _queue(rest, to_rest)
    msg = f"--from {url[:MAX_SHOWN]!r}: use {FORMS}"
    raise SettingsError(msg)


def _sqs(url: str, to: str, endpoint_url: str | None) -> Letters:
    try:
        from firstseen.adapters.aws.dead_letters import SqsLetters, sqs_client
    except ModuleNotFoundError as exc:
        msg = f"sqs:{url[:MAX_SHOWN]} needs boto3: pip install --require-hashes -r requirements/aws.txt"
        raise SettingsError(msg) from exc
    return SqsLetters(url, sqs_client(url, endpoint_url=endpoint_url), to=to)


def _queue(place: str, to: str) -> Letters:
    """The variables are those of the Azure CLI, as for ``tables:``."""
    try:
        from firstseen.adapters.azure.dead_letters import queue_letters
    except ModuleNotFoundError as exc:
        msg = f"queue:{place[:MAX_SHOWN]} needs Azure's SDK: pip install --require-hashes -r requirements/azure.txt"
        raise SettingsError(msg) from exc
    account, _, queue = place.rpartition("/")
    connection_string = "" if account else os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    account = account or os.environ.get("AZURE_STORAGE_ACCOUNT", "")
    if not account and not connection_string:
        msg = f"queue:{place[:MAX_SHOWN]}: of which account? Write queue:ACCOUNT/QUEUE, and sign in with 'az login'"
        raise SettingsError(msg)
    to_account, _, to_queue = to.rpartition("/")
    if to_account and to_account != account:
        msg = f"--to: {to_account[:MAX_SHOWN]} is another account"
        raise SettingsError(msg)
    return queue_letters(account, queue, connection_string=connection_string, **({"to": to_queue} if to_queue else {}))
