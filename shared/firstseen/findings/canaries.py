"""Canaries: examples of rules that go through a whole deployment, in states of their own, and notify nobody.

The tag stands in the envelope that firstseen's own sender writes around the events. Values of events cannot bring it
about: whoever chooses what an event says cannot make a real act look like a canary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import msgspec

from firstseen.findings.finding import Finding, key_hash, key_of
from firstseen.findings.rows import Row, read_row, settle
from firstseen.findings.times import DAY_US, HOUR_US
from firstseen.language.canaries import MAX_RULE_CHARACTERS, Canaries, Canary, dump
from firstseen.language.in_force import InForce, canaries_in_force
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be sent for the rules that run.

    Attributes:
        canaries: one for each rule; none when nothing was published for them.
        published: whether something was.
        since: when these rules were put in force, as their publisher wrote it; "": they came with the program. Rules
            that are put in force again, after others, have another time.
        settled: whether who reads events runs these rules, too; else nothing is sent yet.
    """

    canaries: Canaries
    published: bool = True
    since: str = ""
    settled: bool = True

    @property
    def name(self) -> str:
        """The hash that names them: of the same rules others may be published, and others may have run between."""
        return digest_of(dump(self.canaries) + self.since.encode())


def wanted_of(published: InForce | None, own: Callable[[], bytes], *, runs: str, now_us: int) -> Wanted:
    """What is to be sent for the pack of version ``runs``. ``own``: reads what came with the program.

    Raises InputError, RuleError as :func:`firstseen.language.in_force.canaries_in_force` does.
    """
    found = canaries_in_force(published, own)
    canaries = Canaries(runs) if found is None else found
    if published is None:
        return Wanted(canaries)
    return Wanted(canaries, found is not None, published.at, published.settled(now_us))


class Round(Row):
    """The last round.

    Attributes:
        run: its name; "": there was none.
        sent_us: when it was begun.
        given_us: when what was to be sent of it was handed over last; 0: it is to be sent, or what was not seen of it
            is to be sent again.
        again: what was not seen of it is sent again.
        pack: version of the rules that it was for.
        canaries: name of what was to be sent.
        sent, left_out: how many canaries, and how many rules in force without one.
        judged_us: when it was judged last; 0: not yet, or what is sent again decides.
        silent: ids of the rules that made no finding, at most MAX_NAMED; of the round before until this one is judged.
        silent_number: of all of them.
    """

    run: str = ""
    sent_us: int = 0
    given_us: int = 0
    again: bool = False
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
    """What became of a round.

    Attributes:
        came: how many made their findings.
        silent: those that did not.
        unsure: how many others were not seen: they are sent again before they count as silent.
    """

    run: str
    came: int
    silent: tuple[Silent, ...]
    unsure: int = 0


