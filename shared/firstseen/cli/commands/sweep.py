"""``firstseen sweep``: send what is left over: pending findings, digests, learning summaries; drop what has expired."""

from __future__ import annotations

import argparse
import os
import sys
import time
import uuid

from firstseen.adapters.local.addresses import sources_for
from firstseen.cli.live import add_state, live_store
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.ruleset import load_pack
from firstseen.cli.sinks import FORMS, open_sink
from firstseen.pipeline import Pipeline

SUMMARY = "Send what is left over in a state: pending findings, digests, learning summaries."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``sweep --rules PATH… [--state URL] [--sink URL]``."""
    parser.add_argument(
        "--rules", nargs="+", action="extend", required=True, metavar="PATH", help="rule files, folders, or a pack"
    )
    parser.add_argument("--sink", default="terminal:", metavar="URL", help=f"{FORMS} (default: terminal:)")
    parser.add_argument("--endpoint-url", metavar="URL", help="sns: another endpoint of the sink's service")
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """One sweep; 1 when something could not be sent."""
    pack = load_pack(args.rules)
    sink = open_sink(args.sink, endpoint_url=args.endpoint_url)
    with live_store(args) as store:
        pipeline = Pipeline(
            pack,
            store,
            sink,
            owner=uuid.uuid4().hex,
            clock=lambda: time.time_ns() // 1_000,
            sources=sources_for(pack, os.environ),
        )
        report = pipeline.sweep()
    counts = report.counts
    left = len(report.retry)
    sys.stderr.write(
        f"{counts.get('sent', 0):,} sent, {len(report.refused):,} refused for good, {left:,} left for the next sweep,"
        f" {counts.get('expired', 0):,} rows expired\n"
    )
    return EXIT_REJECTED if counts.get("unavailable", 0) or report.refused else EXIT_DONE
