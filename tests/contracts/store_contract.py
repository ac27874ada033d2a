"""The obligations of :class:`firstseen.store.store.Store` as one suite, for every adapter.

An adapter's tests give a fixture ``harness`` (see :class:`tests.contracts.store_samples.Harness`: one empty
storage for each test) and a class that inherits from :class:`StoreContract`. The suite never sleeps and reads
no clock.
"""

from __future__ import annotations

from tests.contracts.store_findings import Leasing, Marking, ScanningFindings, WritingFindings
from tests.contracts.store_forgetting import ForgettingAndExpiring
from tests.contracts.store_records import Races, Records
from tests.contracts.store_samples import Harness
from tests.contracts.store_states import ReadingAndCommitting, Scanning, Sizes
from tests.contracts.store_summaries import Summaries

__all__ = ["Harness", "StoreContract"]


class StoreContract(
    ReadingAndCommitting,
    Sizes,
    Scanning,
    ForgettingAndExpiring,
    WritingFindings,
    Leasing,
    Marking,
    ScanningFindings,
    Records,
    Races,
    Summaries,
):
    """Every obligation."""
