"""Asserts in the shared parts of the contracts say as much as those in tests."""

import pytest

for part in ("contract", "findings", "forgetting", "records", "states", "samples", "summaries"):
    pytest.register_assert_rewrite(f"tests.contracts.store_{part}")
