"""Placeholders: ``%name%`` under ``|expand``, filled from value lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from math import prod
from typing import Protocol

from sigma.types import Placeholder, SigmaString, SigmaStringPartType

from firstseen.errors import RuleError
from firstseen.language.frontends.value_lists import NOWHERE, ByAccount, Filled
from firstseen.language.predicates import Predicate

MAX_EXPANSIONS = 50_000
"""Of one value: everywhere, and again in all accounts together."""

Ids = tuple[str, ...]
Values = Mapping[str, Sequence[SigmaString]]
"""List name → values."""


class Placeholders(Protocol):
    """What stands in the place of a placeholder."""

    def values(self, name: str) -> Sequence[SigmaString]:
        """The values for ``%name%``. Raises RuleError when there is no such list."""
        ...

    def inside(self, names: Iterable[str]) -> Sequence[tuple[Ids, Values]]:
        """The accounts in which any of these lists holds more, with what more; accounts that agree are together."""
        ...

    def kept(self, name: str, asked: tuple[object, ...], made: Callable[[], Predicate]) -> Predicate:
        """What was made of ``%name%`` alone when the same was asked before, else ``made()``. Raises what that does."""
        ...


_ELSEWHERE = "name the folder of the list beside that of the rules"


class Lists:
    """Values from value lists; wildcards in a listed value are wildcards.

    ``used`` names the lists that were asked for, in the order in which they were.
    """

    def __init__(self, lists: Mapping[str, Sequence[str]], in_accounts: ByAccount = NOWHERE) -> None:
        self._lists = lists
        self._in_accounts = in_accounts
        self._kept = lists.kept if isinstance(lists, Filled) else {}
        self.used: dict[str, None] = {}

    def values(self, name: str) -> Sequence[SigmaString]:
        """The listed values. Raises RuleError, without a place, on a name that has no list."""
        if name not in self._lists:
            near = get_close_matches(name, self._lists, n=1)
            known = ", ".join(sorted(self._lists)) or "none"
            mend = f"did you mean %{near[0]}%?" if near else f"{_ELSEWHERE}, or add a list of that name"
            msg = f"the placeholder %{name}% has no value list (there are: {known}): {mend}"
            raise RuleError(msg)
        self.used[name] = None
        return [SigmaString(str(value)) for value in self._lists[name]]

    def inside(self, names: Iterable[str]) -> Sequence[tuple[Ids, Values]]:
        """The accounts by what the lists hold there, in the order of their ids."""
        asked = [name for name in dict.fromkeys(names) if self._in_accounts.get(name)]
        ids = sorted({uid for name in asked for uid in self._in_accounts[name]})
        together: dict[tuple[tuple[str, ...], ...], list[str]] = {}
        for uid in ids:
            own = tuple(tuple(self._in_accounts[name].get(uid, ())) for name in asked)
            if any(own):
                together.setdefault(own, []).append(uid)
        return [
            (tuple(found), {name: [SigmaString(one) for one in texts] for name, texts in zip(asked, own, strict=True)})
            for own, found in together.items()
        ]

    def kept(self, name: str, asked: tuple[object, ...], made: Callable[[], Predicate]) -> Predicate:
        """Rules of one load share it. All that decides what is made must be in ``asked``, but for the lists."""
        key = (name, *asked)
        if key not in self._kept:
            self._kept[key] = made()
        self.used[name] = None
        return self._kept[key]


class Unexpanded:
    """Leaves the name in the value's place: what a fingerprint covers, so that lists may change."""

    def values(self, name: str) -> Sequence[SigmaString]:
        """One value that no rule can write."""
        return [SigmaString.from_str(f"\x00%{name}%")]

    def inside(self, names: Iterable[str]) -> Sequence[tuple[Ids, Values]]:
        """Nothing: accounts are no part of what a rule asks, either."""
        del names
        return ()

    def kept(self, name: str, asked: tuple[object, ...], made: Callable[[], Predicate]) -> Predicate:
        """Nothing is: it is one value."""
        del name, asked
        return made()


Choices = Sequence[Sequence[Sequence[SigmaStringPartType]]]
"""What may stand in the place of each part of a value."""


def expanded(value: SigmaString, placeholders: Placeholders) -> Iterator[SigmaString]:
    """``value`` with every combination of its placeholders' values that hold everywhere; itself when it has none."""
    if not _names(value):
        yield value
        return
    choices = _choices(value, {name: placeholders.values(name) for name in _names(value)})
    _check(_number(choices))
    yield from _combined(value, choices)


def inside_accounts(value: SigmaString, placeholders: Placeholders) -> Iterator[tuple[Ids, list[SigmaString]]]:
    """Accounts with what ``value`` stands for there and not everywhere."""
    found = placeholders.inside(_names(value)) if _names(value) else ()
    everywhere = {name: placeholders.values(name) for name in _names(value)} if found else {}
    total = 0
    for ids, more in found:
        own = {name: more.get(name, ()) for name in everywhere}
        both = {name: [*values, *own[name]] for name, values in everywhere.items()}
        texts: list[SigmaString] = []
        for first, part in enumerate(value.s):  # `first`: the first part that has a value of the account's own
            if isinstance(part, Placeholder):
                choices = [
                    *_choices(value, everywhere)[:first],
                    *_choices(value, own)[first : first + 1],
                    *_choices(value, both)[first + 1 :],
                ]
                total += _number(choices)
                _check(total)
                texts.extend(_combined(value, choices))
        yield ids, texts


def sole_name(value: SigmaString) -> str | None:
    """The name of the list where a placeholder is all of the value."""
    parts = value.s
    return parts[0].name if len(parts) == 1 and isinstance(parts[0], Placeholder) else None


def _names(value: SigmaString) -> list[str]:
    return [part.name for part in value.s if isinstance(part, Placeholder)]


def _choices(value: SigmaString, values: Values) -> Choices:
    return [[one.s for one in values[part.name]] if isinstance(part, Placeholder) else [[part]] for part in value.s]


def _number(choices: Choices) -> int:
    return prod(map(len, choices))


def _check(number: int) -> None:
    if number > MAX_EXPANSIONS:
        msg = f"the placeholders of one value have {number:,} combinations, more than {MAX_EXPANSIONS:,}"
        raise RuleError(msg)


def _combined(value: SigmaString, choices: Choices) -> Iterator[SigmaString]:
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
