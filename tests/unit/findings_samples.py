"""Findings, rules and stores that several tests of findings start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import orjson

from firstseen.adapters.local.memory import MemoryStore
from firstseen.correlations.sightings import short
from firstseen.correlations.step import Hit, Opening
from firstseen.errors import StoreUnavailable
from firstseen.findings.finding import Finding, Related, finding_uid, key_hash
from firstseen.language.rules import DAY_US, HOUR_US, Card, Correlation, CorrelationType, Member, Suppression
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL, SAMPLE
from firstseen.sources.event import Event
from firstseen.store.state import KeyState, Sighting
from firstseen.store.store import Change

NOON_US = 1_772_452_800_000_000
"""2026-03-02 12:00:00 UTC."""

ISSUER = "userIdentity.sessionContext.sessionIssuer.arn"
ROLE = "arn:aws:iam::111122223333:role/deploy"

CARD = Card(
    id="6f1c8a52-3a0e-4b6a-9f60-2f8f3f1a7c11",
    title="Windows password of an instance refused to a new role",
    name="ec2_password_refused_new_role",
    level="high",
    risk_score=73,
    description="A role that never did so asks EC2 for an administrator's password and is refused.",
    tags=("attack.credential-access", "attack.t1552.005"),
    triage=(
        "Ask the owner of the role whether this was them.",
        "Look at what the session did an hour around.",
    ),
    response=("Revoke the role's sessions.",),
    hash="0123456789abcdef",
)


def rule(kind: CorrelationType = "new_terms", card: Card = CARD, **changes: Any) -> Correlation:  # noqa: ANN401 - any field, any call
    """A correlation of this type with everything that the type needs."""
    settings: dict[str, Any] = {
        "members": (Member("base-a", ("recipientAccountId",), (ISSUER,)), Member("base-b", ("account",))),
        "fingerprint": "f" * 16,
        "group_by": ("recipientAccountId",),
        "fields": (ISSUER,) if kind in {"new_terms", "value_count"} else (),
        "timespan_us": 7 * DAY_US if kind == "new_terms" else HOUR_US // 6,
        "count": 1 if kind in {"match", "new_terms"} else 3,
    }
    return Correlation(card, kind, **{**settings, **changes})


def event(time_us: int = NOON_US, **changes: Any) -> Event:  # noqa: ANN401 - any field, any call
    """CloudTrail's sample with some top-level keys changed; None removes one."""
    view = {name: value for name, value in {**SAMPLE, **changes}.items() if value is not None}
    uid = str(view["eventID"])
    return Event(CLOUDTRAIL, orjson.dumps(view), view, uid, uid, time_us, time_us + 60_000_000)


def opening(found: Event, others: int = 0, **changes: Any) -> Opening:  # noqa: ANN401 - any field, any call
    """An opening that ``found`` triggered, with so many other events of the condition before it."""
    hit = Hit(found.time_us, found.id, 0, changes.pop("value", ""))
    earlier = [Sighting(found.time_us - n * 1_000_000, f"event-{n}", n % 2, f"v{n}") for n in range(1, others + 1)]
    related = (Sighting(hit.time_us, short(hit.event_id), 0, hit.value), *earlier)
    uid = finding_uid(key_hash(CARD.id, "f" * 16, ("111122223333",), (ROLE,)), 0)
    return Opening(**{"uid": uid, "time_us": found.time_us, "hit": hit, "related": related, **changes})


def finding(number: int = 0, time_us: int = NOON_US, **changes: Any) -> Finding:  # noqa: ANN401 - any field, any call
    """A finding of a key of its own, unless ``uid`` says otherwise."""
    settings: dict[str, Any] = {
        "uid": finding_uid(key_hash(CARD.id, "f" * 16, (), (f"role-{number}",)), 0),
        "card": CARD,
        "type": "new_terms",
        "terms": ((ISSUER, f"role-{number}"),),
        "received_us": time_us,
        "related": (Related(f"event-{number}", time_us, "base-a"),),
        "facts": (
            ("actor", f"role-{number}"),
            ("action", "ec2:GetPasswordData"),
            ("account", "111122223333"),
        ),
        "source": "aws.cloudtrail",
        "provider": "AWS",
    }
    return Finding(time_us=time_us, **{**settings, **changes})


def suppressed_rule(missing: Literal["group", "separate"] = "group") -> Correlation:
    """A rule that notifies once for each account within an hour."""
    return rule(suppression=Suppression(("recipientAccountId",), HOUR_US, missing))


def commit(store: MemoryStore, found: Finding) -> None:
    """Write a finding as the pipeline does: with its key."""
    key = found.uid.partition("-")[0]
    pending = (found.uid,) if found.routing == "send" else ()
    state = KeyState(found.card.id, "f" * 16, generation=1, last_us=found.time_us, pending=pending)
    assert store.commit([Change(key, None, state, (found,))]) == ["committed"]


class Watched:
    """Lists a store's calls, and lets what a test wants happen ``before`` or ``after`` each of them."""

    def __init__(
        self,
        store: MemoryStore,
        before: Callable[[str, int], None] = lambda _name, _count: None,
        after: Callable[[str, int], None] = lambda _name, _count: None,
    ) -> None:
        self._store, self._before, self._after = store, before, after
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any field, any call
        real = getattr(self._store, name)

        def called(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - any field, any call
            self.calls.append(name)
            count = len(self.calls)
            self._before(name, count)
            result = real(*args, **named)
            if name.startswith("scan"):
                result = iter(list(result))
            self._after(name, count)
            return result

        return called


def failing_at(number: int) -> Callable[[str, int], None]:
    """The ``number``-th call finds the store gone."""

    def fail(_name: str, count: int) -> None:
        if count == number:
            raise StoreUnavailable

    return fail
