"""``firstseen deadletters``: what a deployment could not use, why, and sending it back after the mend."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from firstseen.cli.letters import FORMS, open_letters
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.tables import aligned
from firstseen.errors import SettingsError
from firstseen.findings.safe import safe_text
from firstseen.findings.times import iso
from firstseen.sources.letters import MAX_LOOKED_AT, Letter

if TYPE_CHECKING:
    from firstseen.sources.letters import Letters

SUMMARY = "List, show and send back what a deployment could not read or finish."

DEFAULT_LIMIT = 100
MIN_ID_CHARACTERS = 6
MAX_REASON = 120
MAX_VALUE = 2_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """``deadletters list|show|redrive --from QUEUE``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="one line each: since when, why, where it came from")
    show = actions.add_parser("show", help="some in full, with the event")
    redrive = actions.add_parser("redrive", help="send them back to be tried again, and take them out of the queue")
    show.add_argument("id", nargs="+", metavar="ID", help=f"ids, or their first {MIN_ID_CHARACTERS} characters or more")
    redrive.add_argument("id", nargs="*", metavar="ID")
    redrive.add_argument("--all", action="store_true", help="all that the queue holds, up to --limit")
    redrive.add_argument("--reason", metavar="TEXT", help="those whose reason holds this text")
    redrive.add_argument("--dry-run", action="store_true", help="only say what would be sent back")
    redrive.add_argument(
        "--to", default="", metavar="QUEUE",
        help="where to (default: put-aside; on AWS the queue whose dead-letter queue it is)",
    )  # fmt: skip
    for one in (listed, show, redrive):
        one.add_argument("--from", dest="place", required=True, metavar="QUEUE", help=FORMS)
        one.add_argument("--limit", type=_limit, default=DEFAULT_LIMIT, metavar="N", help="look at so many (100)")
        one.add_argument("--endpoint-url", metavar="URL", help="sqs: another endpoint")
    for one in (listed, show):
        one.add_argument("--format", choices=("text", "jsonl"), default="text")
    listed.set_defaults(action_run=_list, to="")
    show.set_defaults(action_run=_show, to="")
    redrive.set_defaults(action_run=_redrive)


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= MAX_LOOKED_AT:
        msg = f"a number from 1 to {MAX_LOOKED_AT:,}"
        raise argparse.ArgumentTypeError(msg)
    return number


def run(args: argparse.Namespace) -> int:
    """Run the action. What was hidden for the look is shown again, whatever happens."""
    for one in getattr(args, "id", []):
        if len(one) < MIN_ID_CHARACTERS:
            msg = f"{one!r}: name at least {MIN_ID_CHARACTERS} characters of an id"
            raise SettingsError(msg)
    with closing(open_letters(args.place, args.to, endpoint_url=args.endpoint_url)) as letters:
        status: int = args.action_run(args, letters)
    return status


def _list(args: argparse.Namespace, letters: Letters) -> int:
    found = list(letters.look(args.limit))
    if args.format == "jsonl":
        for one in found:
            print(json.dumps(_told(one)))
    elif found:
        rows = [(iso(one.kept_us), one.id, one.kind, one.reason, _from(one)) for one in found]
        print("\n".join(aligned([("since", "id", "kind", "reason", "from"), *rows], most=MAX_REASON)))
    if len(found) == args.limit:
        sys.stderr.write(f"there may be more than {args.limit:,}: see --limit\n")
    elif not found:
        sys.stderr.write("the queue is empty\n")
    return EXIT_DONE


def _show(args: argparse.Namespace, letters: Letters) -> int:
    found = _named(letters.look(args.limit), args.id)
    for number, one in enumerate(found):
        content = letters.content(one)
        if args.format == "jsonl":
            print(json.dumps(_told(one) | {"content": _text(content)}))
            continue
        lines = (("Since", iso(one.kept_us)), ("Kind", one.kind), ("Reason", one.reason), ("From", _from(one)),
                 ("Rule", one.rule_id), ("Tries", str(one.tries or "")), ("Id", one.id))  # fmt: skip
        print("\n" * bool(number), end="")
        print("\n".join(f"{name + ':':8} {safe_text(value, MAX_VALUE)}" for name, value in lines if value))
        cut = "" if one.whole else " (cut)"
        text = _text(content)
        print(f"\nEvent{cut}\n  " + ("it is in no queue any more" if text is None else safe_text(text, len(text))))
    return EXIT_DONE


def _redrive(args: argparse.Namespace, letters: Letters) -> int:
    if bool(args.id) + args.all + bool(args.reason) != 1:
        msg = "send back what? Name ids, or --reason TEXT, or --all"
        raise SettingsError(msg)
    taken = letters.look(args.limit) if args.dry_run else letters.take(args.limit)
    # All of them first: what is sent back while the queue is still read might come by again.
    found = _named(taken, args.id) if args.id else [one for one in taken if (args.reason or "") in one.reason]
    left = 0
    for one in found:
        why = "" if args.dry_run else letters.back(one)
        if why:
            left += 1
            sys.stderr.write(f"{one.id} stays: {why}\n")
    said = "would be sent back" if args.dry_run else "sent back"
    print(f"{len(found) - left:,} {said}")
    return EXIT_REJECTED if left else EXIT_DONE


def _named(looked: Iterator[Letter], ids: list[str]) -> list[Letter]:
    """Those whose ids begin so. Raises SettingsError for a beginning that is not exactly one letter's."""
    found = [one for one in looked if one.id.startswith(tuple(ids))]
    for beginning in ids:
        number = sum(one.id.startswith(beginning) for one in found)
        if number != 1:
            said = "is the beginning of several ids" if number else "is not among what was looked at: see --limit"
            msg = f"{safe_text(beginning)} {said}"
            raise SettingsError(msg)
    return found


def _from(one: Letter) -> str:
    return f"{one.pointer}:{one.place}" if one.place else one.pointer


def _told(one: Letter) -> dict[str, str | int]:
    return {
        "id": one.id, "kind": one.kind, "kept": iso(one.kept_us), "reason": one.reason, "pointer": one.pointer,
        "place": one.place, "rule_id": one.rule_id, "tries": one.tries,
    }  # fmt: skip


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "backslashreplace")
