"""The shortest path from events to findings: the pure steps over a dictionary of serialised states."""

from __future__ import annotations

from firstseen.correlations.keys import Key, Keys
from firstseen.correlations.step import Hit, Opening, step
from firstseen.language.frontends.loading import build_pack
from firstseen.language.rules import Correlation
from firstseen.matching.engine import Engine
from firstseen.sources.event import Event
from firstseen.sources.reading import read_event
from firstseen.store.state import dump, load
from tests.conformance.cases import Batches, Reported


def run(rules: str, batches: Batches) -> list[Reported]:
    """Read, match and step each batch; a finding whose id is there already is left as it is."""
    pack = build_pack({"rules.yml": rules.encode()})
    engine, keys = Engine(pack), Keys(pack)
    states: dict[str, bytes] = {}
    reported: dict[str, Reported] = {}
    for batch in batches:
        hits: dict[str, tuple[Correlation, Key, list[Hit]]] = {}
        for arrival in batch:
            event = read_event(arrival.raw, received_us=arrival.received_us)
            assert isinstance(event, Event), event
            for rule, key, member, value in keys.of(event, engine.match_event(event).bases):
                taken = hits.setdefault(key.hash, (rule, key, []))
                taken[2].append(Hit(event.time_us, event.id, member, value))
        for name, (rule, key, found) in hits.items():
            before = load(states[name]) if name in states else None
            stepped = step(rule, name, key.blank, before, found)
            if stepped.changed:
                states[name] = dump(stepped.state)
            for opening in stepped.openings:
                reported.setdefault(opening.uid, _reported(rule, key, opening))
    return list(reported.values())


def _reported(rule: Correlation, key: Key, opening: Opening) -> Reported:
    return Reported(
        opening.uid,
        rule.card.name,
        (*key.blank.group, *key.blank.terms),
        opening.time_us,
        opening.hit.event_id,
        opening.late,
        opening.last_seen_us,
        opening.overflowed,
        tuple(one.event_id for one in opening.related),
    )
