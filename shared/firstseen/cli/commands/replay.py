"""``firstseen replay``: take files through the whole pipeline, in event-time order, and show the findings."""

from __future__ import annotations

import argparse
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from firstseen.adapters.local.addresses import sources_for
from firstseen.cli import console
from firstseen.cli.arguments import add_inputs, now_of, rules_and_inputs, source_of
from firstseen.cli.inputs import find_inputs
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.reading import scan
from firstseen.cli.ruleset import load_pack
from firstseen.cli.spool import Spool
from firstseen.cli.stores import LASTING, open_store
from firstseen.deliveries import Match, Report, raised
from firstseen.findings.text import safe_text
from firstseen.pipeline import BATCH_MATCHES, Pipeline
from firstseen.sources.event import Reject

if TYPE_CHECKING:
    from firstseen.cli.inputs import Advance, Input
    from firstseen.findings.sink import Sink

SUMMARY = "Replay logs through the rules, with state, and report the findings."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``replay --rules PATH… [--state URL] [--format text|jsonl] INPUT…``."""
    add_inputs(parser)
    parser.add_argument("--state", default="memory:", metavar="URL", help=f"memory: (default), {LASTING}")
    parser.add_argument("--format", choices=("text", "jsonl"), default="text")


def run(args: argparse.Namespace) -> int:
    """Findings to standard output; rejects and the summary to standard error."""
    rules, names = rules_and_inputs(args)
    pack = load_pack(rules)
    inputs = find_inputs(names)
    started = time.perf_counter()
    store = open_store(args.state)
    try:
        sink = _sink(args.format)
        pipeline = Pipeline(
            pack,
            store,
            sink,
            owner=uuid.uuid4().hex,
            clock=lambda: time.time_ns() // 1000,
            sources=sources_for(pack, os.environ),
        )
        replay = _Replay(pipeline, now_of(args))
        if any(one.path is None for one in inputs):
            replay.as_it_comes(args, inputs)
        else:
            replay.in_order(args, inputs)
        try:
            replay.finish()
        finally:  # what was done is said, also when the store does not answer any more
            replay.summary(len(pack.correlations), time.perf_counter() - started)
    finally:
        store.close()
    return EXIT_REJECTED if replay.rejected or replay.report.retry else EXIT_DONE


def _sink(form: str) -> Sink:
    if form == "jsonl":
        from firstseen.adapters.local.jsonl import JsonLinesSink

        return JsonLinesSink(sys.stdout.buffer)
    from firstseen.adapters.local.terminal import TerminalSink

    return TerminalSink(sys.stdout, colour=console.colour_wanted(sys.stdout))


class _Replay:
    """One run: counts what it sees and keeps the pipeline's report."""

    def __init__(self, pipeline: Pipeline, now_us: int) -> None:
        self.rejected = 0
        self.report = Report()
        self.count: Counter[str] = Counter()
        self._routed: Counter[str] = Counter()
        self._pipeline = pipeline
        self._now_us = now_us
        self._newest_us = 0
        self._disorder_us = 0

    def in_order(self, args: argparse.Namespace, inputs: list[Input]) -> None:
        """Read everything, then step the matches in event-time order."""
        with Spool() as spool:
            with console.progress("reading", inputs) as advance:
                for match in self._matches(args, inputs, advance):
                    self._newest_us = max(self._newest_us, match.event.time_us)
                    spool.add(match)
            self._pipeline.activate(self._span_us()[0])
            for batch in _batches(spool.in_order(self._now_us)):
                self._settle(batch)

    def as_it_comes(self, args: argparse.Namespace, inputs: list[Input]) -> None:
        """Standard input has no end to wait for: step in the order of arrival and measure the disorder."""
        active = False
        with console.progress("reading", inputs) as advance:
            for match in self._matches(args, inputs, advance):
                if not active:
                    self._pipeline.activate(min(self._span_us()[0], match.event.time_us))
                    active = True
                time_us = match.event.time_us
                self._disorder_us = max(self._disorder_us, self._newest_us - time_us)
                self._newest_us = max(self._newest_us, time_us)
                self._settle([match])

    def finish(self) -> None:
        """Send digests, summaries and what is left over."""
        self.report.merge(self._pipeline.sweep(ended_us=self._span_us()[1]))

    def _span_us(self) -> tuple[int, int]:
        """First and last event time so far; the time of the run when there is none, or when it is in the future."""
        first_us, last_us = self._pipeline.engine.span_us or (self._now_us, self._now_us)
        return min(first_us, self._now_us), min(last_us, self._now_us)

    def summary(self, rules: int, seconds: float) -> None:
        """The last lines on standard error."""
        counts, events = self.report.counts, self.count["events"]
        shown = ", ".join(f"{number} {routing}" for routing, number in sorted(self._routed.items()))
        say = sys.stderr.write
        say(
            f"{events:,} events, {rules} rules, {self._routed.total()} findings"
            f"{f' ({shown})' if shown else ''}, {counts.get('sent', 0)} notifications,"
            f" {self.rejected} rejected, {seconds:.1f} seconds\n"
        )
        if self._routed["learning"]:
            say("what was learnt is not shown: rules learn from the first event on, for as long as each of them says\n")
        if self._disorder_us:
            say(f"standard input was stepped as it came: events up to {self._disorder_us / 1e6:,.0f} s out of order\n")
        if counts.get("missing"):
            say(f"{counts['missing']:,} findings could not be sent: their rows are not in the state any more\n")
        for rule_id, number in self.report.left_out.items():
            say(f"rule {rule_id}: {number:,} terms were not looked at, in events with more than a hundred of them\n")
        for handle, reason in self.report.retry.items():
            say(f"not finished: {safe_text(handle, 200)}: {safe_text(reason, 200)}; run the same command again\n")

    def _matches(self, args: argparse.Namespace, inputs: list[Input], advance: Advance) -> Iterator[Match]:
        found = scan(
            self._pipeline.engine.scan,
            inputs,
            advance,
            received_us=self._now_us,
            source=source_of(args),
            count=self.count,
        )
        for one, item in found:
            if isinstance(item, Reject):
                self.rejected += 1
                console.say_reject(one.name, item)
                continue
            for reject in raised(item):
                self.rejected += 1
                console.say_reject(one.name, reject)
            for remark in item.event.remarks:
                console.say_remark(f"{one.name}:{item.place}", remark)
            if item.bases:
                yield Match(item.event, item.bases, one.name, f"{one.name}:{item.place}")

    def _settle(self, batch: list[Match]) -> None:
        report = Report()
        self._pipeline.settle(batch, report)
        self._routed.update(one.routing for one in report.findings)
        report.findings.clear()  # they are in the store; a long input has more of them than memory
        self.report.merge(report)


def _batches(matches: Iterator[Match]) -> Iterator[list[Match]]:
    while batch := list(islice(matches, BATCH_MATCHES)):
        yield batch
