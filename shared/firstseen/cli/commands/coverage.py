"""``firstseen coverage``: which techniques the rules see on which cloud, and what a table of detections still lacks."""

from __future__ import annotations

import argparse
import sys

from firstseen.cli.main import EXIT_DONE, EXIT_UNUSABLE

SUMMARY = "Show what the rules cover: techniques by cloud, named detections, gaps; also as an ATT&CK Navigator layer."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``coverage --rules PATH… [--named FOLDER] [--format table|markdown|layer|json]``."""
    parser.add_argument(
        "--rules", nargs="+", action="extend", required=True, metavar="PATH", help="rule files or folders"
    )
    parser.add_argument("--named", metavar="FOLDER", help="hold the rules against the table in this folder")
    parser.add_argument("--format", choices=("table", "markdown", "layer", "json"), default="table")
    parser.add_argument("--overlay", action="append", default=[], metavar="FILE", help="tune rules by this file, too")
    parser.add_argument(
        "--name", default="firstseen", metavar="TEXT", help="layer: what it is called (default: firstseen)"
    )
    add_page(parser)


def add_page(parser: argparse.ArgumentParser) -> None:
    """``--output`` and ``--links-from``, for commands that write pages."""
    parser.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="where to write it (default: standard output)"
    )
    parser.add_argument(
        "--links-from", default=".", metavar="FOLDER", help="the folder that the page will lie in (default: .)"
    )


def run(args: argparse.Namespace) -> int:
    """The result to standard output or the file; what is wrong, or missing, to standard error and exit status 2."""
    from firstseen.cli import coverage_pages, navigator
    from firstseen.cli.covering import coverage_of, read_named_folder
    from firstseen.cli.detections import detections_of
    from firstseen.cli.ruleset import read_rule_set
    from firstseen.cli.writing import write_text

    rules = read_rule_set(args.rules, args.overlay)
    table = read_named_folder(args.named) if args.named is not None else None
    found = coverage_of(detections_of(rules), table)
    match args.format:
        case "markdown":
            text = coverage_pages.markdown(found, args.links_from)
        case "layer":
            text = navigator.layer(found, args.name)
        case "json":
            text = coverage_pages.as_json(found)
        case _:
            text = coverage_pages.table(found)
    write_text(args.output, text)
    faults = [*rules.faults, *found.faults]
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if faults:
        sys.stderr.write(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}\n")
    return EXIT_UNUSABLE if faults else EXIT_DONE
