"""firstseen's own messages about a rule: one that cannot be decided for an event is told, once a rule and hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firstseen.findings.build import facts
from firstseen.findings.finding import Finding, Related, finding_uid, key_hash
from firstseen.findings.safe import encodable
from firstseen.findings.times import DAY_US, HOUR_US, iso
from firstseen.language.rules import Card
from firstseen.sources.event import Event
from firstseen.store.state import Episode, KeyState
from firstseen.store.store import Change, Store

UNDECIDED = "firstseen.undecided"
"""What stands for the rule in the key states of these messages."""

KEEP_US = 30 * DAY_US
MAX_ERROR_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Undecided:
    """A base rule raised on an event, which was kept as a reject."""

    base_id: str
    title: str
    error: str
    event: Event


def report_undecided(store: Store, undecided: Sequence[Undecided], *, pack_version: str, now_us: int) -> list[str]:
    """Commit a pending finding for each rule and hour of event time that has none; uids of those that are unsent.

    Raises StoreUnavailable; then the deliveries come again, and the same finding with them.
    """
    first: dict[str, Undecided] = {}
    for one in undecided:
        first.setdefault(_key(one), one)
    stored = store.read(list(first))
    waiting = [uid for row in stored.values() for uid in row.state.pending]
    changes = [_change(key, one, pack_version, now_us) for key, one in first.items() if key not in stored]
    outcomes = store.commit(changes) if changes else ()
    made = [change for change, outcome in zip(changes, outcomes, strict=True) if outcome == "committed"]
    return waiting + [finding.uid for change in made for finding in change.findings]


def _hour(one: Undecided) -> str:
    return iso(one.event.time_us - one.event.time_us % HOUR_US)


def _key(one: Undecided) -> str:
    return key_hash(UNDECIDED, "", (one.base_id, _hour(one)), ())


def _change(key: str, one: Undecided, pack_version: str, now_us: int) -> Change:
    uid, time_us = finding_uid(key, 0), one.event.time_us
    finding = Finding(
        uid=uid,
        card=Card(id=one.base_id, title=one.title, level="medium"),
        type="match",
        kind="operational",
        time_us=time_us,
        received_us=one.event.received_us,
        reason="This rule could not be decided for an event. The event is kept among the rejects; other rules went on. "
        f"More of the kind within this hour are counted there, not told: {encodable(one.error)[:MAX_ERROR_CHARACTERS]}",
        pack_version=pack_version,
        related=(Related(encodable(one.event.id), time_us, one.base_id),),
        facts=facts(one.event),
        source=one.event.source.name,
        provider=one.event.source.provider,
    )
    group = (one.base_id, _hour(one))
    state = KeyState(UNDECIDED, "", group, (), 1, time_us, (Episode(time_us, time_us, uid),), pending=(uid,))
    return Change(key, None, state, (finding,), now_us + KEEP_US)
