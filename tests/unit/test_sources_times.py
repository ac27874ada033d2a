"""The usual form of a time is read in a quicker way, which must say what the thorough one says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstseen.sources.times import read_time

ODD = "0123456789-:TZW.,+ \u0661\u096b\ud800\x00"
"""What stands where digits belong: among it digits of other scripts, which are no digits here."""


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_second_is_read_as_it_is_written(moment: datetime) -> None:
    text = moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    assert read_time(text) == (int(moment.replace(microsecond=0).timestamp()) * 1_000_000, True)


@given(st.lists(st.sampled_from(ODD), min_size=14, max_size=14).map("".join))
@example("20260230091502")
@example("20260302240000")
@example("20260302236000")
@example("20260302235960")
@example("00000302091502")
def test_the_quick_way_and_the_thorough_way_agree(digits: str) -> None:
    """A zone written in full takes the thorough way."""
    date, clock = digits[:8], digits[8:]
    text = f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    assert read_time(f"{text}Z") == read_time(f"{text}+00:00")


@pytest.mark.parametrize(
    "text",
    ["2026-W10-1T09:15:02Z", "2026-03-02T091502.1Z", "2026-03-02T09:15-02Z", "2026-061T09:15:02.0Z"],
)
def test_other_forms_of_that_length_stay_refused(text: str) -> None:
    assert read_time(text) is None
