"""What all suites share: how Hypothesis searches, and how long each suite may take."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import hypothesis
import pytest

# Every run tries the same examples: a failure is the change's, not the day's. To look further:
# `.venv/bin/pytest --hypothesis-profile=search tests/properties`.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=5_000, print_blob=True)
hypothesis.settings.load_profile("same")

BUDGET_SECONDS = {
    "unit": 240,
    "contracts": 450,
    "properties": 300,
    "faults": 420,
    "conformance": 120,
    "functions": 720,
    "infra": 240,
    "benchmarks": 120,
    "examples": 60,
    "chaos": 210,
    "load": 60,
    "fuzz": 90,
}
"""What the tests of a folder may take, added up: two workers halve the wait, not this."""

_ROOT = Path(__file__).parent.name


def _suite_of(node_id: str) -> str:
    """The folder below tests/, or the file for a test that lies in tests/ itself."""
    return node_id.removeprefix(f"{_ROOT}/").partition("::")[0].partition("/")[0]


class _Clock:
    """Adds up what the tests of each suite took."""

    def __init__(self) -> None:
        self.taken_seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.taken_seconds[_suite_of(report.nodeid)] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.taken_seconds:
            return
        terminalreporter.section("suites")
        for suite, taken in sorted(self.taken_seconds.items()):
            budget = BUDGET_SECONDS.get(suite)
            if budget is None:
                line = f"suite {suite}: {taken:.0f} s, without a budget: give it one in tests/conftest.py"
            elif taken > budget:
                line = f"suite {suite}: {taken:.0f} s, OVER its budget of {budget} s"
            else:
                line = f"suite {suite}: {taken:.0f} s of a budget of {budget} s"
            terminalreporter.line(line, red=budget is None or taken > budget)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Clock(), "suite-clock")
