"""A folder of packs keeps the shelf contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstseen.adapters.local.packs import FolderShelf
from tests.contracts.shelf_contract import ShelfContract


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "packs")


class TestFolderShelf(ShelfContract):
    """On this machine's disk."""
