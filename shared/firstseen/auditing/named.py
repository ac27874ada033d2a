"""Accounts by name in the audit: beside the id for people, in a value of its own for programs."""

from __future__ import annotations

from collections.abc import Mapping

from firstseen.auditing.sections import Section
from firstseen.findings.naming import with_id

Names = Mapping[str, str]
"""What people call an account, by its id, the case folded."""

_SUBSCRIPTION = "/subscriptions/"


def for_people(section: Section, names: Names) -> tuple[tuple[str, ...], ...]:
    """The rows, with ``payments-prod (111122223333)`` where a cell says which account, and it has a name."""
    at = {section.columns.index(one) for one in section.places}
    return tuple(
        tuple(with_id(_name(cell, names), cell) if place in at else cell for place, cell in enumerate(row))
        for row in section.rows
    )


def for_programs(section: Section, names: Names) -> list[dict[str, str]]:
    """The rows by column, as they are; ``account_name`` beside ``account`` where it has a name."""
    rows = [dict(zip(section.columns, row, strict=True)) for row in section.rows]
    for row in rows:
        row.update({f"{one}_name": name for one in section.places if (name := _name(row[one], names))})
    return rows


def _name(place: str, names: Names) -> str:
    """The name of an account, or of the subscription that a scope lies in; "" where there is none."""
    folded = place.casefold()
    if folded.startswith(_SUBSCRIPTION):
        folded = folded.removeprefix(_SUBSCRIPTION).partition("/")[0]
    return names.get(folded, "")
