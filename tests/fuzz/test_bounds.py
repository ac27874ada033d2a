"""The bound on what one input may cost holds, or the other tests here prove nothing about time."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzzing import bounded


def hang() -> None:
    with bounded(0.05):
        while True:
            pass


def test_what_hangs_is_cut_and_what_does_not_is_not() -> None:
    with bounded(5):
        assert sum(range(1_000)) == 499_500
    with pytest.raises(AssertionError, match=r"more than 0\.05 s"):
        hang()
