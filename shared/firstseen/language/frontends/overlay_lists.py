"""What overlays say about value lists: values in the place of a list's own, or beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from firstseen.errors import RuleError
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.faults import each
from firstseen.language.frontends.sections import Section
from firstseen.language.frontends.value_lists import texts_at

Lists = dict[str, tuple[str, ...]]


def read_lists(document: Document, faults: list[RuleError]) -> tuple[Lists, Lists]:
    """The lists that take a place, and the values that are added; what is at fault is noted and left out."""
    body = document.data.get("lists") or {}
    if not isinstance(body, dict):
        faults.append(document.fault("lists is a mapping of names to lists of values", "lists"))
        return {}, {}
    placed: Lists = {}
    added: Lists = {}
    for name, values in body.items():
        try:
            if isinstance(values, dict):
                Section(document, ("lists", name), ("add",)).need("add")
                added[name] = texts_at(document, "lists", name, "add")
            else:
                placed[name] = texts_at(document, "lists", name)
        except RuleError as fault:
            faults.extend(each(fault))
    return placed, added


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
