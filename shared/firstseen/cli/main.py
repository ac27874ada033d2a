"""The command line: one table of commands, one place that turns errors into exit status.

0: done. 1: done, and some input was rejected. 2: unusable arguments, rules or state.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from importlib import import_module
from typing import Protocol

from firstseen import __version__
from firstseen.errors import FirstseenError

USUAL_COLUMNS = 80
EXIT_DONE, EXIT_REJECTED, EXIT_UNUSABLE, EXIT_INTERRUPTED = 0, 1, 2, 130


class Command(Protocol):
    """A module of ``firstseen.cli.commands``."""

    SUMMARY: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit status."""


class _Help(argparse.HelpFormatter):
    """As wide as argparse makes it. It is made at each start; argparse's own imports what packs archives for that."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """How wide the terminal is, as ``shutil.get_terminal_size`` finds it out."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else -1).columns or USUAL_COLUMNS
    except (OSError, ValueError):
        return USUAL_COLUMNS


COMMANDS = (
    "replay", "match", "rules", "coverage", "findings", "expect", "baseline", "backtest", "audit", "sweep",
    "deadletters", "doctor", "notify-test",
)  # fmt: skip
"""Modules of ``firstseen.cli.commands`` (``-`` is ``_`` there), in the order of the help.

Only the one asked for is imported.
"""


def main(argv: list[str] | None = None) -> int:
    """Run ``firstseen`` with these arguments (default: the process's own). Returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    try:
        args = _parsed(words)
        status: int = args.run(args)
        sys.stdout.flush()
    except FirstseenError as exc:
        from firstseen.findings.safe import safe_lines

        sys.stderr.write(f"firstseen: {safe_lines(str(exc))}\n")  # it may quote an input
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        sys.stderr.write("firstseen: interrupted; what was reported is kept, run the same command again to go on\n")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): not a fault, but Python would complain while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except OSError as exc:
        sys.stderr.write(f"firstseen: cannot go on: {exc.strerror or exc}\n")
        return EXIT_UNUSABLE
    return status


def _parsed(words: list[str]) -> argparse.Namespace:
    """The arguments. Nothing is collected meanwhile: what is imported stays, and to look through it finds nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _parser(words).parse_args(words)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="firstseen",
        description="Be told the first time somebody does something that matters in your clouds.",
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"firstseen {__version__}")
    # The program's name is given, or its usage is laid out to find that out: that imports what packs archives.
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", prog=parser.prog)
    asked = next((word for word in words if not word.startswith("-")), None)
    for name in COMMANDS if asked not in COMMANDS else (asked,):
        module: Command = import_module(f"firstseen.cli.commands.{name.replace('-', '_')}")
        child = commands.add_parser(name, help=module.SUMMARY, description=module.SUMMARY, formatter_class=_Help)
        module.arguments(child)
        child.set_defaults(run=module.run)
    return parser
