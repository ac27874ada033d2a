"""Builds what the Function app runs with, once for each process."""

from __future__ import annotations

import gc
import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING

from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.transport import RequestsTransport
from requests import Session  # azure-core's own
from requests.adapters import HTTPAdapter

from firstseen.adapters.azure import clients
from firstseen.adapters.azure.calling import Backoff
from firstseen.adapters.azure.event_grid import EventGridSink
from firstseen.adapters.azure.table_store import WORKERS, TableStore
from firstseen.adapters.local.addresses import Databases
from firstseen.baseline.lookup import ACTIVITY_LOG
from firstseen.baseline.slices import announce
from firstseen.errors import FirstseenError, RuleError, SettingsError, StoreUnavailable
from firstseen.findings.sink import Sink
from firstseen.language.in_force import InForce
from firstseen.language.pack import Pack, load
from firstseen.language.published import Shelf
from firstseen.pipeline import Clock, Pipeline
from firstseen.settings.azure import AzureSettings
from firstseen.sources.source import Source
from firstseen.store.store import Store
from functions.azure.arrivals import Arrivals
from functions.azure.aside import Keeper
from functions.azure.limits import Limits, limit_us, limits
from functions.azure.logs import LOGGER, Log, LoggedSink
from functions.azure.pipelines import MOST, Pipelines

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

ROOT = Path(__file__).resolve().parent.parent.parent
"""The package's root: where the pack lies."""

HOST = Path(__file__).with_name("host.json")
"""What the host is told; the package has the same file in its root."""

CONNECTIONS = WORKERS + 2 * MOST
"""Of the table's client, which every call shares: its threads, those that have a pipeline, and those that look what is
in force. More at once would be opened anew each time, with a warning.
"""

STORE_ATTEMPTS = 5
"""Of one call on the table: a service that hangs must not take the time that putting aside needs."""


@dataclass(slots=True)
class Parts:
    """Everything that the triggers use. Several calls share it.

    Attributes:
        databases: of addresses, for rules that ask whose one is.
        identity: makes the app's identity, when something asks as it.
        measured: the store, if it counts what it does.
        keeper: puts deliveries aside, and keeps dead letters and rejects.
        arrivals: reads blobs that others put in.
        limit_us: how long a call may take.
        active: whether the rules' activation is known to be stamped.
        published: which published pack is run; None: the package's own, always.
    """

    settings: AzureSettings
    make: Callable[[Pack], Pipeline]
    pipelines: Pipelines
    store: Store
    keeper: Keeper
    arrivals: Arrivals
    log: Log
    clock: Clock
    databases: Databases
    identity: Callable[[], TokenCredential]
    measured: TableStore
    limit_us: int
    active: bool = False
    published: InForce | None = None
    _operations: Counter[str] = field(default_factory=Counter)
    _lock: RLock = field(default_factory=RLock)

    @property
    def pack(self) -> Pack:
        """The rules that are run."""
        return self.pipelines.pack

    def activate(self) -> Pipelines:
        """Look which rules are in force, and stamp their activation, once for their life; what runs them.

        Raises StoreUnavailable: ask again with the next call.
        """
        with self._lock:
            self.look()
            if not self.active:
                if self.settings.baseline_days:
                    announce(self.store, self.pack, now_us=self.clock(), log=ACTIVITY_LOG)
                with self.pipelines.lent(self.clock() + self.limit_us) as pipeline:
                    pipeline.activate(self.clock())
                self.active = True
            return self.pipelines

    def adopt(self, pack: Pack) -> None:
        """Run this pack from now on. Raises RuleError, and changes nothing, when it cannot be run.

        Calls that are under way end with the rules that they began with.
        """
        self.pipelines, self.active = Pipelines(pack, self.make, self.clock), False

    def look(self) -> None:
        """See whether another pack is published, if it is time to; say what was refused.

        Raises StoreUnavailable when it is not known what should run: what came with the package may lack the very rule
        that an event is for.
        """
        if self.published is None:
            return
        with self._lock:
            looked = self.published.look(self.clock())
        runs = {"runs": self.pack.version}
        if looked.refused:  # at each look: the alarm stays on while it is so
            self.log.say("packs refused", {"reason": looked.refused} | runs, level=logging.ERROR)
        if looked.changed:
            self.log.say("packs taken", runs | {"rules": len(self.pack.correlations)})
        if not self.published.answered:
            raise StoreUnavailable(looked.refused)

    def operations(self) -> dict[str, int]:
        """What the store did since this was asked last, for whichever call: calls, reads, writes, transactions."""
        with self._lock:
            before, self._operations = self._operations, Counter(self.measured.operations)
            return dict(self._operations - before)

    def limits(self) -> Limits:
        """Of a call that begins now."""
        return limits(self.clock(), self.limit_us)


