"""What a run in bad weather came to, for whoever reads along."""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos.queueing import Waiting
from tests.chaos.weather import Weather


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of one run. ``again``: notifications beyond one for each finding."""

    events: int
    workers: int
    seconds: float
    findings: int
    again: int
    weather: Weather
    waiting: Waiting

    def tell(self, processes: str) -> None:
        """Print it, with what became of the processes."""
        kills, most = self.weather.kills, max(self.waiting.received.values())
        between = self.seconds / max(1, kills)
        found = f"{self.findings:,} findings, {self.again:,} told again"
        lines = (
            f"{self.events:,} events, {self.workers} workers, {self.seconds:.0f} s: {found}",
            f"{processes}, {kills} were killed ({between:.1f} s between)",
            f"{self.waiting.returned} batches came back, a message was handed out up to {most} times",
            f"calls: {dict(self.weather.calls)}; {dict(sorted(self.weather.seen.items()))}",
        )
        print("", *lines, sep="\n  ")  # noqa: T201 - shown by make chaos
