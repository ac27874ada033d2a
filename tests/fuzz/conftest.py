"""Every fuzz test has a bound on what one input may cost, and on the memory that all of them may take."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator

import pytest

from tests.shipped import shipped_rules

MAX_GROWTH_BYTES = 256 * 1024 * 1024
"""Of the process's peak, in one test: far above what the inputs and Hypothesis need, far below a blow-up."""

_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_BYTES


@pytest.fixture(scope="session", autouse=True)
def rules_are_read() -> None:
    """What is read once is no single test's growth."""
    shipped_rules()


@pytest.fixture(autouse=True)
def memory_stays_bounded() -> Iterator[None]:
    before = _peak_bytes()
    yield
    assert _peak_bytes() - before < MAX_GROWTH_BYTES
