"""``firstseen rules build``: compile rules into a pack, and into what EventBridge should hand over."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from firstseen.cli.eventbridge import TARGETS, template_of
from firstseen.cli.main import EXIT_DONE
from firstseen.cli.ruleset import read_rule_set
from firstseen.errors import SettingsError
from firstseen.findings.safe import safe_text
from firstseen.language.pack import dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firstseen.language.pack import Pack
    from firstseen.language.rules import Base

SUMMARY = "Compile rules into a rule pack, or into a template of what EventBridge hands over."
MAX_TITLE = 100
MAX_REASON = 300
_STANDARD_OUTPUT = "-"


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules build [-o FILE] [--canaries FILE] [--eventbridge FILE …] PATH…``."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="rule files or folders")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write the pack (default: standard output)"
    )  # fmt: skip
    parser.add_argument(
        "--canaries", metavar="FILE", help="write what a deployment's canaries send: an example of each rule in force"
    )  # fmt: skip
    parser.add_argument(
        "--eventbridge", metavar="FILE",
        help="write a CloudFormation template whose rules hand over the calls that rules name; the pack only with -o",
    )  # fmt: skip
    parser.add_argument(
        "--eventbridge-to", choices=TARGETS, default=TARGETS[0],
        help="what they hand them to: the queue of this stack, or the bus of a stack in another region or account",
    )  # fmt: skip
    parser.add_argument(
        "--eventbridge-frequent", action="store_true",
        help="hand over as well what machines do all day, such as AssumeRole: within seconds, but at a price",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write what is asked for; what was made goes to standard error."""
    found = read_rule_set(args.path, args.overlay, documents=False)
    pack = found.pack()
    if args.eventbridge is not None:
        _eventbridge(pack, found.standing_in(), args)
    if args.canaries is not None:
        _canaries(pack, args.canaries)
    if args.eventbridge is None or args.output is not None:
        _pack(pack, args.output or _STANDARD_OUTPUT)
    return EXIT_DONE


def _pack(pack: Pack, output: str) -> None:
    data = dump(pack)
    _write(output, data)
    digest = hashlib.sha256(data).hexdigest()
    sys.stderr.write(
        f"pack {pack.version}: {len(pack.bases)} base rules, {len(pack.correlations)} rules, sha256 {digest}\n"
    )


def _canaries(pack: Pack, output: str) -> None:
    """What canaries send; and the rules in force that none is sent for."""
    from firstseen.cli.canarying import canaries_of
    from firstseen.language.canaries import dump as dump_canaries

    made = canaries_of(pack)
    _write(output, dump_canaries(made))
    sys.stderr.write(f"{_many(len(made.canaries), 'canary', 'canaries')}\n")
    for one in made.left_out:
        sys.stderr.write(f"no canary: {safe_text(one.title, MAX_TITLE)}: {safe_text(one.reason, MAX_REASON)}\n")


def _eventbridge(pack: Pack, bases: Mapping[str, Base], args: argparse.Namespace) -> None:
    """The template; and the rules that it does nothing for, because they name no call.

    ``bases`` have values standing in for empty lists, so that whoever fills one need not deploy.
    """
    from firstseen.matching.patterns import FREQUENT, UNATTENDED, patterns_for
    from firstseen.sources.aws_cloudtrail import CLOUDTRAIL

    wanted = {member.base_id: rule.card.title for rule in pack.correlations if rule.enabled for member in rule.members}
    frequent, unattended = (frozenset[str](), ()) if args.eventbridge_frequent else (FREQUENT, UNATTENDED)
    rules = [rule for rule in pack.correlations if rule.enabled]
    asked = (bases[base.id] for base in pack.bases if base.id in wanted)
    found = patterns_for(asked, CLOUDTRAIL, frequent, rules, unattended)
    _write(args.eventbridge, template_of(found.patterns, args.eventbridge_to).encode())
    sys.stderr.write(f"{_many(len(found.patterns), 'rule')} of EventBridge for {_many(found.calls, 'call')}\n")
    for base in found.broad:
        sys.stderr.write(f"by the trail alone, as it names no call: {_told(wanted, base)}\n")
    for base, calls in found.late:
        sys.stderr.write(f"by the trail alone, as they are frequent: {', '.join(calls)} of {_told(wanted, base)}\n")
    for base in found.waiting:
        sys.stderr.write(f"by the trail alone, as another step of its chain is: {_told(wanted, base)}\n")


def _told(titles: Mapping[str, str], base: Base) -> str:
    """A rule, and which of its base rules."""
    return ": ".join(safe_text(one, MAX_TITLE) for one in dict.fromkeys((titles[base.id], base.title)))


def _many(number: int, what: str, several: str = "") -> str:
    return f"{number} {what}" if number == 1 else f"{number} {several or f'{what}s'}"


def _write(name: str, data: bytes) -> None:
    if name == _STANDARD_OUTPUT:
        sys.stdout.buffer.write(data)
        return
    try:
        Path(name).write_bytes(data)
    except OSError as exc:
        msg = f"{name}: cannot be written: {exc.strerror or exc}"
        raise SettingsError(msg) from exc
