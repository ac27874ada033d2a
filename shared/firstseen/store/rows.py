"""What every store does alike with its rows: decisions that no two adapters should take differently."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from firstseen.findings import finding as findings
from firstseen.findings.finding import Finding, Status
from firstseen.store import state as states
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Claim

_T = TypeVar("_T", KeyState, Finding)

_SURROGATE = re.compile("[\ud800-\udfff]")


def whole_text(text: str) -> str:
    """``text`` with U+FFFD for each lone surrogate: none can be stored, and no value may stop a batch."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _whole(value: object) -> object:
    """The same for every text inside. The depth is that of a row's own fields, never an attacker's choice."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, list | tuple):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    return value


def _mended(row: _T) -> _T:
    return msgspec.convert(_whole(msgspec.to_builtins(row)), type(row))


def state_bytes(state: KeyState) -> bytes:
    """The state as a store keeps it (for :func:`firstseen.store.state.load`), whatever its texts."""
    try:
        return states.dump(state)
    except UnicodeEncodeError:
        return states.dump(_mended(state))


def finding_bytes(finding: Finding) -> bytes:
    """The finding as a store keeps it (for :func:`firstseen.findings.finding.load`), whatever its texts."""
    try:
        return findings.dump(finding)
    except UnicodeEncodeError:
        return findings.dump(_mended(finding))


def check_changes(changes: Sequence[Change]) -> None:
    """Refuse a call that breaks the protocol, with ValueError and before anything is written: a key that is
    named twice, or a finding that belongs to another key's row.
    """
    if len({change.key for change in changes}) != len(changes):
        msg = "a commit names a key twice"
        raise ValueError(msg)
    for change in changes:
        for finding in change.findings:
            if findings.key_of(finding.uid) != change.key:
                msg = f"finding {finding.uid} is not of key {change.key}"
                raise ValueError(msg)


def check_mark(status: Status) -> None:
    """Refuse to mark findings with anything but an end of sending."""
    if status not in ("sent", "refused"):
        msg = f"findings are marked sent or refused, not {status}"
        raise ValueError(msg)


def first_status(finding: Finding) -> Status:
    """The status that a new finding's row is written with."""
    return "pending" if finding.routing == "send" else "kept"


def finding_expiry(change: Change, finding: Finding) -> int | None:
    """When the row of a finding of this change may be dropped: never, but for a canary's, which goes with its key."""
    return change.expires_at_us if finding.routing == "canary" else None


def may_become(old: Status, new: Status) -> bool:
    """Whether a mark changes the row. ``sent`` is a fact and stays; ``refused`` gives way to it."""
    return old == "pending" or (old == "refused" and new == "sent")


def judge(status: Status, lease: tuple[str, int] | None, *, owner: str, now_us: int) -> Claim:
    """What a claim on an existing row gets. ``lease``: (owner, end in microseconds) of the last claim."""
    if status != "pending":
        return "done"
    if lease is not None and lease[0] != owner and now_us < lease[1]:
        return "held"
    return "claimed"


def reduced(state: KeyState) -> KeyState:
    """What is kept of a forgotten key: its generation, so that finding ids never start again; when it was
    last seen; and what is still to be sent, which no clean-up may lose.
    """
    last_us = max([state.last_us, *(one.end_us for one in state.episodes)])
    return replace(state, last_us=last_us, episodes=(), sightings=(), dropped=0, cut=())


def without_pending(state: KeyState, uids: Collection[str]) -> KeyState:
    """The state when ``uids`` are no longer to be sent; the same object when it lists none of them."""
    left = tuple(uid for uid in state.pending if uid not in uids)
    return state if len(left) == len(state.pending) else replace(state, pending=left)
