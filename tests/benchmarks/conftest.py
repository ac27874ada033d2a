"""What the benchmarks share: the rules and the file that they measure with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--rules PATH``: measure with the rules of another folder."""
    parser.addoption("--rules", type=Path, default=ROOT / "shared" / "rules", help="a folder of Sigma rules")
    parser.addoption("--events", type=int, default=200_000, help="how many generated events")


@pytest.fixture(scope="session")
def rules(request: pytest.FixtureRequest) -> Path:
    """The folder of rules."""
    folder: Path = request.config.getoption("--rules")
    return folder


@pytest.fixture(scope="session")
def events(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of generated events, one a line."""
    folder = tmp_path_factory.mktemp("events")
    count = str(request.config.getoption("--events"))
    command = [sys.executable, "-m", "demo", "--format", "lines", "--events", count, "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (found,) = folder.iterdir()
    return found
