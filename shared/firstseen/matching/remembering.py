"""Answers that are kept by text: a few hundred user agents, roles and addresses come again in millions of events.

Only for questions that are asked of nearly every event, whatever its call is. Texts are the attacker's to choose, so
each table is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from firstseen.matching.layout import Layout, Node
from firstseen.matching.literals import needed
from firstseen.matching.many import Test
from firstseen.matching.questions import PLAIN, SAME, Question, prepared
from firstseen.matching.running import odd, plain
from firstseen.matching.values import fold, texts
from firstseen.sources.source import Accessor, Derived

MAX_TEXTS = 2_048
"""Kept for one place; the table starts anew when it is full."""

MAX_CHARACTERS = 256
"""Longer texts are asked each time."""

MAX_QUESTIONS = 512
"""About one place; a text that is met for the first time is asked all of them."""


class Answers(dict[object, int]):
    """Answers to all questions about one place, a bit each, by what the struct holds: a text, null or absence.

    ``texts_of`` gives the text forms at the place. Looking up what is neither raises SlowPathError or TypeError: the
    event is to be read in full.
    """

    def __init__(self, questions: Iterable[Question], texts_of: Callable[[object], list[str]]) -> None:
        super().__init__()
        self._texts_of = texts_of
        self._absent = 0
        self._tests: list[tuple[int, bool, Test]] = []
        for number, one in enumerate(questions):
            if one.op == "null":
                self._absent |= 1 << number
            else:
                self._tests.append((1 << number, one.folded, prepared(one)))

    def __missing__(self, value: object) -> int:
        """Ask, and keep the answers; those of a boolean are not kept, since it equals a number."""
        bits = self._asked(self._texts_of(value))
        if not isinstance(value, bool) and (not isinstance(value, str) or len(value) <= MAX_CHARACTERS):
            if len(self) >= MAX_TEXTS:
                self.clear()
            self[value] = bits
        return bits

    def _asked(self, found: list[str]) -> int:
        if not found:
            return self._absent
        folded = list(map(fold, found))
        return sum(bit for bit, of_folded, test in self._tests if any(map(test, folded if of_folded else found)))


Remembered = Mapping[Question, tuple[Answers, int]]
"""A question's table, and its bit in what that gives."""


def remembered(questions: Iterable[Question], layout: Layout) -> Remembered:
    """Tables for those of the questions that are worth one."""
    places: dict[Accessor, list[Question]] = {}
    for one in questions:
        askable = one.op != "exists" and one.op not in SAME and one.part is None
        if one.place is not None and askable and looked_at(one.place, layout):
            places.setdefault(one.place, []).append(one)
    found: dict[Question, tuple[Answers, int]] = {}
    for place, asked in places.items():
        if any(map(_costly, asked)):
            kept = asked[:MAX_QUESTIONS]
            answers = Answers(kept, _derived_texts(place) if isinstance(place, Derived) else _scalar_texts)
            found.update((one, (answers, 1 << number)) for number, one in enumerate(kept))
    return found


def looked_at(place: Accessor, layout: Layout) -> list[Node]:
    """The nodes on the way to the one text that decides what is at a place; [] when there is no such text."""
    if not isinstance(place, Derived):
        return layout.nodes(place) if layout.is_scalar(place) else []
    if place.moment is not None or len(place.reads) != 1 or not layout.is_scalar(place.reads):
        return []
    return layout.nodes(place.reads)


def _scalar_texts(held: object) -> list[str]:
    if held is None or held is msgspec.UNSET:
        return []
    return [held if isinstance(held, str) else odd(held)]


def _derived_texts(place: Derived) -> Callable[[object], list[str]]:
    """From what the struct holds at the one key that the function reads to the text forms of what it makes."""
    (key,) = place.reads

    def texts_of(held: object) -> list[str]:
        value = place.function(dict.fromkeys((key,), *given) if (given := plain(held)) else {})
        return texts([] if value is None else [value])

    return texts_of


def _costly(question: Question) -> bool:
    """Whether looking up a text takes less time than asking it."""
    if isinstance(question.place, Derived):
        return True
    if question.op == "regex" and needed(question.values[0]):
        return False
    return question.op not in ("equals", "null") and (question.folded or question.op not in PLAIN)
