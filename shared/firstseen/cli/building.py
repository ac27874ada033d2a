"""``baseline build``: history from files, taken through the rules in event-time order."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from firstseen.adapters.local.addresses import sources_for
from firstseen.baseline.build import Build, Built, reach, with_memory
from firstseen.cli import console
from firstseen.cli.arguments import now_of
from firstseen.cli.inputs import Advance, Input, find_inputs
from firstseen.cli.live import live_store
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.reading import scan
from firstseen.cli.ruleset import load_pack
from firstseen.cli.spool import Spool
from firstseen.cli.times import moment_us
from firstseen.deliveries import Match, raised
from firstseen.findings.safe import safe_text
from firstseen.findings.times import about, span
from firstseen.sources.event import Reject

if TYPE_CHECKING:
    from firstseen.language.pack import Pack
    from firstseen.store.store import Store

SHOWN_EVERY_SECONDS = 10.0


def clock() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1_000


def build(args: argparse.Namespace) -> int:
    """``baseline build``; the exit status."""
    pack = with_memory(load_pack(args.rules))
    now_us = now_of(args)
    with live_store(args, create=True) as store:
        since_us = moment_us("--since", args.since, now_us) if args.since else None
        return _FileBuild(pack, store, now_us, since_us).run(args, find_inputs(args.inputs))


def begin(pack: Pack, store: Store, input_name: str, shown: str, *, again: bool) -> Build:
    """A build that goes on where an earlier run over the same input stopped, unless told otherwise."""
    sources = sources_for(pack, os.environ)
    made = Build(pack, pack.correlations, store, clock, uuid.uuid4().hex, input_name, shown, sources=sources)
    if again:
        made.again()
    elif made.settled and not made.finished:
        sys.stderr.write(f"going on after {made.settled:,} matches of an earlier run\n")
    return made


def say_built(built: list[Built], from_us: int, to_us: int) -> None:
    """What each rule knows now, on standard output."""
    covered = to_us - from_us
    for one in built:
        if one.complete:
            known = "complete"
        else:
            known = f"not complete: the history covers {about(covered)} of the rule's {span(one.rule.timespan_us)}"
        print(f"{one.rule.card.id}  {safe_text(one.rule.card.title, 80)}: {known}; {one.findings:,} findings learnt")


class Told:
    """Progress and an estimate on standard error, now and then, to a terminal."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._began = self._last = time.monotonic()

    def say(self, done: int) -> None:
        """``done`` of the total are done."""
        now = time.monotonic()
        if now - self._last < SHOWN_EVERY_SECONDS or not sys.stderr.isatty() or not done:
            return
        self._last = now
        left = (now - self._began) / done * max(0, self._total - done)
        sys.stderr.write(f"{self._what}: {done:,} of {self._total:,}, about {about(int(left * 1e6))} left\n")


class _FileBuild:
    """One build from files."""

    def __init__(self, pack: Pack, store: Store, now_us: int, since_us: int | None) -> None:
        self._pack = pack
        self._store = store
        self._now_us = now_us
        self._since_us = since_us
        self._rejected = 0
        self._lowest_us = self._newest_us = 0

    def run(self, args: argparse.Namespace, inputs: list[Input]) -> int:
        """Read everything, settle the matches in event-time order, then say what is known."""
        name = _input_name(inputs, self._since_us)
        made = begin(self._pack, self._store, name, ", ".join(args.inputs)[:200], again=args.again)
        if made.finished:
            print("this input is in the baseline already; --again takes it once more")
            return EXIT_DONE
        with Spool() as spool:
            with console.progress("reading", inputs) as advance:
                for match in self._matches(made, inputs, advance):
                    spool.add(match)
            told = Told("matches", len(spool))
            for done in made.step(spool.in_order(self._now_us)):
                told.say(done)
        from_us = self._lowest_us if self._since_us is None else self._since_us
        # Whoever says where the history begins has all of it since; otherwise only what matched proves anything.
        to_us = max(self._newest_us + 1, from_us) if self._since_us is None else reach(self._now_us)
        say_built(made.finish(from_us=from_us, to_us=to_us), from_us, to_us)
        sys.stderr.write(f"{made.settled:,} matches, {self._rejected} rejected\n")
        return EXIT_REJECTED if self._rejected else EXIT_DONE

    def _matches(self, made: Build, inputs: list[Input], advance: Advance) -> Iterator[Match]:
        found = scan(
            made.pipeline.engine.scan, inputs, advance, received_us=self._now_us, source=None, count=Counter()
        )  # fmt: skip
        for one, item in found:
            if isinstance(item, Reject):
                self._reject(one, item)
                continue
            for reject in raised(item):
                self._reject(one, reject)
            time_us = item.event.time_us
            if not item.bases or not (self._since_us or 0) <= time_us < reach(self._now_us):
                continue
            self._lowest_us = min(self._lowest_us or time_us, time_us)
            self._newest_us = max(self._newest_us, time_us)
            yield Match(item.event, item.bases, one.name, f"{one.name}:{item.place}")

    def _reject(self, one: Input, reject: Reject) -> None:
        self._rejected += 1
        console.say_reject(one.name, reject)


def _input_name(inputs: list[Input], since_us: int | None) -> str:
    """What these inputs are, exactly: a file that has changed is another input. "": standard input has no name."""
    said = hashlib.sha256(f"{since_us}".encode())
    for one in inputs:
        if one.path is None:
            return ""
        changed_ns = one.path.stat().st_mtime_ns if one.path.exists() else 0
        said.update(f"\0{one.name}\0{one.size_bytes}\0{changed_ns}".encode("utf-8", "surrogateescape"))
    return said.hexdigest()
