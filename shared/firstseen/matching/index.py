"""From the names of a call to the function that decides the rules for it.

The names in an event choose a *group*: the rules that such names can still satisfy. Within a group, the answers to all
questions about the names choose a *function*, generated for what is left of the rules. Names are the attacker's to
choose, so how many functions there are depends on the rules alone, and the table from names to functions is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from firstseen.matching.emit import Apart, Function, Rule, build
from firstseen.matching.evaluate import answer
from firstseen.matching.layout import Layout
from firstseen.matching.partial import assigned, implied, questions
from firstseen.matching.questions import NEVER, SAME, Question, Tree
from firstseen.matching.remembering import Remembered, remembered
from firstseen.matching.values import fold
from firstseen.sources.source import Path

MAX_FUNCTIONS = 4_096
"""Groups and functions kept for one source; they are dropped together when there are more."""

_ANY = ""
_NAMED = "="

Names = tuple[str, ...]


class Group(msgspec.Struct, eq=False):
    """The rules that certain names can satisfy, what they ask of the names, a function for each set of answers.

    A function of None: no rule can hold.
    """

    rules: tuple[Rule, ...]
    asked: tuple[tuple[int, Question], ...]
    functions: dict[tuple[bool, ...], Function | None] = msgspec.field(default_factory=dict)


class Index:
    """Rules by the names that they want. ``layout`` as for :func:`firstseen.matching.emit.build`."""

    def __init__(
        self,
        rules: Sequence[Rule],
        keys: Sequence[Path],
        layout: Layout | None,
        wanted: Sequence[Mapping[str, set[int]]] | None = None,
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._layout = layout
        self._wanted = [self._by_name(key) for key in keys] if wanted is None else wanted
        self._groups: dict[Names, Group] = {}
        self._shared: dict[tuple[int, ...], Group] = {}
        self._built: dict[tuple[Rule, ...], Function] = {}
        self._kept: Remembered | None = None
        self._apart: Apart | None = None

    def over(self, layout: Layout) -> Index:
        """The same rules over a layout. What they want of the names is found out once."""
        return Index(self._rules, self._keys, layout, self._wanted)

    def _by_name(self, key: Path) -> dict[str, set[int]]:
        """Which rules want each (folded) name of one key; :data:`_ANY` holds those to which any name will do."""
        found: dict[str, set[int]] = {_ANY: set()}
        for number, (tree, _) in enumerate(self._rules):
            names = implied(tree, key)
            for name in (_ANY,) if names is None else (_NAMED + one for one in names):
                found.setdefault(name, set()).add(number)
        return found

    def function(self, names: Names) -> Function | None:
        """The function for these values of the index keys; None: no rule can hold."""
        group = self.group(names)
        answers = tuple(answer(question, [names[number]], []) for number, question in group.asked)
        if answers not in group.functions:
            group.functions[answers] = self._made(group, answers)
        return group.functions[answers]

    def group(self, names: Names) -> Group:
        """The rules that events with these names can satisfy."""
        key = tuple(
            name if (name := _NAMED + fold(one)) in wanted else _ANY
            for one, wanted in zip(names, self._wanted, strict=True)
        )
        found = self._groups.get(key)
        if found is None:
            if len(self._groups) + len(self._built) > MAX_FUNCTIONS:
                self._groups, self._shared, self._built, self._apart = {}, {}, {}, None
            found = self._groups[key] = self._chosen(key)
        return found

    def _chosen(self, key: Names) -> Group:
        numbers = set(range(len(self._rules)))
        for name, wanted in zip(key, self._wanted, strict=True):
            numbers &= wanted[_ANY] | (wanted[name] if name != _ANY else set())
        order = tuple(sorted(numbers))
        if order not in self._shared:
            rules = tuple(self._rules[number] for number in order)
            self._shared[order] = Group(rules, self._about_names(tree for tree, _ in rules))
        return self._shared[order]

    def _about_names(self, trees: Iterable[Tree]) -> tuple[tuple[int, Question], ...]:
        places = {key: number for number, key in enumerate(self._keys)}
        return tuple(
            (places[one.place], one)
            for one in questions(trees)
            if isinstance(one.place, tuple) and one.place in places and one.op not in SAME
        )

    def _made(self, group: Group, answers: tuple[bool, ...]) -> Function | None:
        known = {question: said for (_, question), said in zip(group.asked, answers, strict=True)}
        left: dict[Tree, list[int]] = {}
        for tree, rows in group.rules:
            rest = assigned(tree, known)
            if rest != NEVER:
                left.setdefault(rest, []).extend(rows)
        if not left:
            return None
        rules = tuple((tree, tuple(sorted(rows))) for tree, rows in left.items())
        if rules not in self._built:
            kept = self._remembered()
            if self._apart is None:
                self._apart = Apart(self._layout, kept)
            self._built[rules] = build(rules, self._layout, kept, self._apart)
        return self._built[rules]

    def _remembered(self) -> Remembered:
        """Tables for what the rules ask that any names satisfy: each event meets them."""
        if self._kept is None:
            broad = set(range(len(self._rules))).intersection(*(wanted[_ANY] for wanted in self._wanted))
            asked = questions(self._rules[number][0] for number in sorted(broad))
            self._kept = {} if self._layout is None else remembered(asked, self._layout)
        return self._kept
