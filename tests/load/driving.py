"""Drives the built Lambda package: some processes, each takes one batch after the other, and what that took.

An emulator stands behind the processes, which answers one call at a time and slower than AWS. So what a batch waits for
it is measured on the road to it, beside what the process itself computes.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from tests.chaos.account import Account
from tests.chaos.aws_dialect import said, service_of
from tests.chaos.lambda_process import LambdaProcess, Package
from tests.chaos.moving import MovedClock
from tests.chaos.queueing import Message
from tests.chaos.roads import Road, opened
from tests.chaos.weather import Service
from tests.functions.aws_cloud import Sent, queue_event

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MAX_TURNS = 20
"""Of one batch, until all of it is acknowledged."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One call of the function.

    Attributes:
        at_seconds: when it was answered, since the start of the run.
        seconds: until its answer.
        cpu_seconds: of the process meanwhile.
        rss_bytes: the process's resident memory afterwards.
        events: acknowledged with it.
    """

    place: int
    at_seconds: float
    seconds: float
    cpu_seconds: float
    rss_bytes: int
    events: int


@dataclass(slots=True)
class Run:
    """What a run did.

    Attributes:
        taken: calls, in the order of their answers; the first of each process is not among them: it starts it.
        first_seconds: of those, from the start of the process to its first answer.
        waited: service → (calls, seconds that it took for them).
        counts: what the function's own lines of log add up to: commits, conflicts, retries, sent, …
        seconds: from the first batch after the starts to the end.
    """

    workers: int
    taken: list[Taken] = field(default_factory=list)
    first_seconds: list[float] = field(default_factory=list)
    calls: Counter[Service] = field(default_factory=Counter)
    waited_seconds: dict[Service, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    @property
    def events(self) -> int:
        """Acknowledged."""
        return sum(one.events for one in self.taken)

    @property
    def rate(self) -> float:
        """Events a second, of all processes together."""
        return self.events / self.seconds

    def latency_seconds(self, share: float) -> float:
        """So long or less took this share of the calls."""
        ordered = sorted(one.seconds for one in self.taken)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def rss_bytes(self, since: float, until: float) -> float:
        """The mean of a process's resident memory from one share of the calls to another, at least one of them."""
        first = int(since * len(self.taken))
        return statistics.fmean(
            one.rss_bytes for one in self.taken[first : max(first + 1, int(until * len(self.taken)))]
        )

    def took(self, service: Service, seconds: float) -> None:
        """A service took so long for a call."""
        with self._lock:
            self.calls[service] += 1
            self.waited_seconds[service] = self.waited_seconds.get(service, 0.0) + seconds


@dataclass(frozen=True, slots=True)
class Driver:
    """What stays the same from run to run."""

    package: Package
    account: Account
    clock: MovedClock
    log: Path
    turn: Lock = field(default_factory=Lock)

    def run(
        self, workers: int, first: Message, batches: Iterator[Sequence[Message]], *, received_us: int, pack: Path
    ) -> Run:
        """Start the processes with ``first`` each, then take batches until there are none."""
        self.clock.set(received_us)
        run, source = Run(workers), Lock()
        self.log.unlink(missing_ok=True)

        def following() -> Sequence[Message] | None:
            with source:
                return next(batches, None)

        with ExitStack() as stack, ThreadPoolExecutor(workers) as threads:
            processes = [self._started(run, stack, first, received_us, pack) for _ in range(workers)]
            run.calls.clear()
            run.waited_seconds.clear()
            began = time.perf_counter()

            def work(place: int) -> None:
                while (batch := following()) is not None:
                    self._take(run, place, processes[place], batch, received_us, began)

            for future in [threads.submit(work, place) for place in range(workers)]:
                future.result()
            run.seconds = time.perf_counter() - began
        run.counts.update(said_by(self.log))
        return run

    def _started(self, run: Run, stack: ExitStack, first: Message, received_us: int, pack: Path) -> LambdaProcess:
        road = Road(self.account.url, service_of, said, lambda _: "fine", _nobody, self.turn, run.took)
        settings = self.account.settings | self.clock.variables | {"FIRSTSEEN_PACK": str(pack)}
        began = time.perf_counter()
        process = LambdaProcess(
            self.package, settings | {"AWS_ENDPOINT_URL": stack.enter_context(opened(road))}, self.log
        )
        stack.callback(process.close)
        answer = process.call(_event([first], received_us))
        assert answer == {"batchItemFailures": []}, self.log.read_text()[-2_000:]
        run.first_seconds.append(time.perf_counter() - began)
        return process

    def _take(  # noqa: PLR0913, PLR0917 - what it notes
        self, run: Run, place: int, process: LambdaProcess, batch: Sequence[Message], received_us: int, began: float
    ) -> None:
        left = list(batch)
        for _ in range(MAX_TURNS):
            before, at = cpu_seconds(process.process.pid), time.perf_counter()
            answer = process.call(_event(left, received_us))
            now = time.perf_counter()
            assert answer is not None, self.log.read_text()[-2_000:]
            again = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            pid = process.process.pid
            done = sum(one.events for one in left if one.id not in again)
            run.taken.append(Taken(place, now - began, now - at, cpu_seconds(pid) - before, rss_bytes(pid), done))
            left = [one for one in left if one.id in again]
            if not left:
                return
        raise AssertionError("a batch never ended")


def _nobody() -> None:
    """Nobody is killed."""


def _event(messages: Sequence[Message], received_us: int) -> dict[str, object]:
    return dict(queue_event([Sent(one.id, one.body, received_us) for one in messages]))


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_bytes(pid: int) -> int:
    """A process's resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def said_by(log: Path) -> Counter[str]:
    """The function's metrics, which it writes into its log a batch a line, added up."""
    counts: Counter[str] = Counter()
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if '"_aws"' in line:
                said = json.loads(line)
                named = said["_aws"]["CloudWatchMetrics"][0]["Metrics"]
                counts.update({one["Name"]: int(said[one["Name"]][0]) for one in named})
    return counts


def until(seconds: float, batches: Callable[[], Iterator[Sequence[Message]]]) -> Iterator[Sequence[Message]]:
    """Batches for so long, from the first one on."""
    end: float | None = None
    for batch in batches():
        now = time.perf_counter()
        end = now + seconds if end is None else end
        if now >= end:
            return
        yield batch
