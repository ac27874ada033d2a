"""The command `python -m demo`: write the invented company's audit logs into a folder, and show what was found."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from demo.azure.delivery import write_hubs
from demo.delivery import write_lines, write_trail
from demo.gcp.delivery import write_sink
from demo.stories import DAYS, expected
from demo.yandex.delivery import write_bucket

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 200_000
_LONGEST = 3650


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or show what was found in them; return the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.out is None and not given.expected and given.found is None:
        parser.error("say where to write with --out, or ask for --expected or --found")
    if given.events is not None and given.format != "lines":
        parser.error("--events goes with --format lines; a trail has as many events as its days")
    if given.expected:
        for finding in expected(given.days):
            sys.stdout.write(orjson.dumps(dataclasses.asdict(finding)).decode() + "\n")
    if given.out is not None:
        text = _write(given)
        (sys.stderr if given.expected else sys.stdout).write(text + "\n")
    if given.found is None:
        return 0
    from demo.reasons import Reasons  # noqa: PLC0415 (the generator alone does not need the product)
    from demo.showing import show  # noqa: PLC0415

    return 0 if show(given.found, Reasons(given.seed, given.days), sys.stdout) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder to write into; made if missing")
    parser.add_argument("--days", type=_up_to(_LONGEST), default=DAYS, help="how many, from 2026-10-01 on")
    parser.add_argument("--seed", type=int, default=7, help="the same seed writes the same bytes")
    parser.add_argument("--events", type=_up_to(10**9), help=f"lines: exactly so many (default {EVENTS})")
    forms = "objects and messages of all clouds, or one file of CloudTrail"
    parser.add_argument("--format", choices=("trail", "lines"), default="trail", help=forms)
    parser.add_argument("--expected", action="store_true", help="print what must be found, as JSON lines")
    parser.add_argument("--found", metavar="STATE", help="show what a replay into this state found, and why")
    return parser


def _write(given: argparse.Namespace) -> str:
    """Write what is asked for, and say what it was."""
    if given.format == "lines":
        lines = write_lines(given.out, events=given.events or EVENTS, seed=given.seed, days=given.days)
        return f"{lines.events} events in {given.out / 'cloudtrail.jsonl'}"
    trail = write_trail(given.out, seed=given.seed, days=given.days)
    hubs = write_hubs(given.out, seed=given.seed, days=given.days)
    sink = write_sink(given.out, seed=given.seed, days=given.days)
    bucket = write_bucket(given.out, seed=given.seed, days=given.days)
    return (
        f"{trail.events} events over {given.days} days in {trail.files} files under {given.out / 'aws'}, "
        f"{trail.copies} delivered twice, {trail.fast} also by the fast path\n"
        f"{hubs.events} events in {hubs.files} files under {given.out / 'azure'}, "
        f"{hubs.copies} delivered twice, {hubs.pages} also read by the Activity Log's interface\n"
        f"{sink.events} events in {sink.files} files under {given.out / 'gcp'}, "
        f"{sink.copies} delivered twice, {sink.late} too late for their hour's object\n"
        f"{bucket.events} events in {bucket.files} files under {given.out / 'yandex'}, "
        f"{bucket.copies} delivered twice"
    )


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
