"""A state that is there already: what commands that look at a deployment, or change it, open."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from firstseen.cli.stores import LASTING, open_store
from firstseen.errors import SettingsError
from firstseen.findings.finding import key_of

if TYPE_CHECKING:
    from firstseen.store.store import FindingRow, Store

STATE_VARIABLE = "FIRSTSEEN_STATE"
"""The state that is meant when ``--state`` is left out, so that the commands printed in findings can be pasted."""


def add_state(parser: argparse.ArgumentParser) -> None:
    """``--state``."""
    parser.add_argument("--state", metavar="URL", help=f"{LASTING} (default: ${STATE_VARIABLE})")


def state_url(args: argparse.Namespace) -> str:
    """The URL that is meant. Raises SettingsError when none is, or when it cannot hold anything yet."""
    url: str = args.state or os.environ.get(STATE_VARIABLE, "")
    if not url:
        msg = f"which state? name it with --state URL, or set {STATE_VARIABLE} once"
        raise SettingsError(msg)
    if url == "memory:":
        msg = "memory: keeps nothing between two runs: name the state that the findings were written to"
        raise SettingsError(msg)
    return url


@contextmanager
def live_store(args: argparse.Namespace, *, create: bool = False) -> Iterator[Store]:
    """The store of ``--state``, closed afterwards. Raises SettingsError for a file that is not there.

    ``create``: a file that is not there is made; otherwise a mistyped path would be an empty state.
    """
    url = state_url(args)
    scheme, _, path = url.partition(":")
    if scheme == "sqlite" and not create and not Path(path).exists():
        msg = f"--state {url!r}: there is no such file"
        raise SettingsError(msg)
    store = open_store(url)
    try:
        yield store
    finally:
        store.close()


def finding_rows(store: Store, uids: list[str]) -> list[FindingRow]:
    """The findings in the order asked for. Raises SettingsError that names those that the state does not have."""
    found = store.findings(list(dict.fromkeys(uids)))
    missing = [uid for uid in uids if uid not in found]
    if missing:
        hint = "" if all(key_of(uid) != uid for uid in missing) else "; an id looks like 0123…cdef-0"
        msg = f"no finding {', '.join(missing[:5])} in this state{hint}"
        raise SettingsError(msg)
    return [found[uid] for uid in uids]
