"""Value lists: what stands for ``%name%`` under ``|expand``, one list a document.

::

    name: administrators
    description: Who may change anything
    examples: ['arn:aws:iam::111122223333:role/administrators']   # what values look like; never matched
    values: []

A list may be empty: it then matches nothing, and what leaves its values out leaves out nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from firstseen.errors import Place
from firstseen.language.frontends.documents import MAX_LIST_VALUES, Document
from firstseen.language.frontends.sections import Section
from firstseen.language.predicates import Predicate

KEYS = ("name", "description", "examples", "values")
_RULE_KEYS = frozenset({"title", "detection", "correlation", "filter", "logsource"})
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)

ByAccount = Mapping[str, Mapping[str, tuple[str, ...]]]
"""List name → account id → values more that the list holds in that account."""

NOWHERE: ByAccount = {}
"""No list holds more anywhere."""

STAND_INS = ("192.0.2.0/24",)
"""For examples of rules over an empty list that names none: a text, and a network wherever one is wanted."""


class Filled(dict[str, tuple[str, ...]]):
    """Name → values, with what was made of them: a list that a hundred rules use is read once.

    Attributes:
        kept: by what was asked (:meth:`firstseen.language.frontends.placeholders.Lists.kept`).
    """

    def __init__(self, values: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(values)
        self.kept: dict[tuple[object, ...], Predicate] = {}


@dataclass(frozen=True, slots=True)
class ValueList:
    """One list.

    Attributes:
        values: wildcards in them are wildcards.
        examples: what values look like: examples of rules are made from them while the list is empty.
        in_accounts: account id → values more that hold in that account only.
        place: where it is written; None for lists that only an overlay has.
    """

    name: str
    values: tuple[str, ...]
    description: str = ""
    examples: tuple[str, ...] = ()
    place: Place | None = None
    in_accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def everything(self) -> tuple[str, ...]:
        """All that the list holds, in whichever account, each value once."""
        inside = (value for values in self.in_accounts.values() for value in values)
        return tuple(dict.fromkeys((*self.values, *inside)))


def is_value_list(document: Document) -> bool:
    """Whether a document is a value list: it has values and nothing of a rule."""
    return "values" in document.data and _RULE_KEYS.isdisjoint(document.data)


def value_list(document: Document) -> ValueList:
    """The list that a document writes. Raises RuleError with its place."""
    section = Section(document, (), KEYS)
    section.need("name")
    name = section.text("name") or ""
    if not _NAME.fullmatch(name):
        raise section.wrong("the name of a list is made of letters, digits, _ and -", "name")
    return ValueList(
        name=name,
        values=texts_at(document, "values"),
        description=(section.text("description") or "").strip(),
        examples=texts_at(document, "examples"),
        place=document.place(),
    )


def lists_at(document: Document, *path: str | int) -> dict[str, tuple[str, ...]]:
    """The mapping of names to lists at a path; empty where there is none. Raises RuleError with its place."""
    body = document.at(*path)
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise document.fault(f"{path[-1]} is a mapping of names to lists of values", *path)
    return {name: texts_at(document, *path, name) for name in body}


def texts_at(document: Document, *path: str | int) -> tuple[str, ...]:
    """The texts of a list in a document, which may be empty or null; numbers are taken as they are written.

    Raises RuleError with its place.
    """
    found = document.at(*path)
    if found is None:
        return ()
    if not isinstance(found, list) or len(found) > MAX_LIST_VALUES:
        raise document.fault(f"{path[-1]} is a list of at most {MAX_LIST_VALUES:,} texts", *path)
    for position, one in enumerate(found):
        if isinstance(one, bool) or not isinstance(one, str | int) or one == "":
            raise document.fault(f"{path[-1]} holds something that is not text: put it in quotes", *path, position)
    return tuple(dict.fromkeys(str(one) for one in found))


@dataclass(slots=True)
class ListsFound:
    """The lists among rule files, as they are read.

    Attributes:
        own: what they hold in their files, by name.
        in_force: what they hold in the end; see :meth:`filled`.
    """

    _found: dict[str, ValueList] = field(default_factory=dict)
    in_force: dict[str, ValueList] = field(default_factory=dict)

    def take(self, document: Document) -> bool:
        """Whether the document is a list, which is kept then. Raises RuleError with its place."""
        if not is_value_list(document):
            return False
        one = value_list(document)
        other = self._found.setdefault(one.name, one)
        if other is not one:
            mend = "keep one, and say in rules.yaml what it holds for you"
            raise document.wrong(f"there is another list {one.name!r} in {other.place}: {mend}", "name")
        return True

    @property
    def own(self) -> dict[str, tuple[str, ...]]:
        """Name → values as the files have them."""
        return {name: one.values for name, one in self._found.items()}

    def filled(
        self,
        placed: Mapping[str, Sequence[str]],
        added: Mapping[str, Sequence[str]],
        in_accounts: ByAccount,
    ) -> Filled:
        """What the lists hold everywhere in the end: ``placed`` in the place of those of the files, and ``added``
        beside, and ``in_accounts`` more there.
        """
        self.in_force = dict(self._found)
        for name in (*placed, *added, *in_accounts):
            one = self.in_force.get(name, ValueList(name, ()))
            values = dict.fromkeys([*placed.get(name, one.values), *added.get(name, ())])
            self.in_force[name] = replace(one, values=tuple(values), in_accounts=in_accounts.get(name, {}))
        return Filled({name: one.values for name, one in self.in_force.items()})
