"""Key states, findings and changes for the store contract."""

from __future__ import annotations

from typing import Protocol

from firstseen.findings.finding import Finding, Routing, finding_uid, key_hash
from firstseen.language.rules import Card
from firstseen.store.state import Episode, KeyState
from firstseen.store.store import Change, Store, StoredState, Version

HOUR_US = 3_600_000_000
NOW_US = 1_790_000_000_000_000
LEASE_US = 60_000_000

HOSTILE = (
    "",
    " ",
    "'; DROP TABLE state; --",
    '"quoted" and \\backslashed',
    "a/b#c?d%e|f-g.h:i",
    "new\nline, tab\t, NUL \0, escape \x1b[31m, delete \x7f",
    "ümläut, 東京, 🔥, e\u0301, \u202eright to left, \ufeff, \ufffd",
    "long " + "x" * 10_000,
)
"""Values that users and attackers choose."""

LONE_SURROGATE = "before \ud83d after"
MENDED = "before \ufffd after"


class Harness(Protocol):
    """What a store's tests bring: one empty storage for each test."""

    expires_by_itself: bool
    """The storage drops rows on its own, some time after they expire: ``expire`` answers 0."""

    def open(self) -> Store:
        """Another store object over the same storage."""
        ...

    def reopen(self) -> Store:
        """The same after every store object so far was closed: what was reported as done must be there."""
        ...


def key(number: int, *, rule_id: str = "rule") -> str:
    """A key as the pipeline makes it."""
    return key_hash(rule_id, "fingerprint", ("123456789012",), (f"arn:aws:iam::123456789012:role/r{number}",))


def state(number: int = 0, *, rule_id: str = "rule", last_us: int = NOW_US, pending: tuple[str, ...] = ()) -> KeyState:
    """A state with one episode."""
    uid = finding_uid(key(number, rule_id=rule_id), 0)
    return KeyState(
        rule_id=rule_id,
        fingerprint="fingerprint",
        group=("123456789012",),
        terms=(f"arn:aws:iam::123456789012:role/r{number}",),
        generation=1,
        last_us=last_us,
        episodes=(Episode(NOW_US, last_us, uid),),
        pending=pending,
    )


def finding(  # noqa: PLR0913 - each is a thing that some test is about
    key: str,
    generation: int = 0,
    *,
    time_us: int = NOW_US,
    routing: Routing = "send",
    rule_id: str = "rule",
    raw: str = '{"eventName":"GetPasswordData"}',
) -> Finding:
    """A finding of this key."""
    return Finding(
        uid=finding_uid(key, generation),
        card=Card(id=rule_id, title="A title"),
        type="new_terms",
        time_us=time_us,
        received_us=time_us + 1,
        routing=routing,
        raw=raw,
        raw_bytes=len(raw),
    )


def opening(number: int, *, time_us: int = NOW_US, routing: Routing = "send", rule_id: str = "rule") -> Change:
    """The first change of a key: its state and its first finding, pending if it is to be sent."""
    name = key(number, rule_id=rule_id)
    new = finding(name, time_us=time_us, routing=routing, rule_id=rule_id)
    pending = (new.uid,) if routing == "send" else ()
    return Change(name, None, state(number, rule_id=rule_id, pending=pending), (new,))


def committed(store: Store, *changes: Change) -> list[str]:
    """Commit what cannot be in conflict; the uids of the findings."""
    assert list(store.commit(changes)) == ["committed"] * len(changes)
    return [one.uid for change in changes for one in change.findings]


def stored(store: Store, name: str) -> StoredState:
    """The state of a key that has one, as every write before left it."""
    return store.read([name], consistent=True)[name]


def version_of(store: Store, name: str) -> Version | None:
    """The version of a key's row now; None when there is none."""
    found = store.read([name], consistent=True).get(name)
    return None if found is None else found.version