def now_us() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000


def read_pack(path: Path) -> Pack:
    """Raises SettingsError when there is no file, RuleError when it is no pack."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        mend = "build the package with 'make build-azure', which puts it there"
        raise SettingsError(f"no rule pack at {path.name}: {exc.strerror}; {mend}") from exc
    return load(data)


def sources_of(pack: Pack, databases: Databases) -> Mapping[str, Source]:
    """The log sources that a pack is run with.

    Raises RuleError when it has rules that need a database of addresses, and none can be read: a published pack with
    such rules is refused like one that does not compile.
    """
    try:
        return databases.sources(pack)
    except SettingsError as exc:
        raise RuleError(str(exc)) from exc


def build(
    environment: Mapping[str, str],
    *,
    clock: Clock = now_us,
    host: Path = HOST,
    over_store: Callable[[Store], Store] = lambda store: store,
    over_sink: Callable[[Sink], Sink] = lambda sink: sink,
) -> Parts:
    """Read settings, pack and time limit, make the clients. Raises FirstseenError.

    ``over_store`` and ``over_sink`` stand between pipelines and their store and sink: tests put faults in.
    """
    settings = AzureSettings.read(environment)
    pack = read_pack(ROOT / settings.pack)
    identity = _Identity(dict(environment))
    table = _table(settings, identity)
    log = Log(settings.service)
    store = over_store(table)
    databases = Databases([str(ROOT / one) for one in settings.addresses])

    def make(pack: Pack) -> Pipeline:
        sources = sources_of(pack, databases)
        credential = AzureKeyCredential(settings.topic_key) if settings.topic_key else identity()
        sink = over_sink(LoggedSink(EventGridSink(settings.topic, credential, clock=clock), log))
        pipeline = Pipeline(pack, store, sink, owner=uuid.uuid4().hex, clock=clock, sources=sources)
        pipeline.engine.compile()
        return pipeline

    parts = Parts(
        settings,
        make,
        Pipelines(pack, make, clock),
        store,
        Keeper(settings, identity, clock),
        Arrivals(settings, identity, clock),
        log,
        clock,
        databases,
        identity,
        table,
        limit_us(host),
    )
    if settings.packs:
        parts.published = InForce(_shelf(settings, identity), settings.packs_seconds * 1_000_000, parts.adopt)
        with suppress(StoreUnavailable):  # the first call asks again
            parts.look()
    return parts


class _Identity:
    """The app's identity, made when something asks for it: with keys, nothing does."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._made: TokenCredential | None = None
        self._lock = Lock()

    def __call__(self) -> TokenCredential:
        with self._lock:
            if self._made is None:
                self._made = clients.credential(self._environment)
            return self._made


def _table(settings: AzureSettings, identity: _Identity) -> TableStore:
    """The state; with a connection string by its key."""
    transport = wide_transport(CONNECTIONS)
    if settings.connection_string:
        client = clients.local_table_client(settings.connection_string, settings.table, transport=transport)
    else:
        client = clients.table_client(settings.table_url, settings.table, credential=identity(), transport=transport)
    return TableStore(client, backoff=Backoff(attempts=STORE_ATTEMPTS))


def wide_transport(connections: int) -> RequestsTransport:
    """One that keeps so many connections to a host; by itself it would keep ten. It makes no repeats of its own."""
    session, adapter = Session(), HTTPAdapter(pool_maxsize=connections)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return RequestsTransport(session=session)


def _shelf(settings: AzureSettings, identity: _Identity) -> Shelf:
    from firstseen.adapters.azure.packs import blob_shelf  # noqa: PLC0415 - only where packs are published

    return blob_shelf(settings.packs, connection_string=settings.connection_string, identity=identity)


class Start:
    """A process's start, made with its first call: the host indexes the app long before, and in other processes.

    A fault is raised by every call until the start succeeds: the trigger's retry policy holds what came, and nothing is
    lost.
    """

    def __init__(self, make: Callable[[], Parts]) -> None:
        self._make = make
        self._parts: Parts | None = None
        self._lock = Lock()

    def parts(self) -> Parts:
        """Raises SettingsError when the start failed."""
        with self._lock:
            if self._parts is None:
                gc.disable()  # all that a start makes lives on: collecting meanwhile finds nothing, and costs a third
                try:
                    self._parts = self._make()
                except FirstseenError as exc:
                    raise SettingsError(f"firstseen cannot start: {exc}") from exc
                finally:
                    gc.enable()
                gc.freeze()  # what lives as long as the process is not looked at by each collection
            return self._parts


def start() -> Parts:
    """From this process's environment; the SDKs' line for each of their calls is left out of the log."""
    logging.getLogger("azure").setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    return build(os.environ)


STARTED = Start(start)
