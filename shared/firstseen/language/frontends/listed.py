"""Base rules that use value lists, and what they ask with other values in the lists.

Tests say what lists hold for them; examples of a rule whose list is empty are made with values that stand in for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from firstseen.errors import RuleError
from firstseen.language.frontends.sigma import BaseRule, Filter, base_rule, filtered, global_filter
from firstseen.language.frontends.value_lists import STAND_INS, ValueList
from firstseen.language.predicates import NEVER
from firstseen.language.rules import Base
from firstseen.sources.source import Source

Values = Mapping[str, Sequence[str]]
"""List name → values."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The value lists of a rule set and the base rules that use them.

    Attributes:
        lists: in force, by name.
        own: what lists hold in files, by name, before any overlay: tests do not depend on a user's overlay.
        written: base rule id → the rule and its filters as written; only rules that use lists.
        sources: the log sources that rules may ask for.
    """

    lists: Mapping[str, ValueList] = field(default_factory=dict)
    own: Values = field(default_factory=dict)
    written: Mapping[str, tuple[BaseRule, tuple[Filter, ...]]] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()

    def names(self, base_id: str) -> tuple[str, ...]:
        """The lists that the rule and its filters use, each once."""
        if base_id not in self.written:
            return ()
        rule, filters = self.written[base_id]
        return tuple(dict.fromkeys([*rule.lists, *(name for one in filters for name in one.lists)]))

    def base(self, base_id: str, values: Values) -> Base:
        """The rule with these values in its lists, and those in force in lists that are not named here.

        Raises RuleError where a value cannot be used as the rule asks (one that is no network).
        """
        rule, filters = self.written[base_id]
        filled = {name: one.values for name, one in self.lists.items()} | dict(values)
        inside = {name: one.in_accounts for name, one in self.lists.items() if name not in values}
        again = base_rule(rule.document, filled, self.sources, inside)
        return filtered(again, [global_filter(one.document, filled, inside) for one in filters]).base

    def for_test(self, base_id: str, values: Values) -> Base:
        """The rule as its test sees it: the test's values, else those of the list's file, else those in force."""
        return self.base(base_id, {**self.own, **values})

    def empty(self, base_id: str) -> tuple[str, ...]:
        """The lists that the rule uses and that are empty."""
        return tuple(name for name in self.names(base_id) if not self.lists[name].everything)

    def values(self, base_id: str) -> frozenset[str]:
        """What the rule has from lists, those values included that stand in for empty ones."""
        lists = [self.lists[name] for name in self.names(base_id)]
        return frozenset(value for one in lists for value in (*one.everything, *one.examples, *STAND_INS))

    def stand_ins(self, base_id: str) -> dict[str, tuple[str, ...]]:
        """For the empty lists that the rule uses: values such as they may hold."""
        return {name: self.lists[name].examples or STAND_INS for name in self.empty(base_id)}

    def standing_in(self, base_id: str) -> Base:
        """The rule with values standing in for its empty lists; as it is in force where none fit."""
        for filled in (self.stand_ins(base_id), dict.fromkeys(self.empty(base_id), STAND_INS)):
            found = self._tried(base_id, filled)
            if found is not None:
                return found
        return self.base(base_id, {})

    def _tried(self, base_id: str, values: Values) -> Base | None:
        """None where a value cannot be used as the rule asks: a name in the place of a network."""
        try:
            return self.base(base_id, values)
        except RuleError:
            return None

    def needs(self, base_id: str) -> tuple[str, ...]:
        """The empty lists without which the rule can never hold; where any of several would do, all of them.

        It is read from the shape: a condition that an empty list makes impossible, and *and*, *or*, *not* above it.
        """
        empty = self.empty(base_id)
        if not empty or self.base(base_id, {}).predicate != NEVER:
            return ()
        filled = self.stand_ins(base_id)
        needed = []
        for name in empty:
            others = {other: values for other, values in filled.items() if other != name}
            found = self._tried(base_id, others)
            if found is not None and found.predicate == NEVER:
                needed.append(name)
        return tuple(needed) or empty
