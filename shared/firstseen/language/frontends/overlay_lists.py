"""What overlays say about value lists: values in the place of a list's own, beside them, or in some accounts only.

::

    lists:
        administrators: ['arn:…']               # in the place of the list's own values
        known_networks: {add: [198.51.100.0/24]}    # beside them
        ci_roles:
            values: ['arn:…']                   # as the first, where there is more to say
            accounts:                           # beside them, in these accounts only
                '111122223333': ['arn:…']       # by id
                payments-*: ['arn:…']           # by name
                environment=sandbox: ['*']      # by label

Values of accounts come beside those that hold everywhere, never in their place: whichever of several words fits an
account, the order does not matter. What should not hold everywhere is left out of ``values``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Protocol

from firstseen.errors import Place, RuleError
from firstseen.language.accounts import Accounts
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.faults import each
from firstseen.language.frontends.likeness import like
from firstseen.language.frontends.sections import Section
from firstseen.language.frontends.value_lists import ByAccount, texts_at

Lists = dict[str, tuple[str, ...]]

MAX_SELECTORS = 10_000
MAX_SUGGESTIONS = 20
"""Of words that mean no account: looking for one that is near takes a while among many accounts."""

_KEYS = ("values", "add", "accounts")
_ID = re.compile(r"[0-9]{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
"""What needs no name to be known as an account's id: AWS accounts, Azure subscriptions and tenants."""


@dataclass(frozen=True, slots=True)
class InAccounts:
    """Values of one list that hold in the accounts that ``selector`` means: an id, a name with ``*``, a label."""

    name: str
    selector: str
    values: tuple[str, ...]
    place: Place


@dataclass(slots=True)
class ListsSaid:
    """What an overlay says: values in the place of lists' own, beside them, and beside them in some accounts."""

    placed: Lists = field(default_factory=dict)
    added: Lists = field(default_factory=dict)
    in_accounts: list[InAccounts] = field(default_factory=list)


def read_lists(document: Document, faults: list[RuleError]) -> ListsSaid:
    """What the overlay says; what is at fault is noted and left out."""
    said = ListsSaid()
    body = document.data.get("lists") or {}
    if not isinstance(body, dict):
        faults.append(document.fault("lists is a mapping of names to lists of values", "lists"))
        return said
    for name, values in body.items():
        try:
            if isinstance(values, dict):
                _read(document, name, said)
            else:
                said.placed[name] = texts_at(document, "lists", name)
        except RuleError as fault:
            faults.extend(each(fault))
    return said


def _read(document: Document, name: str, said: ListsSaid) -> None:
    """A list that says more than its values. Raises RuleError with its place."""
    section = Section(document, ("lists", name), _KEYS)
    if not section.body:
        raise section.fault(f"lists.{name} says nothing; there are: {', '.join(_KEYS)}")
    if {"values", "add"} <= section.body.keys():
        raise section.fault("'values' takes the place of what the list holds, 'add' comes beside it: keep one", "add")
    accounts = section.body.get("accounts", {})
    if not isinstance(accounts, dict) or len(accounts) > MAX_SELECTORS:
        msg = f"accounts is a mapping of at most {MAX_SELECTORS:,} ids, names or labels to lists of values"
        raise section.wrong(msg, "accounts")
    path = ("lists", name, "accounts")
    inside = [
        InAccounts(name, selector, texts_at(document, *path, selector), document.place(*path, selector))
        for selector in accounts
    ]
    if "values" in section.body:
        said.placed[name] = texts_at(document, "lists", name, "values")
    if "add" in section.body:
        section.need("add")
        said.added[name] = texts_at(document, "lists", name, "add")
    said.in_accounts += inside


class Filling(Protocol):
    """The part of an overlay that is about value lists."""

    @property
    def lists(self) -> Mapping[str, tuple[str, ...]]:
        """In the place of what lists hold."""
        ...

    @property
    def added(self) -> Mapping[str, tuple[str, ...]]:
        """Beside what lists hold."""
        ...


def joined(overlays: Iterable[Filling]) -> tuple[Lists, Lists]:
    """What several overlays, later ones over earlier ones, put in the place of lists and what they add to them."""
    placed: Lists = {}
    added: Lists = {}
    for overlay in overlays:
        for name, values in overlay.lists.items():
            placed[name] = values
            added.pop(name, None)
        for name, values in overlay.added.items():
            added[name] = (*added.get(name, ()), *values)
    return placed, added


def by_account(said: Iterable[InAccounts], accounts: Accounts, faults: list[RuleError]) -> ByAccount:
    """The values of each account; a word that means no account is a fault."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    unmeant: list[InAccounts] = []
    names: dict[str, list[str]] = {}
    for account in accounts.values():
        names.setdefault(account.name.casefold(), []).append(account.id)
    for one in said:
        ids = _meant(one.selector, accounts, names)
        if not ids:
            unmeant.append(one)
        for uid in ids:
            values = found.setdefault(one.name, {}).setdefault(uid, ())
            found[one.name][uid] = tuple(dict.fromkeys((*values, *one.values)))
    if unmeant:
        faults.extend(_faults(unmeant, accounts))
    return found


def _meant(selector: str, accounts: Accounts, names: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The ids that a word means: an id before a name, a name as it is before a pattern."""
    asked = selector.casefold()
    if asked in accounts:
        return [accounts[asked].id]
    if _ID.fullmatch(asked):
        return [asked]
    if asked in names:
        return names[asked]
    label, is_label, value = asked.partition("=")
    if is_label:
        said = ((one.id, dict(one.labels).get(label)) for one in accounts.values())
        return [uid for uid, text in said if text is not None and like(value, text.casefold())]
    return [one.id for one in accounts.values() if like(asked, one.name.casefold())] if "*" in asked else []


def _faults(unmeant: Sequence[InAccounts], accounts: Accounts) -> Iterator[RuleError]:
    """A fault for each word that means no account; the first MAX_SUGGESTIONS say which one is near."""
    known = [text for one in islice(accounts.values(), MAX_SELECTORS // 2) for text in (one.name, one.id)]
    for number, one in enumerate(unmeant):
        near = get_close_matches(one.selector, known, n=1) if number < MAX_SUGGESTIONS else ()
        mend = f"did you mean {near[0]!r}?" if near else "name it under accounts"
        said = f"no account has the id, the name or the label {one.selector!r}: {mend}"
        yield RuleError(said, one.place)
