"""Canaries: examples of rules that go through a whole deployment, in states of their own, and notify nobody.

The tag stands in the envelope that firstseen's own sender writes around the events. Values of events cannot bring it
about: whoever chooses what an event says cannot make a real act look like a canary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from firstseen.findings.finding import Finding, key_hash, key_of
from firstseen.findings.rows import Row, read_row, settle
from firstseen.findings.times import DAY_US, HOUR_US
from firstseen.language.canaries import Canaries, Canary
from firstseen.store.state import KeyState
from firstseen.store.store import Store

CANARY = "firstseen.canary"
"""The source of their envelopes; and what stands for the rule in their key states, so that no rule's own has them."""

MARK = b'{"firstseen_canary":'
"""How an envelope begins."""

EXPIRY_US = 3 * DAY_US
"""After which their key states and findings may be dropped."""

JUDGED_AFTER_US = HOUR_US // 2
"""How long a canary may be on its way before it counts as silent: what comes later is late for real events, too."""

MAX_NAMED = 100
"""Silent rules that are named; more are counted."""

WHERE = ("canary", "round")
"""The record of the last round."""

NONE_PUBLISHED = "no canaries were published for the rules in force: publish them again with this version"

Stuck = Literal["all", "before", "rule"]
"""Where canaries stuck: none of the round came through; nothing of this one was seen to match; it matched, and its rule
made no finding.
"""


@dataclass(frozen=True, slots=True)
class Tag:
    """Whose canary a delivery is. ``run``: of the round, anew each time; ``rule_id``: of the rule that is looked at."""

    run: str
    rule_id: str


class _Tagged(msgspec.Struct, forbid_unknown_fields=True):
    run: str
    rule: str


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    tag: _Tagged = msgspec.field(name="firstseen_canary")
    events: msgspec.Raw


_envelope = msgspec.json.Decoder(_Envelope)


def wrap(run: str, canary: Canary) -> bytes:
    """The message of one canary."""
    return msgspec.json.encode(_Envelope(_Tagged(run, canary.rule), canary.events))


def unwrap(data: bytes) -> tuple[Tag, bytes] | None:
    """The tag, and the events' bytes; None: it is no canary."""
    try:
        found = _envelope.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Tag(found.tag.run, found.tag.rule), bytes(found.events)


def canary_key(run: str, key: str) -> str:
    """The key of a round that stands for ``key``."""
    return key_hash(CANARY, run, (key,), ())


def canary_uid(run: str, uid: str) -> str:
    """The id of the finding of a round that stands for ``uid``."""
    return canary_key(run, key_of(uid)) + uid[len(key_of(uid)) :]


def canary_state(run: str, blank: KeyState) -> KeyState:
    """A state with nothing in it, for a key of a round. It does not count as one of the rule's."""
    return replace(blank, rule_id=CANARY, fingerprint=run)


def routed(finding: Finding) -> Finding:
    """The finding of a canary. Nothing that routes real ones is asked, nor told of it: no slot is taken, no limit used,
    no digest armed, and neither learning nor somebody's expectation keeps it from being seen.
    """
    return replace(finding, routing="canary", baseline="none")


class Round(Row):
    """The last round.

    Attributes:
        run: its name; "": there was none.
        sent_us: when it was begun.
        pack: version of the rules that it was for.
        sent, left_out: how many canaries, and how many rules in force without one.
        judged_us: when it was looked for last; 0: not yet.
        silent: ids of the rules that made no finding; at most MAX_NAMED.
        silent_number: of all of them.
    """

    run: str = ""
    sent_us: int = 0
    pack: str = ""
    sent: int = 0
    left_out: int = 0
    judged_us: int = 0
    silent: list[str] = []  # noqa: RUF012 - msgspec copies an empty default
    silent_number: int = 0


@dataclass(frozen=True, slots=True)
class Silent:
    """A canary that made no finding. ``uid``: that of the finding that was looked for."""

    canary: Canary
    uid: str
    stuck: Stuck


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a round."""

    run: str
    sent_us: int
    came: int
    silent: tuple[Silent, ...]


def last_round(store: Store) -> Round | None:
    """The last round; None: there was none. Raises StoreUnavailable, StoreUnusable."""
    return read_row(store.records([WHERE]).get(WHERE), Round)


def due(last: Round | None, canaries: Canaries, *, now_us: int, every_us: int) -> bool:
    """Whether a round is to be sent: it is time, or other rules are in force."""
    return last is None or now_us - last.sent_us >= every_us - HOUR_US // 2 or last.pack != canaries.pack


def waits(last: Round | None, canaries: Canaries, *, now_us: int) -> bool:
    """Whether the last round is to be judged: it was not, or something was silent that may have come since.

    One of other rules is never judged: what it should have found is not known any more. Nor one whose rows may have
    expired.
    """
    return (
        last is not None
        and last.pack == canaries.pack
        and JUDGED_AFTER_US <= now_us - last.sent_us < EXPIRY_US
        and (not last.judged_us or bool(last.silent_number))
    )


def begin(store: Store, canaries: Canaries, run: str, *, now_us: int) -> list[bytes]:
    """Record a round; its messages. A round that is recorded and never sent is found silent, and not forgotten.

    Raises StoreUnavailable, StoreUnusable.
    """
    new = Round(
        run=run,
        sent_us=now_us,
        pack=canaries.pack,
        sent=len(canaries.canaries),
        left_out=len(canaries.left_out),
    )
    settle(store, WHERE, Round, lambda _: (new, None))
    return [wrap(run, one) for one in canaries.canaries]


def judge(store: Store, last: Round, canaries: Canaries, *, now_us: int) -> Verdict:
    """Look for the findings of the last round, and record what is missing. Raises StoreUnavailable, StoreUnusable."""
    wanted = {canary_uid(last.run, one.uid): one for one in canaries.canaries}
    there = store.findings(list(wanted)) if wanted else {}
    missing = [uid for uid in wanted if uid not in there or there[uid].finding.routing != "canary"]
    stepped = store.read([key_of(uid) for uid in missing], consistent=True) if missing else {}
    nothing = len(missing) == len(wanted) and not stepped
    silent = tuple(
        Silent(wanted[uid], uid, "all" if nothing else "rule" if key_of(uid) in stepped else "before")
        for uid in missing
    )

    def decide(row: Round | None) -> tuple[Round | None, None]:
        if row is None or row.run != last.run:  # another call has begun the next
            return None, None
        named = [one.canary.rule for one in silent[:MAX_NAMED]]
        return msgspec.structs.replace(row, judged_us=now_us, silent=named, silent_number=len(silent)), None

    settle(store, WHERE, Round, decide)
    return Verdict(last.run, last.sent_us, len(wanted) - len(missing), silent)


SAID: dict[Stuck, str] = {
    "all": "no canary of this round came through: it stuck before the rules, on its way or in the queue",
    "before": "nothing of it was counted for the rule: it stuck on its way, could not be read, or did not match",
    "rule": "it matched, and the rule made no finding of it",
}
"""Of each place, for people."""


def told(one: Silent, run: str) -> dict[str, str | int]:
    """A silent rule, for a log: the rule, what was sent for it, and where it may have stuck. No value of an event."""
    events: Sequence[msgspec.Raw] = msgspec.json.decode(one.canary.events, type=list[msgspec.Raw])
    return {
        "rule": one.canary.rule,
        "title": one.canary.title,
        "run": run,
        "uid": one.uid,
        "events": len(events),
        "stuck": SAID[one.stuck],
    }
