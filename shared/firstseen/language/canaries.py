"""What canaries send: for each rule a short example that was seen to make it fire, made when its pack is built.

It lies beside the pack, and not in it: a pack is read by each process that starts, this by one of them once a day. It
is one JSON document: ``{"firstseen_canaries": FORMAT, "pack": VERSION, "canaries": […], "left_out": […]}``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from firstseen.errors import RuleError

FORMAT = 1
SUFFIX = ".canaries"
"""Of the file beside a pack's."""

MAX_BYTES = 16 * 1024 * 1024
MAX_RULE_CHARACTERS = 128
"""Of the id of a rule that a canary is sent for: it stands in the envelope."""

MAX_EVENTS_BYTES = 200_000
"""Of one canary: with its envelope it is one message of every queue that it goes through."""


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule's example.

    Attributes:
        rule: the rule's id.
        title: for people.
        uid: of the finding that it makes in a state of its own, before
            :func:`firstseen.findings.canaries.canary_uid` says whose.
        events: a JSON array of the events. Their times are those that were proven: nothing depends on the clock.
    """

    rule: str
    title: str
    uid: str
    events: msgspec.Raw


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule in force that no canary is sent for, and why."""

    rule: str
    title: str
    reason: str


class Canaries(msgspec.Struct, frozen=True):
    """Those of one pack, ordered by rule.

    Attributes:
        pack: the pack's version.
        canaries: one each rule in force that can be shown.
        left_out: the other rules in force.
    """

    pack: str
    canaries: tuple[Canary, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def dump(one: Canaries) -> bytes:
    """Its bytes: the same for the same rules."""
    return msgspec.json.encode({"firstseen_canaries": FORMAT, **msgspec.structs.asdict(one)})


def load(data: bytes) -> Canaries:
    """What :func:`dump` wrote. Raises RuleError on anything else, with the mend: it may be anybody's."""
    mend = "build it again with 'firstseen rules build --canaries'"
    if len(data) > MAX_BYTES:
        raise RuleError(f"canaries of {len(data)} bytes are more than {MAX_BYTES}: split the rules")
    try:
        found: Any = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        number = msgspec.json.decode(found.get("firstseen_canaries", b"null"))
        if type(number) is not int or number != FORMAT:
            raise RuleError(f"not canaries of format {FORMAT} (found {str(number)[:40]!r}): {mend}")
        one = msgspec.json.decode(data, type=Canaries)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise RuleError(f"canaries cannot be read: {exc}; {mend}") from exc
    if any(len(bytes(canary.events)) > MAX_EVENTS_BYTES for canary in one.canaries):
        raise RuleError(f"a canary has more than {MAX_EVENTS_BYTES} bytes: {mend}")
    return one
