"""``firstseen rules``: what is done with rules before they run."""

from __future__ import annotations

import argparse
import hashlib
import sys
from importlib import import_module
from pathlib import Path
from typing import Protocol

from firstseen.cli.main import EXIT_DONE
from firstseen.cli.ruleset import read_rule_set
from firstseen.errors import SettingsError
from firstseen.language.pack import dump

SUMMARY = "Check, test, list, show, build and publish rules."


class Action(Protocol):
    """A module ``firstseen.cli.commands.rules_*``."""

    SUMMARY: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the action's own arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit status."""


ACTIONS = ("check", "test", "list", "show", "example", "promote", "publish")
"""Modules ``firstseen.cli.commands.rules_*``, in the order of the help."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules check|test|list|show|example|promote|publish|build … PATH…``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name in ACTIONS:
        module: Action = import_module(f"firstseen.cli.commands.rules_{name}")
        child = actions.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        module.arguments(child)
        _overlay(child)
        child.set_defaults(action_run=module.run)
    build = actions.add_parser("build", help="compile rules into a rule pack")
    build.add_argument("path", nargs="+", metavar="PATH", help="rule files or folders")
    build.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="where to write it (default: standard output)"
    )
    _overlay(build)
    build.set_defaults(action_run=_build)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    status: int = args.action_run(args)
    return status


def _overlay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--overlay", action="append", default=[], metavar="FILE",
        help="tune rules by this file as well; a rules.yaml among the paths is taken by itself",
    )  # fmt: skip


def _build(args: argparse.Namespace) -> int:
    pack = read_rule_set(args.path, args.overlay, documents=False).pack()
    data = dump(pack)
    if args.output == "-":
        sys.stdout.buffer.write(data)
    else:
        try:
            Path(args.output).write_bytes(data)
        except OSError as exc:
            msg = f"{args.output}: cannot be written: {exc.strerror or exc}"
            raise SettingsError(msg) from exc
    digest = hashlib.sha256(data).hexdigest()
    sys.stderr.write(
        f"pack {pack.version}: {len(pack.bases)} base rules, {len(pack.correlations)} rules, sha256 {digest}\n"
    )
    return EXIT_DONE
