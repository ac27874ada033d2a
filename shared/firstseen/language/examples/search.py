"""The search: from a source's sample event, change by change, to an event for which a predicate holds.

Literals are taken one after the other; each that does not hold yet is mended by a change of its own place that keeps
everything taken so far. Alternatives are tried in their order, those that hold already first. Every step is confirmed
by the matcher, so that a wrong proposal costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from firstseen.language.examples.asking import Ask
from firstseen.language.examples.contradictions import surely_contradict
from firstseen.language.examples.literals import Any, Every, Literal, Node, normal
from firstseen.language.examples.places import ABSENT, is_open, known, paths_of, put, text_at, value_at, with_text
from firstseen.language.examples.proposals import joined, listed, times
from firstseen.language.examples.words import said, said_of
from firstseen.language.predicates import Leaf, Predicate
from firstseen.language.rules import Vocabulary
from firstseen.sources.source import Accessor, Derived, Source, View

MAX_CHANGES = 20_000
"""Events that one search may propose."""
MAX_CHANGES_A_STEP = 3_000
MAX_ALTERNATIVES = 200
MAX_CHOICES = 150
"""Alternatives taken below one another."""
SAME_OPS = ("same_as", "same_start", "same_end", "same_part")


@dataclass(frozen=True, slots=True)
class Solved:
    """An event for which the predicate holds, and what was taken to make it so."""

    view: View
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Unsolved:
    """No event was found; ``reason`` says which conditions contradict, or what the source does not have.

    ``certain`` is false when the search gave up: then there may be one. ``unknown_field`` is the field, when that
    is the reason.
    """

    reason: str
    certain: bool = True
    unknown_field: str = ""


@dataclass(slots=True)
class Search:
    """One predicate over one source; ``supposing``: fields that the source is not known to have may be there."""

    source: Source
    vocabulary: Vocabulary
    ask: Ask
    supposing: bool = False
    changes_left: int = MAX_CHANGES
    deepest: int = -1
    failure: tuple[Literal, tuple[Literal, ...]] | None = None
    gave_up: str = ""

    def solve(self, predicate: Predicate, start: View | None = None) -> Solved | Unsolved:
        """An event for which ``predicate`` holds, made from ``start`` (default: the sample)."""
        view = self.source.sample if start is None else start
        found = self._step(view, (), [normal(predicate)], 0)
        if found is not None and self.ask(predicate, found.view):
            return found
        return self._why()

    def holds(self, literal: Literal, view: View) -> bool:
        """Whether the event is what the literal says."""
        return self.ask(literal.asked, view) is literal.wanted

    def _step(self, view: View, taken: tuple[Literal, ...], todo: list[Node], depth: int) -> Solved | None:
        todo = list(todo)
        while todo:
            todo.sort(key=_rank)
            node = todo.pop(0)
            if isinstance(node, Every):
                todo = [*node.parts, *todo]
            elif isinstance(node, Any):
                return self._choose(node, view, taken, todo, depth)
            else:
                mended = view if self.holds(node, view) else self.mend(view, node, taken)
                if mended is None:
                    self._remember(node, taken)
                    return None
                view, taken = mended, (*taken, node)
        return Solved(view, taken)

    def _choose(self, node: Any, view: View, taken: tuple[Literal, ...], todo: list[Node], depth: int) -> Solved | None:
        if depth > MAX_CHOICES:
            self.gave_up = f"more than {MAX_CHOICES} alternatives below one another"
            return None
        parts = sorted(node.parts, key=lambda one: not self._holds_now(one, view))
        if len(parts) > MAX_ALTERNATIVES:
            parts = self._few(parts, view, taken)
        for part in parts:
            found = self._step(view, taken, [part, *todo], depth + 1)
            if found is not None or self.changes_left <= 0:
                return found
        return None

    def _few(self, parts: list[Node], view: View, taken: Sequence[Literal]) -> list[Node]:
        """The first of a long list, and before them the values that what is taken allows; others can be left out."""
        fitting: list[Node] = []
        others: list[Node] = []
        for part in parts:
            fits = self._fits_as_value(part, view, taken)
            if fits is not False:
                (fitting if fits else others).append(part)
        few = [*fitting[:MAX_ALTERNATIVES], *others[:MAX_ALTERNATIVES]] or parts[:1]
        if len(fitting) > MAX_ALTERNATIVES or len(others) > MAX_ALTERNATIVES:
            self.gave_up = self.gave_up or f"only {len(few)} of {len(parts)} alternatives were tried"
        return few

    def _fits_as_value(self, part: Node, view: View, taken: Sequence[Literal]) -> bool | None:
        """Whether the given value of a fixed field goes with what is taken about that field; None: it is no such."""
        leaf = part.asked if isinstance(part, Literal) and part.wanted else None
        if not isinstance(leaf, Leaf) or leaf.op != "equals" or leaf.field is None or leaf.part is not None:
            return None
        accessor = self.source.accessor(leaf.field, vocabulary=self.vocabulary)
        if isinstance(accessor, Derived) or is_open(self.source, accessor):
            return None
        changed = put(view, accessor, leaf.value)
        return all(self.holds(one, changed) for one in taken if one.field == leaf.field)

    def _holds_now(self, node: Node, view: View) -> bool:
        match node:
            case Literal():
                return self.holds(node, view)
            case Every(parts):
                return all(self._holds_now(part, view) for part in parts)
            case Any(parts):
                return any(self._holds_now(part, view) for part in parts)

    def mend(self, view: View, literal: Literal, taken: Sequence[Literal]) -> View | None:
        """The event changed so that the literal holds and everything taken still does, or None."""
        for changed in self.changes(view, literal, taken):
            if self.holds(literal, changed) and all(self.holds(one, changed) for one in taken):
                return changed
        return None

    def changes(self, view: View, literal: Literal, taken: Sequence[Literal]) -> Iterator[View]:
        """Events that differ in the literal's place (for keywords: in any), the plainest change first."""
        alike = [literal, *(one for one in taken if one.field == literal.field)]
        for changed in islice(self._proposed(view, literal, alike), MAX_CHANGES_A_STEP):
            self.changes_left -= 1
            if self.changes_left <= 0:
                self.gave_up = f"the search ended after {MAX_CHANGES} changes"
                return
            yield changed

    def _proposed(self, view: View, literal: Literal, alike: Sequence[Literal]) -> Iterator[View]:
        name = literal.field
        if name is None:
            yield from self._keywords(view, literal)
            return
        accessor = self.source.accessor(name, vocabulary=self.vocabulary)
        removed = self._removed(view, accessor, alike)
        if text_at(self.source.sample, accessor) is None:
            yield from removed
        if self.supposing or known(self.source, self.vocabulary, name):
            yield from self._valued(view, literal, alike, accessor)
        yield from removed  # nothing, if it was asked for above

    def _removed(self, view: View, accessor: Accessor, alike: Sequence[Literal]) -> Iterator[View]:
        """Without the field, or with null there; what every event of the source has stays."""
        needed = {*self.source.required, *self.source.index}
        if any(one.wanted and needs_value(one) for one in alike) or accessor in {(key,) for key in needed}:
            return
        yield from with_text(view, self.source, accessor, ABSENT)
        if any(_is_null(one) for one in alike):
            yield from with_text(view, self.source, accessor, None)

    def _valued(self, view: View, literal: Literal, alike: Sequence[Literal], accessor: Accessor) -> Iterator[View]:
        """With a value in the field."""
        usual = self._usual(view, literal.field or "")
        values = chain(
            times(alike, usual) if any(leaf.part for one in alike for leaf in one.leaves) else (),
            self._of_other_fields(view, literal),
            joined(alike, usual),
        )
        for value in values:
            yield from with_text(view, self.source, accessor, value)
        yield from self._made_the_same(view, literal, accessor)
        if is_open(self.source, accessor):
            for several in listed(alike, usual):
                yield from with_text(view, self.source, accessor, several)

    def _made_the_same(self, view: View, literal: Literal, accessor: Accessor) -> Iterator[View]:
        """For a comparison with another field: that field changed, and this one with it where it is missing."""
        for leaf in literal.leaves:
            if leaf.op in SAME_OPS and literal.wanted and literal.field is not None:
                other = self.source.accessor(str(leaf.value), vocabulary=self.vocabulary)
                for text in self._usual(view, literal.field):
                    for changed in with_text(view, self.source, other, text):
                        yield changed
                        yield from with_text(changed, self.source, accessor, text)

    def _of_other_fields(self, view: View, literal: Literal) -> Iterator[str]:
        """For a comparison with another field: that field's texts, alone and within something."""
        for leaf in literal.leaves:
            if leaf.op in SAME_OPS:
                for text in self._usual(view, str(leaf.value)):
                    if literal.wanted:
                        yield text
                    yield f"other-{text}"
                    yield f"{text}-other"

    def _usual(self, view: View, name: str) -> list[str]:
        """The texts at a field: in the event, else in the sample, else what is put into fields of no known shape."""
        accessor = self.source.accessor(name, vocabulary=self.vocabulary)
        found = [text_at(root, accessor) for root in (view, self.source.sample)]
        return list(dict.fromkeys(text for text in found if text is not None)) or ["example"]

    def _keywords(self, view: View, literal: Literal) -> Iterator[View]:
        """Into a free-form field, or any other; a keyword that is not wanted is taken out wherever it stands."""
        paths = list(paths_of(view))
        if not literal.wanted:
            cleared = view
            for path in paths:
                if not self.holds(literal, {"value": value_at(view, path)}):
                    cleared = put(cleared, path, None)
            yield cleared
            return
        free = [
            (name.rstrip("."), "value")
            for name in sorted(self.source.known)
            if name.endswith(".") and name.count(".") == 1
        ]
        for path in (*free, *reversed(paths)):
            for value in joined([literal], ()):
                yield put(view, path, value)

    def _remember(self, literal: Literal, taken: tuple[Literal, ...]) -> None:
        """Keeps the failure that came furthest: it tells most."""
        if len(taken) > self.deepest:
            self.deepest, self.failure = len(taken), (literal, taken)

    def _why(self) -> Unsolved:
        if self.gave_up:
            return Unsolved(f"no example was found: {self.gave_up}", certain=False)
        if self.failure is None:
            return Unsolved("the condition never holds: one of its lists of alternatives is empty")
        literal, taken = self.failure
        for leaf in literal.leaves:
            if leaf.field is not None and literal.wanted and not known(self.source, self.vocabulary, leaf.field):
                reason = f"{self.source.name} has no field {leaf.field}, so this never holds: {said(leaf)}"
                return Unsolved(reason, unknown_field=leaf.field)
        sample = self.source.sample
        if not self.holds(literal, sample) and self.mend(sample, literal, ()) is None:
            return Unsolved(f"no value could be found for which this holds: {said_of(literal)}", certain=False)
        for other in taken:
            start = sample if self.holds(other, sample) else self.mend(sample, other, ())
            if start is None or not (self.holds(literal, start) or self.mend(start, literal, (other,)) is not None):
                both = f"{said_of(other)}; {said_of(literal)}"
                if surely_contradict(other, literal):
                    return Unsolved(f"these two contradict each other: {both}")
                return Unsolved(f"no event was found for which these two hold together: {both}", certain=False)
        certain = any(surely_contradict(other, literal) for other in taken)
        return Unsolved(f"with the conditions beside it this never holds: {said_of(literal)}", certain=certain)


def _rank(node: Node) -> int:
    """Wanted literals first, then unwanted ones, then choices, those of refusals last."""
    if isinstance(node, Every):
        return 0
    if isinstance(node, Literal):
        return 1 if node.wanted else 2
    return 3 if all(isinstance(part, Literal) and part.wanted for part in node.parts) else 4


def needs_value(literal: Literal) -> bool:
    """Whether the literal, wanted, holds only where its field has a value."""
    return any(not _is_null_leaf(leaf) for leaf in literal.leaves)


def _is_null(literal: Literal) -> bool:
    return any(leaf.op in ("null", "exists") for leaf in literal.leaves)


def _is_null_leaf(leaf: Leaf) -> bool:
    return leaf.op == "null" or (leaf.op == "exists" and leaf.value is False)
