"""``firstseen rules doc``: the rules as a Markdown page for people."""

from __future__ import annotations

import argparse
import sys

from firstseen.cli.commands.coverage import add_page
from firstseen.cli.main import EXIT_DONE, EXIT_UNUSABLE
from firstseen.cli.ruleset import read_rule_set
from firstseen.cli.writing import write_text
from firstseen.sources.registry import SOURCES

SUMMARY = "Write the rules as Markdown pages: what each sees, why, and what to do."
CLOUDS = sorted({source.provider.lower() for source in SOURCES.values()})


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules doc [--cloud CLOUD] [--output FILE] [--links-from FOLDER] PATH…``."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="rule files or folders")
    parser.add_argument(
        "--cloud", choices=CLOUDS, help="this cloud's rules in full (default: a list of all, with links to those pages)"
    )
    add_page(parser)


def run(args: argparse.Namespace) -> int:
    """The page; what is at fault to standard error, and left out."""
    from firstseen.cli.rule_pages import index, page

    rules = read_rule_set(args.path, args.overlay)
    write_text(args.output, page(rules, args.cloud, args.links_from) if args.cloud else index(rules))
    for fault in rules.faults:
        sys.stderr.write(f"{fault}\n")
    return EXIT_UNUSABLE if rules.faults else EXIT_DONE
