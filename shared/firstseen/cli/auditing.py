"""Feeding an audit: events of inputs, and what a state has kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from firstseen.auditing.audit import Audit
from firstseen.auditing.aws import without_path
from firstseen.cli import console
from firstseen.cli.inputs import Advance, Input
from firstseen.cli.reading import STRANGE
from firstseen.errors import InputError
from firstseen.findings.naming import NAME
from firstseen.sources.cloudtrail_values import actor
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document, read_event
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source
from firstseen.sources.splitting import split
from firstseen.store.store import Query

if TYPE_CHECKING:
    from firstseen.findings.finding import Finding
    from firstseen.store.store import Store


def hear_inputs(audit: Audit, inputs: list[Input], advance: Advance, *, received_us: int, source: Source | None) -> int:
    """Every event of the inputs; the number of rejects, each of which is said on standard error."""
    rejected = 0
    for one in inputs:
        for item in _events(one, advance, received_us, source):
            if isinstance(item, Reject):
                rejected += 1
                console.say_reject(one.name, item)
            else:
                audit.add(item)
    return rejected


def _events(one: Input, advance: Advance, received_us: int, source: Source | None) -> Iterator[Event | Reject]:
    if one.strange:
        yield Reject(STRANGE, b"")
        return
    try:
        for document in split(one.chunks(advance)):
            if isinstance(document, Reject):
                yield document
            else:
                yield from read_document(*document, received_us=received_us, source=source)
    except InputError as exc:
        yield Reject(str(exc), b"")


def hear_state(audit: Audit, store: Store) -> None:
    """The events that findings were made of, and what accounts are called; then when keys of principals were last seen.

    A key's last sight counts for principals that an event has named: any text may stand in a key. Canaries are nobody's
    acts: neither their findings nor their keys count.
    """
    for row in store.scan_findings(Query()):
        event = None if row.finding.routing == "canary" else _kept(row.finding)
        if event is not None:
            audit.add(event)
        audit.called(row.finding.fact("account"), row.finding.fact(NAME))
    for _, stored in store.scan_states():
        state = stored.state
        if state.rule_id.startswith("firstseen."):
            continue
        for value in (*state.group, *state.terms):
            for name in (without_path(actor({"userIdentity": {"arn": value}}) or value), value.casefold()):
                if audit.seen.get(name) is not None:
                    audit.heard(name, state.last_us)


def _kept(finding: Finding) -> Event | None:
    """The finding's event, unless it was cut or there is none."""
    source = SOURCES.get(finding.source)
    if source is None or len(finding.raw.encode()) < finding.raw_bytes:
        return None
    event = read_event(finding.raw.encode(), received_us=finding.received_us, source=source)
    return event if isinstance(event, Event) else None
