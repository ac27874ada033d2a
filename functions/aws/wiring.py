"""Builds what the Lambda functions run with, once for each container."""

from __future__ import annotations

import gc
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from boto3.session import Session
from botocore.config import Config

from firstseen.adapters.aws.clients import dynamodb_client, sns_client
from firstseen.adapters.aws.dynamodb import WORKERS, DynamoStore
from firstseen.adapters.aws.packs import S3Shelf, packs_client
from firstseen.adapters.aws.sns import SNSSink
from firstseen.adapters.local.addresses import Databases
from firstseen.baseline.slices import announce
from firstseen.deliveries import Report
from firstseen.errors import FirstseenError, RuleError, SettingsError, StoreUnavailable
from firstseen.findings.sink import Sink
from firstseen.language.in_force import InForce
from firstseen.language.pack import Pack, load
from firstseen.pipeline import Clock, Pipeline
from firstseen.settings.aws import AwsSettings
from firstseen.sources.source import Source
from firstseen.store.store import Store
from functions.aws.objects import Objects
from functions.aws.rejects import Rejects

ROOT = Path(__file__).resolve().parent.parent.parent
"""The package's root: where the pack lies."""

MARGIN_SHARE, MIN_MARGIN_US = 0.2, 5_000_000
"""Of the time left, what is kept for settling, rejects and the answer."""

_PATIENT = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
"""For S3 and the rejects queue, whose calls nobody else repeats."""


class Context(Protocol):
    """Lambda's context object; the parts that are used."""

    @property
    def aws_request_id(self) -> str:
        """Names the call in the log."""
        ...

    def get_remaining_time_in_millis(self) -> int:
        """Until the call is cut off."""
        ...


@dataclass(slots=True)
class Parts:
    """Everything that a handler uses.

    Attributes:
        databases: of addresses, for rules that ask whose one is.
        measured: the store, if it counts what it does.
        active: whether the rules' activation is known to be stamped.
        published: which published pack is run; None: the package's own, always.
    """

    settings: AwsSettings
    pack: Pack
    make: Callable[[Pack], Pipeline]
    pipeline: Pipeline
    store: Store
    objects: Objects
    rejects: Rejects
    logger: Logger
    metrics: Metrics
    clock: Clock
    databases: Databases
    measured: DynamoStore
    active: bool = False
    published: InForce | None = None
    _operations: Counter[str] = field(default_factory=Counter)

    def activate(self) -> None:
        """Run the rules that are in force, and stamp their activation, once for their life.

        Raises StoreUnavailable: ask again with the next call.
        """
        self.look()
        if not self.active:
            if self.settings.baseline_days:
                announce(self.store, self.pack, now_us=self.clock())
            self.pipeline.activate(self.clock())
            self.active = True

    def adopt(self, pack: Pack) -> None:
        """Run this pack from now on. Raises RuleError, and changes nothing, when it cannot be run."""
        self.pipeline, self.pack, self.active = self.make(pack), pack, False

    def look(self) -> None:
        """See whether another pack is published, if it is time to; say what was refused.

        Raises StoreUnavailable when it is not known what should run: what came with the package may lack the very rule
        that an event is for.
        """
        if self.published is None:
            return
        looked = self.published.look(self.clock())
        if looked.looked and looked.refused:
            self.metrics.add_metric("pack_refused", MetricUnit.Count, 1)
            self.metrics.flush_metrics()
        if looked.first:
            self.logger.error("rules are not taken", extra={"reason": looked.refused, "runs": self.pack.version})
        if looked.changed:
            self.logger.info("rules are taken", extra={"runs": self.pack.version, "rules": len(self.pack.correlations)})
        if not self.published.answered:
            raise StoreUnavailable(looked.refused)

    def operations(self) -> dict[str, int]:
        """What the store did since this was asked last: calls, reads, writes, transactions, retries."""
        before, self._operations = self._operations, Counter(self.measured.operations)
        return dict(self._operations - before)

    def deadline_us(self, context: Context) -> int:
        """When no further work is begun."""
        left_us = context.get_remaining_time_in_millis() * 1_000
        return self.clock() + left_us - max(int(left_us * MARGIN_SHARE), MIN_MARGIN_US)


def now_us() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000


def say_missing(parts: Parts, report: Report) -> None:
    """A key waited for findings whose rows have gone from the table: somebody deleted them."""
    if number := report.counts.get("missing", 0):
        parts.logger.error("findings were not sent: their rows are not in the table any more", extra={"number": number})


def read_pack(path: Path) -> Pack:
    """Raises SettingsError when there is no file, RuleError when it is no pack."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        msg = (
            f"no rule pack at {path.name}: {exc.strerror}; build the package with 'make build-aws', which puts it there"
        )
        raise SettingsError(msg) from exc
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
    session: Session | None = None,
    wrapped: Callable[[Store, Sink], tuple[Store, Sink]] = lambda store, sink: (store, sink),
) -> Parts:
    """Read settings and pack, make the clients. Raises FirstseenError.

    ``wrapped`` stands between the pipeline and its store and sink: tests put faults in.
    """
    settings = AwsSettings.read(environment)
    pack = read_pack(ROOT / settings.pack)
    session = session or Session()
    dynamo = DynamoStore(settings.table, client=dynamodb_client(session, connections=WORKERS))
    topic = sns_client(session, region=settings.topic_arn.split(":")[3])
    store, sink = wrapped(dynamo, SNSSink(settings.topic_arn, client=topic, https=settings.https, clock=clock))
    owner = uuid.uuid4().hex

    databases = Databases(settings.addresses)

    def make(pack: Pack) -> Pipeline:
        sources = sources_of(pack, databases)
        pipeline = Pipeline(pack, store, sink, owner=owner, clock=clock, sources=sources)
        pipeline.engine.compile()
        return pipeline

    parts = Parts(
        settings,
        pack,
        make,
        make(pack),
        store,
        Objects(lambda: session.client("s3", config=_PATIENT), clock),
        Rejects(settings.rejects_url, lambda: session.client("sqs", config=_PATIENT)),
        Logger(service=settings.service, level=settings.log_level),
        Metrics(namespace=settings.namespace, service=settings.service),
        clock,
        databases,
        dynamo,
    )
    if settings.packs:
        bucket, _, prefix = settings.packs.removeprefix("s3://").partition("/")
        shelf = S3Shelf(bucket, prefix, lambda: packs_client(session))
        parts.published = InForce(shelf, settings.packs_seconds * 1_000_000, parts.adopt)
        with suppress(StoreUnavailable):  # the first call asks again
            parts.look()
    return parts


class Start:
    """A container's start: made while the module is imported, so that it counts as initialisation.

    A fault is logged once and raised by every call: each fails as a whole, nothing is acknowledged, and the function's
    errors raise their alarm.
    """

    def __init__(self, make: Callable[[], Parts]) -> None:
        self._parts: Parts | None = None
        self._fault = ""
        gc.disable()  # all that a start makes lives on: collecting meanwhile finds nothing, and costs a third of it
        try:
            self._parts = make()
        except FirstseenError as exc:
            self._fault = f"firstseen cannot start: {exc}"
            Logger(service="firstseen").error(self._fault)
        else:
            gc.freeze()  # what lives as long as the container is not looked at by each collection
        finally:
            gc.enable()

    def parts(self) -> Parts:
        """Raises SettingsError when the start failed."""
        if self._parts is None:
            raise SettingsError(self._fault)
        return self._parts


def start() -> Start:
    """The start of this process, from its environment."""
    return Start(lambda: build(os.environ))
