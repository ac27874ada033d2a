"""Examples as they are shown and written into tests: each run through the real engine before anybody sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firstseen.cli.located import SOURCES
from firstseen.cli.proving import ask_of, encoded, findings, matches
from firstseen.language.examples.events import example, near_misses
from firstseen.language.examples.search import Unsolved
from firstseen.language.examples.sequences import sequences
from firstseen.language.rules import Base, Correlation
from firstseen.sources.source import View


@dataclass(frozen=True, slots=True)
class Shown:
    """Events and what they show.

    Attributes:
        says: a statement.
        views: the events, in order.
        expected: how many match (base rules), or how many findings they cause (correlations); confirmed.
    """

    says: str
    views: tuple[View, ...]
    expected: int


def examples_of(
    base: Base | None, correlation: Correlation | None, bases: Mapping[str, Base]
) -> list[Shown] | Unsolved:
    """The rule's examples: the first makes it fire, the others just do not, or not again.

    A base rule is shown by single events, a correlation by sequences. What the engine does not confirm is left out.
    """
    if base is not None:
        return _of_base(base)
    if correlation is None:
        return Unsolved("there is no such rule")
    made = sequences(correlation, bases, SOURCES, ask_of, supposing=True)
    if isinstance(made, Unsolved):
        return made
    shown = [Shown(one.name, one.views, one.expected) for one in made]
    confirmed = [
        one
        for one in shown
        if (outcome := findings(correlation, bases, [encoded(view) for view in one.views])).number == one.expected
        and not outcome.problems
    ]
    if not confirmed or confirmed[0] is not shown[0]:
        return Unsolved("the example that was made caused no finding", certain=False)
    return confirmed


def _of_base(base: Base) -> list[Shown] | Unsolved:
    """From the first source that has an event for the rule."""
    reason = Unsolved("it reads no log source that is known")
    for source in (SOURCES[name] for name in base.sources if name in SOURCES):
        ask = ask_of(base, source)
        found = example(base, source, ask, supposing=True)
        if isinstance(found, Unsolved):
            reason = found
            continue
        if matches(base, [encoded(found.view)]).number != 1:
            reason = Unsolved("the example that was made does not match in the compiled engine", certain=False)
            continue
        supposed = f"; supposing that {source.name} has {', '.join(found.supposed)}" if found.supposed else ""
        shown = [Shown(f"an event that matches{supposed}", (found.view,), 1)]
        for miss in near_misses(base, found, ask):
            outcome = matches(base, [encoded(miss.view)])
            if outcome.number == 0 and not outcome.problems:
                shown.append(Shown(f"no match: no longer so: {miss.changed}", (miss.view,), 0))
        return shown
    return reason