def last_round(store: Store) -> Round | None:
    """The last round; None: there was none. Raises StoreUnavailable, StoreUnusable."""
    return read_row(store.records([WHERE]).get(WHERE), Round)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The messages of a round that are to be sent now. Sent twice they come to the same findings."""

    run: str
    messages: list[bytes]


def outgoing(store: Store, wanted: Wanted, run: str, *, now_us: int, every_us: int) -> Outgoing | None:
    """The next round, named ``run``, if it is time to; else what was not seen of the last one, if that is to be sent.

    Call :func:`given` when it was handed over. Raises StoreUnavailable, StoreUnusable.
    """
    if not wanted.settled:
        return None
    last = last_round(store)
    if last is None or due(last, wanted, now_us=now_us, every_us=every_us):
        return Outgoing(run, begin(store, wanted, run, now_us=now_us))
    if last.given_us:
        return None
    unseen = [one.canary for one in missing(store, last.run, wanted.canaries) if one.stuck != "rule"]
    return Outgoing(last.run, [wrap(last.run, one) for one in unseen])


def due(last: Round, wanted: Wanted, *, now_us: int, every_us: int) -> bool:
    """Whether another round is to be sent: it is time, or it is of other canaries.

    One of which something is to be sent is finished first, for a day: then its rows may soon expire. A time that is
    far ahead was a clock's that went wrong, and keeps nobody waiting.
    """
    length_us = every_us if last.given_us else DAY_US
    return abs(now_us - last.sent_us) >= length_us - HOUR_US // 2 or last.canaries != wanted.name


def waits(last: Round | None, wanted: Wanted, *, now_us: int) -> bool:
    """Whether the last round is to be judged: it was not, or something was silent that may have come since.

    One of other canaries is never judged: what it should have found is not known any more. Nor is one of the same, if
    their rules were put in force once more since: others may have taken what was sent. Nor one that was not sent, one
    with nothing in it, and one whose rows may have expired.
    """
    return (
        last is not None
        and last.canaries == wanted.name
        and bool(last.sent and last.given_us)
        and now_us - last.given_us >= JUDGED_AFTER_US
        and now_us - last.sent_us < EXPIRY_US
        and (not last.judged_us or bool(last.silent_number))
    )


def begin(store: Store, wanted: Wanted, run: str, *, now_us: int) -> list[bytes]:
    """Record a round as one to be sent; its messages. Raises StoreUnavailable, StoreUnusable."""
    canaries = wanted.canaries
    new = Round(
        run=run,
        sent_us=now_us,
        pack=canaries.pack,
        canaries=wanted.name,
        sent=len(canaries.canaries),
        left_out=len(canaries.left_out),
    )

    def decide(row: Round | None) -> tuple[Round, None]:
        before = row or Round()
        return msgspec.structs.replace(new, silent=before.silent, silent_number=before.silent_number), None

    settle(store, WHERE, Round, decide)
    return [wrap(run, one) for one in canaries.canaries]


def given(store: Store, run: str, *, now_us: int) -> None:
    """Record that all was handed over that was to be sent. Raises StoreUnavailable, StoreUnusable."""

    def decide(row: Round | None) -> tuple[Round | None, None]:
        if row is None or row.run != run:  # another call has begun the next
            return None, None
        return msgspec.structs.replace(row, given_us=now_us), None

    settle(store, WHERE, Round, decide)


def looked_for(store: Store, wanted: Wanted, *, now_us: int) -> Verdict | None:
    """What became of the last round, if it is time to judge it. Raises StoreUnavailable, StoreUnusable."""
    last = last_round(store)
    return judge(store, last, wanted.canaries, now_us=now_us) if last and waits(last, wanted, now_us=now_us) else None


def judge(store: Store, last: Round, canaries: Canaries, *, now_us: int) -> Verdict:
    """Look for the findings of the last round, and record what is missing. What was not seen is to be sent again.

    Whatever takes messages may lose some, or say that it took them and fail: an output that is sent after a function
    ends, a function of the version before that is still there. So what was not seen once is no silent rule yet, unless
    it was silent in the round before. Raises StoreUnavailable, StoreUnusable.
    """
    lost = missing(store, last.run, canaries)
    silent = tuple(one for one in lost if last.again or one.stuck == "rule" or one.canary.rule in last.silent)
    unseen, unsure = any(one.stuck != "rule" for one in lost), len(lost) - len(silent)

    def decide(row: Round | None) -> tuple[Round | None, None]:
        if row is None or row.run != last.run:  # another call has begun the next
            return None, None
        named = [one.canary.rule for one in silent[:MAX_NAMED]]
        judged_us = 0 if unsure else now_us
        found = msgspec.structs.replace(row, judged_us=judged_us, silent=named, silent_number=len(silent))
        return msgspec.structs.replace(found, given_us=0, again=True) if unseen else found, None

    settle(store, WHERE, Round, decide)
    return Verdict(last.run, len(canaries.canaries) - len(lost), silent, unsure)


def missing(store: Store, run: str, canaries: Canaries) -> tuple[Silent, ...]:
    """What made no finding in a round, and where it stuck. Raises StoreUnavailable, StoreUnusable."""
    wanted = {canary_uid(run, one.uid): one for one in canaries.canaries}
    lost = _without_finding(store, list(wanted))
    states = store.read([key_of(uid) for uid in lost], consistent=True) if lost else {}
    nothing = len(lost) == len(wanted) and not states
    matched = [uid for uid in lost if key_of(uid) in states]
    came = set(matched).difference(_without_finding(store, matched))  # between the two looks
    return tuple(
        Silent(wanted[uid], uid, "all" if nothing else "rule" if key_of(uid) in states else "before")
        for uid in lost
        if uid not in came
    )


def _without_finding(store: Store, uids: Sequence[str]) -> list[str]:
    """Those of which a round's finding is not there."""
    there = store.findings(uids) if uids else {}
    return [uid for uid in uids if uid not in there or there[uid].finding.routing != "canary"]


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
