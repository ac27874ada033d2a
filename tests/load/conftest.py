"""What `make load` may be asked."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--write-load``: a name of its own, since options of all folders meet in one run."""
    parser.addoption("--write-load", action="store_true", help="write the tables into docs/load.md")
