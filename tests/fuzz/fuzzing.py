"""How much is fuzzed, and what one input may cost.

``make test`` tries the same few inputs each time. ``make fuzz`` tries as many as FIRSTSEEN_FUZZ_EXAMPLES says, other
ones each time, and keeps those that failed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

EXAMPLES = int(os.environ.get("FIRSTSEEN_FUZZ_EXAMPLES", "0"))

MAX_SECONDS = 10.0
"""Of processor time for one input of at most a few hundred kilobytes. It takes milliseconds; this one is a hang."""


def fuzzed(few: int) -> Callable[[Any], Any]:
    """Settings of a test: ``few`` examples, or as many as the environment asks for."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    if EXAMPLES:
        kept = DirectoryBasedExampleDatabase(".hypothesis/examples")
        return settings(max_examples=EXAMPLES, derandomize=False, database=kept, suppress_health_check=slow)
    return settings(max_examples=few, suppress_health_check=slow)


@contextmanager
def bounded(seconds: float = MAX_SECONDS) -> Iterator[None]:
    """Fail when what is done inside takes more than so much processor time; how busy the machine is does not count."""

    def expired(_number: int, _frame: object) -> None:
        raise AssertionError(f"one input took more than {seconds:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, expired)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
