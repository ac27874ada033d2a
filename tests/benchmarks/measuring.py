"""How the benchmarks measure: processor time of whole processes, one after the other, round by round.

Rates on a shared machine mean little. Each round runs every contender once; what counts is the median over rounds of
its time against the first one's *in the same round*.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAUNCHER = Path(__file__).with_name("launched.py")
TIMEOUT_SECONDS = 1_800


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process used.

    Attributes:
        cpu_seconds: user and system time.
        wall_seconds: from start to end.
        peak_bytes: its largest resident memory.
        answer: what it wrote to standard output, if that was kept.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    answer: str


def launched(command: Sequence[str], *, keep: bool = False) -> Usage:
    """Run a command to its end; without ``keep`` its output goes to /dev/null.

    A small process in between starts it: a child's peak would count the memory of whoever started it.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}",
        "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "NO_COLOR": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-S", str(LAUNCHER), "keep" if keep else "drop", *command],
        check=False, capture_output=True, text=True, env=environment, timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    if done.returncode:
        msg = f"{' '.join(command)}\n{done.stderr}"
        raise RuntimeError(msg)
    *lines, figures = done.stdout.splitlines()
    return Usage(**json.loads(figures), answer="\n".join(lines))


def rounds(commands: Mapping[str, Sequence[str]], number: int, *, keep: bool = False) -> dict[str, list[Usage]]:
    """Each command's usage in each round."""
    taken: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(number):
        for name, command in commands.items():
            taken[name].append(launched(command, keep=keep))
    return taken


def ratio(first: Sequence[float], other: Sequence[float]) -> float:
    """How many times as fast ``other`` was as ``first``: the median over rounds."""
    return statistics.median(a / b for a, b in zip(first, other, strict=True))


def number_of_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
