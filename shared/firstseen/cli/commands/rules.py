"""``firstseen rules``: what is done with rules before they run."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Protocol

SUMMARY = "Check, test, list, show, build and publish rules."


class Action(Protocol):
    """A module ``firstseen.cli.commands.rules_*``."""

    SUMMARY: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the action's own arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit status."""


ACTIONS = ("check", "test", "list", "show", "example", "doc", "promote", "publish", "build")
"""Modules ``firstseen.cli.commands.rules_*``, in the order of the help."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules check|test|list|show|example|doc|promote|publish|build … PATH…``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name in ACTIONS:
        module: Action = import_module(f"firstseen.cli.commands.rules_{name}")
        child = actions.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        module.arguments(child)
        _overlay(child)
        child.set_defaults(action_run=module.run)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    status: int = args.action_run(args)
    return status


def _overlay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--overlay", action="append", default=[], metavar="FILE",
        help="tune rules by this file as well; a rules.yaml among the paths is taken by itself",
    )  # fmt: skip
