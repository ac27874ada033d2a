"""Accounts by name: what people call the accounts, subscriptions and projects that logs know by their ids.

Names travel in the pack, so that every finding has them, whoever makes it. They decide nothing: rules ask for ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from firstseen.errors import RuleError

MAX_ACCOUNTS = 50_000
MAX_ID_CHARACTERS = 128
MAX_NAME_CHARACTERS = 100
"""Of a name, and of the value of a label."""
MAX_LABELS = 10
MAX_LABEL_CHARACTERS = 40
"""Of what a label is called."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account.

    Attributes:
        id: as logs have it: an AWS account, an Azure subscription or tenant, a project, a cloud or folder.
        name: what people call it.
        labels: (name, value) pairs, such as ``("environment", "production")``, in the order of their names.
    """

    id: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()


Accounts = Mapping[str, Account]
"""By the id, its case folded: logs of one cloud differ in that."""

NO_ACCOUNTS: Accounts = {}


def by_id(accounts: Iterable[Account]) -> dict[str, Account]:
    """The accounts by their folded ids. Raises RuleError when there are too many, two of one id, or any too long.

    Packs are checked by this: a front end has said it before, with the place.
    """
    found: dict[str, Account] = {}
    for one in accounts:
        if not sound(one):
            raise RuleError(f"the account {one.id[:60]!r} has an id, a name or labels that are too long or empty")
        if found.setdefault(one.id.casefold(), one) is not one:
            raise RuleError(f"two accounts have the id {one.id!r}: keep one")
        if len(found) > MAX_ACCOUNTS:
            raise RuleError(f"more than {MAX_ACCOUNTS:,} accounts have names")
    return found


def sound(one: Account) -> bool:
    """Whether everything that the account says is within bounds."""
    texts = (one.name, *(value for _, value in one.labels))
    return (
        0 < len(one.id) <= MAX_ID_CHARACTERS
        and all(0 < len(text) <= MAX_NAME_CHARACTERS for text in texts)
        and len(one.labels) <= MAX_LABELS
        and all(0 < len(name) <= MAX_LABEL_CHARACTERS for name, _ in one.labels)
    )
