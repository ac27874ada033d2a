"""``firstseen baseline``: what rules know before they speak up: build it, look at it, move it, forget it."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from firstseen.cli.arguments import NOW_HELP
from firstseen.cli.live import add_state, live_store
from firstseen.cli.main import EXIT_DONE
from firstseen.errors import SettingsError

if TYPE_CHECKING:
    from firstseen.store.state import KeyState
    from firstseen.store.store import Store

SUMMARY = "Build baselines from history; show, export, import and forget them."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``baseline build|show|export|import|forget``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _build_arguments(actions.add_parser("build", help="take history through the rules, notifying nobody"))
    show = actions.add_parser("show", help="what each rule knows, since when, and whether that is complete")
    show.add_argument("--key", metavar="TEXT", help="the keys that hold this text: a role, an account, …")
    show.add_argument("--format", choices=("text", "jsonl"), default="text")
    export = actions.add_parser("export", help="write key states and rules' rows as JSON lines")
    export.add_argument("-o", "--output", default="-", metavar="FILE", help="default: standard output")
    taken = actions.add_parser("import", help="add what was exported; what the state knows already stays as it is")
    taken.add_argument("file", metavar="FILE", help="- for standard input")
    forget = actions.add_parser("forget", help="reduce keys to when they were last seen; entirely: as if never seen")
    forget.add_argument("--key", metavar="TEXT", help="the keys that hold this text")
    forget.add_argument("--stale", nargs="+", metavar="PATH", help="keys of no rule in these rules or packs")
    forget.add_argument(
        "--entirely", action="store_true", help="and their findings: the same is new again, with the same ids as before"
    )
    forget.add_argument("--dry-run", action="store_true", help="only say what would be forgotten")
    for one in (show, export, forget):
        one.add_argument("--rule", metavar="RULE", help="the rule's id")
    for one in (show, export, taken, forget):
        add_state(one)
    show.set_defaults(action_run=_show)
    export.set_defaults(action_run=_export)
    taken.set_defaults(action_run=_import)
    forget.set_defaults(action_run=_forget)


def _build_arguments(build: argparse.ArgumentParser) -> None:
    build.add_argument(
        "--rules", nargs="+", action="extend", required=True, metavar="PATH", help="rule files, folders, or a pack"
    )
    build.add_argument(
        "--from", dest="inputs", nargs="+", required=True, metavar="INPUT",
        help="files, folders, - for standard input; cloudtrail or activity-log: what the cloud itself keeps",
    )  # fmt: skip
    build.add_argument(
        "--since", metavar="TIME", help="where the history begins: 30d, or 2026-10-01 (a cloud's own: 90d)"
    )
    build.add_argument("--region", nargs="+", metavar="REGION", help="cloudtrail: regions (default: the session's)")
    build.add_argument(
        "--subscription", nargs="+", metavar="ID", help="activity-log: subscriptions (default: $AZURE_SUBSCRIPTION_ID)"
    )
    build.add_argument("--endpoint-url", metavar="URL", help="cloudtrail, activity-log: another endpoint")
    build.add_argument("--now", metavar="TIME", help=NOW_HELP)
    build.add_argument("--again", action="store_true", help="do not go on where an earlier run stopped")
    add_state(build)
    build.set_defaults(action_run=_build, source=None)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    status: int = args.action_run(args)
    return status


def _build(args: argparse.Namespace) -> int:
    if args.inputs == ["activity-log"]:
        from firstseen.cli.activity_log import build_from_activity_log

        return build_from_activity_log(args)
    if args.inputs == ["cloudtrail"]:
        from firstseen.cli.event_history import build_from_cloudtrail

        return build_from_cloudtrail(args)
    from firstseen.cli.building import build

    return build(args)


def _show(args: argparse.Namespace) -> int:
    from firstseen.cli import knowledge

    with live_store(args) as store:
        if args.key:
            lines = knowledge.key_lines(store, args.rule, args.key, form=args.format)
        else:
            lines = knowledge.rule_lines(store, args.rule, form=args.format, now_us=time.time_ns() // 1_000)
        for line in lines:
            print(line)
    return EXIT_DONE


def _export(args: argparse.Namespace) -> int:
    from firstseen.cli.moving import export

    with live_store(args) as store:
        if args.output == "-":
            number = export(store, args.rule, sys.stdout.buffer)
        else:
            try:
                with Path(args.output).open("wb") as stream:
                    number = export(store, args.rule, stream)
            except OSError as exc:
                msg = f"{args.output}: cannot be written: {exc.strerror or exc}"
                raise SettingsError(msg) from exc
    sys.stderr.write(f"{number:,} keys exported\n")
    return EXIT_DONE


def _import(args: argparse.Namespace) -> int:
    from firstseen.cli.moving import take

    with _opened(args.file) as stream, live_store(args, create=True) as store:
        added, kept = take(store, args.file, stream)
    sys.stderr.write(f"{added:,} keys added; {kept:,} were known already and stayed as they are\n")
    return EXIT_DONE


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The file, or a copy of standard input on disk: it is read twice."""
    try:
        with Path(name).open("rb") if name != "-" else tempfile.TemporaryFile(prefix="firstseen-") as stream:
            if name == "-":
                shutil.copyfileobj(sys.stdin.buffer, stream)
                stream.seek(0)
            yield stream
    except OSError as exc:
        msg = f"{name}: cannot be read: {exc.strerror or exc}"
        raise SettingsError(msg) from exc


def _forget(args: argparse.Namespace) -> int:
    from firstseen.cli.knowledge import holds

    if not (args.rule or args.key or args.stale):
        msg = "forget what? name --rule ID, --key TEXT or --stale RULES"
        raise SettingsError(msg)
    current = _current(args.stale) if args.stale else None
    with live_store(args) as store:
        keys = [
            key
            for key, state in _states(store, args.rule)
            if (not args.key or holds(state, args.key))
            and (current is None or (state.rule_id, state.fingerprint) not in current)
        ]
        if not args.dry_run:
            for first in range(0, len(keys), 500):
                store.forget(keys[first : first + 500], entirely=args.entirely)
    said = "would be forgotten" if args.dry_run else "forgotten"
    print(f"{len(keys):,} key{'s' if len(keys) != 1 else ''} {said}{' entirely' if args.entirely else ''}")
    return EXIT_DONE


def _states(store: Store, rule_id: str | None) -> Iterator[tuple[str, KeyState]]:
    """Keys of rules; those of firstseen's own messages are left alone."""
    for key, stored in store.scan_states(rule_id=rule_id):
        if not stored.state.rule_id.startswith("firstseen."):
            yield key, stored.state


def _current(paths: list[str]) -> set[tuple[str, str]]:
    from firstseen.cli.ruleset import load_pack

    return {(one.card.id, one.fingerprint) for one in load_pack(paths).correlations}
