"""``firstseen rules``: what is done with rules before they run."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from firstseen.cli.main import EXIT_DONE
from firstseen.cli.rulefiles import load_pack
from firstseen.errors import SettingsError
from firstseen.language.pack import dump

SUMMARY = "Build rule packs."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules build [-o FILE] PATH…``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="compile rules into a rule pack")
    build.add_argument("path", nargs="+", metavar="PATH", help="rule files or folders")
    build.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="where to write it (default: standard output)"
    )
    build.set_defaults(action_run=_build)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    status: int = args.action_run(args)
    return status


def _build(args: argparse.Namespace) -> int:
    pack = load_pack(args.path)
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
