"""What the benchmarks share: the rules and the file that they measure with, and where the results go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import comparable
from tests.benchmarks.report import Report

ROOT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--rules PATH``: measure with the rules of another folder."""
    parser.addoption("--rules", type=Path, default=None, help="a folder of Sigma rules, instead of comparable ones")
    parser.addoption("--events", type=int, default=200_000, help="how many generated events")
    parser.addoption("--rounds", type=int, default=5, help="how often each contender is measured")
    parser.addoption("--write", action="store_true", help="write the tables into docs/benchmarks.md")


@pytest.fixture(scope="session")
def rules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of rules."""
    given: Path | None = request.config.getoption("--rules")
    if given is not None:
        return given.resolve()
    folder = tmp_path_factory.mktemp("rules")
    comparable.write(folder)
    return folder


@pytest.fixture(scope="session")
def shipped() -> Path:
    """The folder of rules that the project ships."""
    return ROOT / "shared" / "rules"


@pytest.fixture(scope="session")
def number_of_rounds(request: pytest.FixtureRequest) -> int:
    number: int = request.config.getoption("--rounds")
    return number


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """Where tables go."""
    return Report(write=request.config.getoption("--write"))


@pytest.fixture(scope="session")
def events(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of generated events, one a line."""
    folder = tmp_path_factory.mktemp("events")
    count = str(request.config.getoption("--events"))
    command = [sys.executable, "-m", "demo", "--format", "lines", "--events", count, "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (found,) = folder.iterdir()
    return found
