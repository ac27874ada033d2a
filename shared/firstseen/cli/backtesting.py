"""One run of ``backtest``: the ordinary pipeline over a state that is thrown away."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from firstseen.adapters.local.addresses import sources_for
from firstseen.baseline.noise import Noise
from firstseen.cli import console
from firstseen.cli.arguments import now_of, source_of
from firstseen.cli.reading import scan
from firstseen.cli.spool import Spool
from firstseen.cli.stores import open_store
from firstseen.deliveries import Match, Report, raised
from firstseen.errors import StoreUnavailable
from firstseen.findings.canaries import CANARY
from firstseen.findings.learning import RULE
from firstseen.pipeline import BATCH_MATCHES, Pipeline
from firstseen.sources.event import Reject
from firstseen.store.store import Change

if TYPE_CHECKING:
    from firstseen.cli.inputs import Advance, Input
    from firstseen.findings.finding import Finding
    from firstseen.findings.sink import Publication
    from firstseen.language.pack import Pack
    from firstseen.store.store import Store

COPIED = 200
COPIED_KINDS = (RULE, "expect")
"""Of a live state's records: what rules have learnt, and what people expect."""


class _Counting:
    """A sink that takes everything and counts it."""

    def __init__(self, noise: Noise) -> None:
        self._noise = noise

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        """Count each."""
        del deadline_us
        for one in findings:
            self._noise.notified(one)
        return ["sent"] * len(findings)


def run_once(args: argparse.Namespace, pack: Pack, inputs: list[Input], *, quiet: bool = False) -> tuple[Noise, int]:
    """The numbers, and how much of the input was rejected (said on standard error unless ``quiet``)."""
    noise = Noise(pack)
    with _own_state() as store, Spool() as spool:
        if args.from_state:
            _copy(args.from_state, store)
        pipeline = Pipeline(
            pack,
            store,
            _Counting(noise),
            owner="backtest",
            clock=lambda: time.time_ns() // 1_000,
            sources=sources_for(pack, os.environ),
        )
        reading = _Reading(args, pipeline, noise, quiet=quiet)
        with console.progress("reading", inputs) as advance:
            for match in reading.matches(inputs, advance):
                spool.add(match)
        if reading.lowest_us:
            pipeline.activate(reading.lowest_us)
        matches = spool.in_order(reading.now_us)
        while batch := list(islice(matches, BATCH_MATCHES)):
            _settle(pipeline, batch, noise)
        pipeline.sweep(ended_us=reading.newest_us)
        for _, stored in store.scan_states():
            if stored.state.rule_id in noise.rules:
                noise.rules[stored.state.rule_id].keys += 1
    return noise, reading.rejected


def _settle(pipeline: Pipeline, batch: list[Match], noise: Noise) -> None:
    report = Report()
    pipeline.settle(batch, report)
    if report.retry:
        raise StoreUnavailable(next(iter(report.retry.values())))
    for one in report.findings:
        noise.found(one)


class _Reading:
    """Reads the input and counts what matches."""

    def __init__(self, args: argparse.Namespace, pipeline: Pipeline, noise: Noise, *, quiet: bool) -> None:
        self.now_us = now_of(args)
        self.lowest_us = self.newest_us = self.rejected = 0
        self._source = source_of(args)
        self._engine = pipeline.engine
        self._noise = noise
        self._quiet = quiet

    def matches(self, inputs: list[Input], advance: Advance) -> Iterator[Match]:
        """Every match; afterwards the number of events is known."""
        count: Counter[str] = Counter()
        found = scan(
            self._engine.scan, inputs, advance, received_us=self.now_us, source=self._source, count=count
        )  # fmt: skip
        for one, item in found:
            if isinstance(item, Reject):
                self._reject(one, item)
                continue
            for reject in raised(item):
                self._reject(one, reject)
            if item.bases:
                time_us = item.event.time_us
                self.lowest_us = min(self.lowest_us or time_us, time_us)
                self.newest_us = max(self.newest_us, time_us)
                self._noise.match(time_us, item.bases)
                yield Match(item.event, item.bases, one.name, f"{one.name}:{item.place}")
        self._noise.events = count["events"]

    def _reject(self, one: Input, reject: Reject) -> None:
        self.rejected += 1
        if not self._quiet:
            console.say_reject(one.name, reject)


@contextmanager
def _own_state() -> Iterator[Store]:
    """A state on disk that goes away: memory stays flat."""
    with tempfile.TemporaryDirectory(prefix="firstseen-") as folder:
        store = open_store(f"sqlite:{folder}/state.db")
        try:
            yield store
        finally:
            store.close()


def _copy(url: str, store: Store) -> None:
    """Key states, rules' rows and expectations of a live state, without canaries'. Its findings stay where they are."""
    live = open_store(url)
    try:
        states = (one for one in live.scan_states() if one[1].state.rule_id != CANARY)
        while batch := list(islice(states, COPIED)):
            store.commit([Change(key, None, replace(stored.state, pending=())) for key, stored in batch])
        for kind in COPIED_KINDS:
            for record in live.scan_records(kind):
                store.put_record(replace(record, version=None))
    finally:
        live.close()
