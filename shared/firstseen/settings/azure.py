"""What the Function app is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firstseen.settings.prefixes import FORM as PREFIXES_FORM
from firstseen.settings.prefixes import VARIABLE as SOURCES
from firstseen.settings.prefixes import Prefix, prefixes
from firstseen.settings.variables import NONE, Reader, Variable, matching, name, number

MAX_DATABASES = 8
"""Files of addresses."""

MAX_SUBSCRIPTIONS = 100
"""Whose history is read."""

_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_SERVICE_URL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:\d{1,5})?(/[a-z0-9]{3,24})?/?")
_TOPIC = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:\d{1,5})?(/[^\s?#]{0,500})?")
_PACKS = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:\d{1,5})?(/[A-Za-z0-9!_.*'()$-]{1,250}){1,9}/?")
_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,4}")


def _url(text: str) -> str | None:
    return text.rstrip("/") if _SERVICE_URL.fullmatch(text) else None


def _address(text: str) -> str | None:
    return "" if text == NONE else text if _PACKS.fullmatch(text) else None


def _subscriptions(days: int) -> Callable[[str], tuple[str, ...] | None]:
    """Ids, each once and in lower case. With days of history to read, ``none`` is no answer: what was built from no
    history would count as a whole baseline.
    """

    def parse(text: str) -> tuple[str, ...] | None:
        ids = tuple(dict.fromkeys(one.strip().casefold() for one in text.split(",")))
        if text == NONE:
            return None if days else ()
        return ids if len(ids) <= MAX_SUBSCRIPTIONS and all(map(_SUBSCRIPTION.fullmatch, ids)) else None

    return parse


def _files(text: str) -> tuple[str, ...] | None:
    named = tuple(text.split(":"))
    return () if text == NONE else named if len(named) <= MAX_DATABASES and all(map(_FILE.fullmatch, named)) else None


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """What the Function app is told.

    Attributes:
        table: name of the state's table.
        table_url, queue_url, blob_url: the three services of the storage account; "" with a connection string.
        topic: the endpoint of the Event Grid topic of the findings.
        pack: the rule pack's file, relative to the package's root.
        service: the deployment's name, in every line of its log.
        packs: where rule packs are published; "": nowhere, the package's own is run.
        packs_seconds: how often that place is looked at, by each process that has work.
        baseline_days: how much of the Activity Log a rule learns from before it speaks; 0: none.
        baseline_subscriptions: whose Activity Log; in lower case.
        addresses: databases of addresses, relative to the package's root.
        canary_hours: how often canaries are sent; 0: never.
        sources: which log lies below which prefix of ``CONTAINER/BLOB``; the rest is recognised.
        connection_string: of the storage account, for emulators; "": the app's identity asks.
        topic_key: of the topic, for a stand-in of it; "": the app's identity asks.
        again_seconds: how long a delivery waits that is put aside for the first time; then twice as long, and so on.
    """

    table: str
    table_url: str
    queue_url: str
    blob_url: str
    topic: str
    pack: str
    service: str
    packs: str
    packs_seconds: int
    baseline_days: int
    baseline_subscriptions: tuple[str, ...]
    addresses: tuple[str, ...]
    canary_hours: int
    sources: tuple[Prefix, ...]
    connection_string: str
    topic_key: str
    again_seconds: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> AzureSettings:
        """Raises SettingsError with every fault."""
        reader = Reader(environment)
        connection_string = reader.read(CONNECTION_STRING, _none_is_empty, "a connection string", "")

        def url(variable: Variable, service: str) -> str:
            form = f"https://ACCOUNT.{service}.core.windows.net"
            return "" if connection_string else reader.read(variable, _url, form, "")

        days = reader.read(BASELINE_DAYS, number(0, 90), "0 to 90", 0)
        ids_form = f"1 to {MAX_SUBSCRIPTIONS} ids divided by commas" + ("" if days else ", or none")
        files_form = f"1 to {MAX_DATABASES} files of the package, divided by colons, or none"
        topic_form = "https://NAME.REGION-1.eventgrid.azure.net/api/events"
        found = cls(
            reader.read(TABLE, matching(_TABLE), "3 to 63 letters and digits, a letter first", ""),
            url(TABLE_URL, "table"),
            url(QUEUE_URL, "queue"),
            url(BLOB_URL, "blob"),
            reader.read(TOPIC, matching(_TOPIC), topic_form, ""),
            reader.read(PACK, lambda text: text, "a file's path", ""),
            reader.read(SERVICE, name, "letters, digits and -_./", ""),
            reader.read(PACKS, _address, "https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX or none", ""),
            reader.read(PACKS_SECONDS, number(10, 86_400), "10 to 86400", 0),
            days,
            reader.read(BASELINE_SUBSCRIPTIONS, _subscriptions(days), ids_form, ()),
            reader.read(ADDRESSES, _files, files_form, ()),
            reader.read(CANARY_HOURS, number(0, 168), "0 to 168", 0),
            reader.read(SOURCES, prefixes, PREFIXES_FORM, ()),
            connection_string,
            reader.read(TOPIC_KEY, _none_is_empty, "a key", ""),
            reader.read(AGAIN_SECONDS, number(0, 3_600), "0 to 3600", 0),
        )
        reader.finish()
        return found


def _none_is_empty(text: str) -> str:
    return "" if text == NONE else text


STORAGE = "FIRSTSEEN_STORAGE"
"""The connection that the queue's trigger names. The host reads its account from the variables that begin so, and so do
we: one set of them serves both.
"""

EVENTS = "FIRSTSEEN_EVENTS"
"""The connection that the Event Hub's trigger names; only the host reads ``FIRSTSEEN_EVENTS__…``."""

