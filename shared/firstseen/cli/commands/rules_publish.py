"""``firstseen rules publish``: put a rule pack in force for functions that run, or an earlier one again."""

from __future__ import annotations

import argparse
import getpass
import os
import time

from firstseen.cli.main import EXIT_DONE
from firstseen.cli.ruleset import read_rule_set
from firstseen.cli.shelves import Named, open_shelf
from firstseen.cli.tables import aligned
from firstseen.errors import InputError, RuleError, SettingsError
from firstseen.findings.safe import safe_text
from firstseen.findings.times import SECOND_US, iso
from firstseen.language import canaries
from firstseen.language.pack import Pack, dump
from firstseen.language.published import (
    MAX_WORD_CHARACTERS,
    Pointer,
    Published,
    believed,
    digest_of,
    moved,
    read_pointer,
    rolled_back,
    staged,
    write_pointer,
)

SUMMARY = "Put rules in force for functions that run, without a deployment; or roll back."

_NEWEST = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules publish [--rollback [HASH] | --list | PATH…] --to URL``."""
    parser.add_argument("path", nargs="*", metavar="PATH", help="rule files or folders")
    parser.add_argument(
        "--to", required=True, metavar="URL", help="s3://…, https://ACCOUNT.blob.core.windows.net/… or file:FOLDER"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--rollback", nargs="?", const=_NEWEST, metavar="HASH",
        help="put an earlier pack in force again: the last one, or the one whose hash begins so",
    )  # fmt: skip
    what.add_argument("--list", action="store_true", help="show what is and was in force")
    parser.add_argument(
        "--after-baseline", action="store_true",
        help="let what is in force work on until the baselines of the new rules are built, then switch",
    )  # fmt: skip
    parser.add_argument("--who", help="who publishes, for those who ask later (default: the user)")


def run(args: argparse.Namespace) -> int:
    """Do it; what is in force afterwards goes to standard output."""
    if bool(args.path) == (args.rollback is not None or args.list):
        msg = "name the rules to publish, or --rollback, or --list"
        raise SettingsError(msg)
    shelf = open_shelf(args.to)
    if args.list:
        return _list(shelf)
    who, at = args.who or _who(), iso(time.time_ns() // 1_000 // SECOND_US * SECOND_US)
    if args.rollback is None:
        return _publish(shelf, args, Published("", "", at, who[:MAX_WORD_CHARACTERS]))
    return _roll_back(shelf, args.rollback or None, at=at, who=who)


def _publish(shelf: Named, args: argparse.Namespace, one: Published) -> int:
    from firstseen.cli.canarying import canaries_of

    data = dump(read_rule_set(args.path, args.overlay, documents=False).pack())
    digest = digest_of(data)
    pack = believed(data, digest)
    _compile(pack)
    sent = canaries.dump(canaries_of(pack))
    before = _read(shelf)
    named = before and (before[0].hash, before[0].canaries, before[0].next)
    if named == (digest, digest_of(sent), None):
        print(f"pack {pack.version} is in force already: nothing was changed")
        return EXIT_DONE
    for name, content in ((digest_of(sent), sent), (digest, data)):
        _store(shelf, name, content)
    to = Published(digest, pack.version, one.at, one.who, canaries=digest_of(sent))
    if args.after_baseline and before:
        _move(shelf, staged(before[0], to), before[1])
        print(f"pack {pack.version}: {len(pack.correlations)} rules wait at {shelf.address} for their baselines")
        return EXIT_DONE
    _move(shelf, moved(before and before[0], to), before and before[1])
    print(f"pack {pack.version}: {len(pack.correlations)} rules in force at {shelf.address}, sha256 {digest}")
    return EXIT_DONE


def _roll_back(shelf: Named, digest: str | None, *, at: str, who: str) -> int:
    before = _read(shelf)
    if before is None:
        raise SettingsError(f"{shelf.address}: nothing was published there")
    after = rolled_back(before[0], digest, at=at, who=who)
    data = shelf.read_pack(after.hash)
    if data is None:
        raise RuleError(f"pack {after.hash[:12]} is not at {shelf.address} any more: publish its rules again")
    _compile(believed(data, after.hash))
    _move(shelf, after, before[1])
    print(f"pack {after.version} is in force again at {shelf.address}, sha256 {after.hash}")
    return EXIT_DONE


def _list(shelf: Named) -> int:
    found = _read(shelf)
    if found is None:
        print(f"nothing is published at {shelf.address}")
        return EXIT_DONE
    pointer = found[0]
    rows = [("state", "version", "at", "who", "sha256"), _row("in force", pointer.current)]
    rows += [_row("waits", pointer.next)] if pointer.next else []
    rows += [_row("withdrawn" if one.withdrawn else "earlier", one) for one in pointer.previous]
    for line in aligned(rows):
        print(line)
    return EXIT_DONE


def _row(state: str, one: Published) -> tuple[str, ...]:
    return state, *(safe_text(part, MAX_WORD_CHARACTERS) for part in (one.version, one.at, one.who, one.hash[:32]))


def _read(shelf: Named) -> tuple[Pointer, str] | None:
    found = shelf.read_pointer()
    return None if found is None else (read_pointer(found[0]), found[1])


def _store(shelf: Named, digest: str, data: bytes) -> None:
    """The pack is there, whole, before the pointer names it. Raises InputError."""
    shelf.write_pack(digest, data)
    if shelf.read_pack(digest) != data:
        msg = f"{shelf.address}: pack {digest[:12]} there has other bytes than its name says: remove it, then try again"
        raise InputError(msg)


def _move(shelf: Named, after: Pointer, expected: str | None) -> None:
    """Raises SettingsError when somebody else published meanwhile; their pack stays in force."""
    data = write_pointer(after)
    if shelf.write_pointer(data, expected):
        return
    found = shelf.read_pointer()
    if found is not None and found[0] == data:  # it was written, and the answer was lost
        return
    now = read_pointer(found[0]) if found is not None else None
    by = f"{safe_text(now.who, MAX_WORD_CHARACTERS)} published {now.version}" if now else "somebody removed the pointer"
    raise SettingsError(f"{shelf.address}: {by} meanwhile: look at --list, then run this again")


def _compile(pack: Pack) -> None:
    """As the functions do before they let go of the last one. Raises RuleError."""
    from firstseen.matching.engine import Engine

    Engine(pack).compile()


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
