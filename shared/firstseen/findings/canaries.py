"""Canaries: examples of rules that go through a whole deployment, in states of their own, and notify nobody.

The tag stands in the envelope that firstseen's own sender writes around the events. Values of events cannot bring it
about: whoever chooses what an event says cannot make a real act look like a canary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import msgspec

from firstseen.findings.finding import Finding, key_hash, key_of
from firstseen.findings.rows import Row, read_row, settle
from firstseen.findings.times import DAY_US, HOUR_US
from firstseen.language.canaries import MAX_RULE_CHARACTERS, Canaries, Canary, dump
from firstseen.language.published import digest_of
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

NONE_PUBLISHED = "no canaries were published for the rules in force"
PUBLISH = "'firstseen rules publish RULES' of this version writes them, also for the same rules"
"""What is to be done then."""

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
    """Exactly what is made: a round's name is that of :func:`uuid.uuid4`, in hex."""

    run: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    rule: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_RULE_CHARACTERS)]


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
        given_us: when all of it was handed over last; 0: it is to be sent, or to be sent again.
        pack: version of the rules that it was for.
        canaries: hash of what was to be sent.
        sent, left_out: how many canaries, and how many rules in force without one.
        judged_us: when it was looked for last; 0: not yet.
        silent: ids of the rules that made no finding; at most MAX_NAMED.
        silent_number: of all of them.
    """

    run: str = ""
    sent_us: int = 0
    given_us: int = 0
    pack: str = ""
    canaries: str = ""
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


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The messages of a round that is to be sent now. Sent twice they come to the same findings."""

    run: str
    messages: list[bytes]


def outgoing(  # noqa: PLR0913 - what, its name, and when; times by name
    store: Store, canaries: Canaries, run: str, *, now_us: int, every_us: int, settled: bool
) -> Outgoing | None:
    """The next round, named ``run``, if it is time to; else the last one if it was not sent, or nothing of it came.

    ``settled``: who reads events runs the rules that these canaries are of; else nothing is sent yet. Call
    :func:`given` when it was handed over. Raises StoreUnavailable, StoreUnusable.
    """
    if not settled:
        return None
    last = last_round(store)
    if last is None or due(last, canaries, now_us=now_us, every_us=every_us):
        return Outgoing(run, begin(store, canaries, run, now_us=now_us))
    return None if last.given_us else Outgoing(last.run, messages(canaries, last.run))


def due(last: Round, canaries: Canaries, *, now_us: int, every_us: int) -> bool:
    """Whether another round is to be sent: it is time, or it is of other canaries.

    One that was not sent in a day is not sent any more: rows of its first half may expire.
    """
    length_us = every_us if last.given_us else min(every_us, DAY_US)
    return now_us - last.sent_us >= length_us - HOUR_US // 2 or last.canaries != name_of(canaries)


def waits(last: Round | None, canaries: Canaries, *, now_us: int) -> bool:
    """Whether the last round is to be judged: it was not, or something was silent that may have come since.

    One of other canaries is never judged: what it should have found is not known any more. Nor one that was not sent,
    one with nothing in it, and one whose rows may have expired.
    """
    return (
        last is not None
        and last.canaries == name_of(canaries)
        and bool(last.sent and last.given_us)
        and now_us - last.given_us >= JUDGED_AFTER_US
        and now_us - last.sent_us < EXPIRY_US
        and (not last.judged_us or bool(last.silent_number))
    )


def name_of(canaries: Canaries) -> str:
    """The hash that names them: also for the same rules others may be published."""
    return digest_of(dump(canaries))


def messages(canaries: Canaries, run: str) -> list[bytes]:
    """The messages of a round."""
    return [wrap(run, one) for one in canaries.canaries]


def begin(store: Store, canaries: Canaries, run: str, *, now_us: int) -> list[bytes]:
    """Record a round as one to be sent; its messages. Raises StoreUnavailable, StoreUnusable."""
    new = Round(
        run=run,
        sent_us=now_us,
        pack=canaries.pack,
        canaries=name_of(canaries),
        sent=len(canaries.canaries),
        left_out=len(canaries.left_out),
    )
    settle(store, WHERE, Round, lambda _: (new, None))
    return messages(canaries, run)


def given(store: Store, run: str, *, now_us: int) -> None:
    """Record that the whole round was handed over. Raises StoreUnavailable, StoreUnusable."""

    def decide(row: Round | None) -> tuple[Round | None, None]:
        if row is None or row.run != run:  # another call has begun the next
            return None, None
        return msgspec.structs.replace(row, given_us=now_us), None

    settle(store, WHERE, Round, decide)


def looked_for(store: Store, canaries: Canaries, *, now_us: int) -> Verdict | None:
    """What became of the last round, if it is time to judge it. Raises StoreUnavailable, StoreUnusable."""
    last = last_round(store)
    return judge(store, last, canaries, now_us=now_us) if last and waits(last, canaries, now_us=now_us) else None


def judge(store: Store, last: Round, canaries: Canaries, *, now_us: int) -> Verdict:
    """Look for the findings of the last round, and record what is missing. When nothing came, it is sent again.

    Raises StoreUnavailable, StoreUnusable.
    """
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
        found = msgspec.structs.replace(row, judged_us=now_us, silent=named, silent_number=len(silent))
        return msgspec.structs.replace(found, given_us=0) if nothing else found, None

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
