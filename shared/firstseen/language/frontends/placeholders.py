"""Placeholders: ``%name%`` under ``|expand``, filled from value lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from typing import Protocol

from sigma.types import Placeholder, SigmaString, SigmaStringPartType

from firstseen.errors import RuleError

MAX_EXPANSIONS = 50_000


class Placeholders(Protocol):
    """What stands in the place of a placeholder."""

    def values(self, name: str) -> Sequence[SigmaString]:
        """The values for ``%name%``. Raises RuleError when there is no such list."""
        ...


class Lists:
    """Values from value lists; wildcards in a listed value are wildcards.

    ``used`` names the lists that were asked for, in the order in which they were.
    """

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = lists
        self.used: dict[str, None] = {}

    def values(self, name: str) -> Sequence[SigmaString]:
        """The listed values. Raises RuleError, without a place, on a name that has no list."""
        if name not in self._lists:
            near = get_close_matches(name, self._lists, n=1)
            known = ", ".join(sorted(self._lists)) or "none"
            mend = f"did you mean %{near[0]}%?" if near else "add a list of that name"
            msg = f"the placeholder %{name}% has no value list (there are: {known}): {mend}"
            raise RuleError(msg)
        self.used[name] = None
        return [SigmaString(str(value)) for value in self._lists[name]]


class Unexpanded:
    """Leaves the name in the value's place: what a fingerprint covers, so that lists may change."""

    def values(self, name: str) -> Sequence[SigmaString]:
        """One value that no rule can write."""
        return [SigmaString.from_str(f"\x00%{name}%")]


def expanded(value: SigmaString, placeholders: Placeholders) -> Iterator[SigmaString]:
    """``value`` with every combination of its placeholders' values; itself when it has none."""
    if not any(isinstance(part, Placeholder) for part in value.s):
        yield value
        return
    choices: list[Sequence[list[SigmaStringPartType]]] = []
    total = 1
    for part in value.s:
        if isinstance(part, Placeholder):
            choices.append([listed.s for listed in placeholders.values(part.name)])
        else:
            choices.append([[part]])
        total *= len(choices[-1])
    if total > MAX_EXPANSIONS:
        msg = f"the placeholders of one value have {total:,} combinations, more than {MAX_EXPANSIONS:,}"
        raise RuleError(msg)
    for combination in product(*choices):
        made = type(value)()
        made.s = _merged([part for parts in combination for part in parts])
        yield made


def _merged(parts: list[SigmaStringPartType]) -> list[SigmaStringPartType]:
    """The parts with neighbouring texts joined."""
    joined: list[SigmaStringPartType] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, str) and isinstance(last, str):
            joined[-1] = last + part
        else:
            joined.append(part)
    return joined