TABLE = Variable("FIRSTSEEN_TABLE", "the storage table of the state", "firstseen")
TABLE_URL = Variable(f"{STORAGE}__tableServiceUri", "the storage account's tables")
QUEUE_URL = Variable(f"{STORAGE}__queueServiceUri", "the storage account's queues")
BLOB_URL = Variable(f"{STORAGE}__blobServiceUri", "the storage account's blobs")
TOPIC = Variable("FIRSTSEEN_TOPIC_ENDPOINT", "the Event Grid topic of the findings")
PACK = Variable("FIRSTSEEN_PACK", "the rule pack in the app's package", "rules.pack")
SERVICE = Variable("FIRSTSEEN_SERVICE", "the name of this deployment", "firstseen")
PACKS = Variable("FIRSTSEEN_PACKS", "where rule packs are published", NONE)
PACKS_SECONDS = Variable("FIRSTSEEN_PACKS_SECONDS", "seconds between two looks at that place", "120")
BASELINE_DAYS = Variable("FIRSTSEEN_BASELINE_DAYS", "days of the Activity Log that baselines are built from", "0")
BASELINE_SUBSCRIPTIONS = Variable("FIRSTSEEN_BASELINE_SUBSCRIPTIONS", "subscriptions of that log", NONE)
ADDRESSES = Variable("FIRSTSEEN_ADDRESS_DATABASES", "databases of addresses in MaxMind's format", NONE)
CANARY_HOURS = Variable("FIRSTSEEN_CANARY_HOURS", "hours between two rounds of canaries", "0")

EVENTS_HUB = Variable("FIRSTSEEN_EVENTS_HUB", "the event hub that the logs are sent to")
EVENTS_NAMESPACE = Variable(f"{EVENTS}__fullyQualifiedNamespace", "the namespace of that hub")

CONNECTION_STRING = Variable(STORAGE, "the storage account by its key, for emulators", NONE)
TOPIC_KEY = Variable("FIRSTSEEN_TOPIC_KEY", "the topic's key, for a stand-in of it", NONE)
AGAIN_SECONDS = Variable("FIRSTSEEN_AGAIN_SECONDS", "seconds before a delivery is tried again for the first time", "30")

AZURE_VARIABLES = (
    *(TABLE, TABLE_URL, QUEUE_URL, BLOB_URL, TOPIC, PACK, SERVICE),
    *(PACKS, PACKS_SECONDS, BASELINE_DAYS, BASELINE_SUBSCRIPTIONS, ADDRESSES, SOURCES, CANARY_HOURS),
)
"""Every variable that the app reads in a deployment."""

HOST_VARIABLES = (EVENTS_HUB, EVENTS_NAMESPACE)
"""What only the triggers need, which the host resolves."""

LOCAL_VARIABLES = (CONNECTION_STRING, TOPIC_KEY, AGAIN_SECONDS)
"""What the app reads for emulators and tests; a deployment does not set them: two of them hold keys."""
