"""One change, written in one go: a conditional write, or a transaction when findings come with it.

::

    index rows of all findings   ── a crash here leaves rows that point to nothing
    transaction: state, findings ── committed: they count; conflict: they are removed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firstseen.adapters.azure.calling import ConditionFailed
from firstseen.adapters.azure.entities import (
    New,
    etag_of,
    finding_entity,
    index_entities,
    is_etag,
    place_of,
    state_entity,
    token_of,
)
from firstseen.adapters.azure.schema import Place
from firstseen.adapters.azure.table import (
    MAX_OPERATIONS,
    MAX_TRANSACTION_BYTES,
    Operation,
    Table,
    creates,
    operation_bytes,
    replaces,
)
from firstseen.store.rows import finding_expiry
from firstseen.store.store import Change, Outcome

TRIES = 5
"""Of one transaction: findings that turn out to exist, or something that went by."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A change as it is to be written. ``token`` names it, as nothing else is named: by it an attempt that succeeded
    without its answer reaching us is told from a conflict.
    """

    change: Change
    token: str
    state: New
    findings: tuple[New, ...]
    index: tuple[tuple[New, ...], ...]  # beside the findings

    @property
    def possible(self) -> bool:
        """Whether the version that is expected can be a version at all."""
        return self.change.expected is None or is_etag(self.change.expected)


def attempt(change: Change, token: str) -> Attempt:
    """What to write. Raises StoreUnusable for a row that Table Storage cannot take, before anything is written."""
    return Attempt(
        change,
        token,
        state_entity(change.key, change.state, token, change.expires_at_us),
        tuple(finding_entity(one, token, finding_expiry(change, one)) for one in change.findings),
        tuple(tuple(index_entities(one, token, finding_expiry(change, one))) for one in change.findings),
    )


def write(table: Table, one: Attempt) -> tuple[Outcome, list[Place]]:
    """Write it; its index rows stand already. The outcome, and which index rows point to nothing now."""
    if not one.possible:
        return "conflict", []
    index = {place_of(entity): rows for entity, rows in zip(one.findings, one.index, strict=True)}
    within, before = _divided(one)
    left_out = [place_of(entity) for entity in before if not _insert(table, entity, one.token)]
    outcome, existing = _transact(table, one, within)
    left_out += [place_of(entity) for entity in within] if outcome == "conflict" else existing
    return outcome, [place_of(row) for place in left_out for row in index[place]]


def _divided(one: Attempt) -> tuple[list[New], list[New]]:
    """Those findings that fit into the transaction, and those that have to be written before it.

    A crash before the transaction, or a conflict, leaves the latter without a key that lists them: they are sent by the
    sweep, early or extra. Written after it, they could be missing; removed after a conflict, they could be missing to
    another worker that found them there. Either is worse.
    """
    within: list[New] = []
    before: list[New] = []
    size = operation_bytes(one.state)
    for entity in one.findings:
        size += operation_bytes(entity)
        fits = len(within) < MAX_OPERATIONS - 1 and size <= MAX_TRANSACTION_BYTES
        (within if fits else before).append(entity)
    return within, before


def _insert(table: Table, entity: New, token: str) -> bool:
    """Whether the row is this attempt's."""
    try:
        table.insert(entity)
    except ConditionFailed:
        found = table.get(place_of(entity), ["token"])
        return found is not None and token_of(found) == token
    return True


def _transact(table: Table, one: Attempt, findings: Sequence[New]) -> tuple[Outcome, list[Place]]:
    """State and findings, or nothing. Findings that exist are left out and the rest tried again; which they were."""
    existing: list[Place] = []
    left = list(findings)
    for tried in range(1, TRIES + 1):
        try:
            _try(table, one, left)
        except ConditionFailed:
            outcome = _looked_up(table, one)
            if outcome is not None:
                return outcome, existing
        else:
            return "committed", existing
        there = table.get_each([place_of(entity) for entity in left], ["token"])
        if there:
            existing += there
            left = [entity for entity in left if place_of(entity) not in there]
        else:
            table.calls.count(retries=1)
            table.calls.backoff.wait(tried)
    raise table.calls.unavailable("others write to the same rows")


def _try(table: Table, one: Attempt, findings: Sequence[New]) -> None:
    expected = one.change.expected
    if findings:
        state: Operation = creates(one.state) if expected is None else replaces(one.state, expected)
        table.transact([state, *(creates(entity) for entity in findings)])
    elif expected is None:
        table.insert(one.state)
    else:
        table.replace(one.state, expected)


def _looked_up(table: Table, one: Attempt) -> Outcome | None:
    """What a failed condition means: the echo of our own write, or a conflict. None: the state was not the reason."""
    found = table.get(place_of(one.state), ["token"])
    if found is not None and token_of(found) == one.token:
        return "committed"
    version = None if found is None else etag_of(found)
    return None if version == one.change.expected else "conflict"
