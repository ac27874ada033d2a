"""The command `python -m demo`: write the invented company's audit log into a folder."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from demo.delivery import write_lines, write_trail
from demo.stories import DAYS, expected

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 200_000
_LONGEST = 3650


def main(arguments: list[str] | None = None) -> int:
    """Write the files, say what was written, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder to write into; made if missing")
    parser.add_argument("--days", type=_up_to(_LONGEST), default=DAYS, help="how many, from 2026-10-01 on")
    parser.add_argument("--seed", type=int, default=7, help="the same seed writes the same bytes")
    parser.add_argument("--events", type=_up_to(10**9), help=f"lines: exactly so many (default {EVENTS})")
    parser.add_argument("--format", choices=("trail", "lines"), default="trail", help="objects, or one file")
    parser.add_argument("--expected", action="store_true", help="print what must be found, as JSON lines")
    given = parser.parse_args(arguments)
    if given.out is None and not given.expected:
        parser.error("say where to write with --out, or ask for --expected")
    if given.events is not None and given.format != "lines":
        parser.error("--events goes with --format lines; a trail has as many events as its days")
    if given.expected:
        for finding in expected(given.days):
            sys.stdout.write(orjson.dumps(dataclasses.asdict(finding)).decode() + "\n")
    if given.out is None:
        return 0
    if given.format == "lines":
        done = write_lines(given.out, events=given.events or EVENTS, seed=given.seed, days=given.days)
        text = f"{done.events} events in {given.out / 'cloudtrail.jsonl'}"
    else:
        done = write_trail(given.out, seed=given.seed, days=given.days)
        text = (
            f"{done.events} events over {given.days} days in {done.files} files under {given.out / 'aws'}, "
            f"{done.copies} delivered twice, {done.fast} also by the fast path"
        )
    (sys.stderr if given.expected else sys.stdout).write(text + "\n")
    return 0


def _up_to(most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from one to a limit."""

    def number(text: str) -> int:
        value = int(text)
        if not 1 <= value <= most:
            message = f"{value} is not between 1 and {most}"
            raise argparse.ArgumentTypeError(message)
        return value

    return number


if __name__ == "__main__":
    sys.exit(main())
