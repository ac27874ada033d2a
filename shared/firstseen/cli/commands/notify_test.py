"""``firstseen notify-test``: does a finding reach the people it is for? Sends one that says that it is a test."""

from __future__ import annotations

import argparse
import sys
import time
import uuid

from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.sinks import FORMS, open_sink
from firstseen.errors import SettingsError
from firstseen.findings.finding import Finding, finding_uid, key_hash
from firstseen.findings.safe import safe_text
from firstseen.findings.text import minimal
from firstseen.language.rules import LEVELS, Card, Level

SUMMARY = "Send a test finding through a sink, to see that it arrives."

RULE_ID = "firstseen.test"
DEADLINE_SECONDS = 30
MAX_NOTE_CHARS = 200


def arguments(parser: argparse.ArgumentParser) -> None:
    """``notify-test --sink URL [--level LEVEL] [--note TEXT]``."""
    parser.add_argument("--sink", required=True, metavar="URL", help=FORMS)
    parser.add_argument("--level", choices=LEVELS, default="informational", help="as filter policies see it")
    parser.add_argument("--note", default="", help="what the message says, too")
    parser.add_argument("--endpoint-url", metavar="URL", help="sns: another endpoint of the service")


def run(args: argparse.Namespace) -> int:
    """Send it; 0 when the service has taken it."""
    if len(args.note) > MAX_NOTE_CHARS:
        msg = f"--note: at most {MAX_NOTE_CHARS} characters"
        raise SettingsError(msg)
    sink = open_sink(args.sink, endpoint_url=args.endpoint_url)
    now_us = time.time_ns() // 1_000
    finding = made(args.level, args.note, now_us=now_us, name=uuid.uuid4().hex)
    deadline_us = now_us + DEADLINE_SECONDS * 1_000_000
    (answer,) = sink.publish([finding], deadline_us=deadline_us)
    if answer == "refused":
        (answer,) = sink.publish([minimal(finding)], deadline_us=deadline_us)
    if answer == "sent":
        sys.stderr.write(f"{safe_text(args.sink)} took test finding {finding.uid}: now look where it arrives\n")
        return EXIT_DONE
    sys.stderr.write(f"test finding {finding.uid} was not sent ({answer}): see what is said above\n")
    return EXIT_REJECTED


def made(level: Level, note: str, *, now_us: int, name: str) -> Finding:
    """A finding that cannot be taken for a real one. ``name``: never the same twice, so that no receiver drops it."""
    card = Card(
        RULE_ID,
        "Test of the way that findings take",
        level=level,
        risk_score=0,
        status="test",
        description="Sent by 'firstseen notify-test'. Nothing happened.",
        triage=("Nothing is to be done: somebody checks that findings arrive here.",),
    )
    return Finding(
        uid=finding_uid(key_hash(RULE_ID, "", (name,), ()), 0),
        card=card,
        type="match",
        time_us=now_us,
        received_us=now_us,
        kind="test",
        reason="This is a test: somebody ran 'firstseen notify-test'." + (f" {note}" if note else ""),
    )
