"""An example for each member of a correlation, all of one group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from firstseen.language.examples.asking import Ask
from firstseen.language.examples.events import Example, example, has
from firstseen.language.examples.places import text_at
from firstseen.language.examples.search import Unsolved
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base, Correlation, Member
from firstseen.sources.source import Source, View

AskOf = Callable[[Base, Source], Ask]


@dataclass(frozen=True, slots=True)
class Part:
    """One base rule of the correlation with its example."""

    base: Base
    member: Member
    example: Example
    ask: Ask

    def holds(self, view: View) -> bool:
        """Whether an event takes part: the rule holds and no field is missing."""
        names = (*self.member.group_by, *self.member.fields)
        return self.ask(self.base.predicate, view) and all(self.ask(has(name), view) for name in names)

    def text(self, name: str, view: View | None = None) -> str | None:
        """The event's value of a field."""
        accessor = self.example.source.accessor(name, vocabulary=self.base.vocabulary)
        return text_at(self.example.view if view is None else view, accessor)


def parts_of(
    correlation: Correlation,
    bases: Mapping[str, Base],
    sources: Mapping[str, Source],
    ask_of: AskOf,
    *,
    supposing: bool,
) -> list[Part] | Unsolved:
    """An example for each member, all of one group; whichever member can lead gives the group its values."""
    members = [(member, bases[member.base_id]) for member in correlation.members]
    making = _Making(sources, ask_of, supposing=supposing)
    failed: Unsolved | None = None
    for lead in range(len(members) if correlation.group_by else 1):
        made = making.led_by(lead, members)
        if not isinstance(made, Unsolved):
            return made
        failed = failed or made
        if made.certain:
            return made
    return failed or Unsolved("it has no base rules")


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes the parts of one correlation."""

    sources: Mapping[str, Source]
    ask_of: AskOf
    supposing: bool = field(kw_only=True)

    def led_by(self, lead: int, members: Sequence[tuple[Member, Base]]) -> list[Part] | Unsolved:
        """The parts, in the order of the members; the group's values are those of the ``lead``."""
        own, base = members[lead]
        shared = [one for other in members if other[0] is not own for one in _about_group(own, base, *other)]
        first = self.part(own, base, shared)
        if isinstance(first, Unsolved):
            return first
        parts = []
        for member, other in members:
            texts = [(name, first.text(mine)) for name, mine in zip(member.group_by, own.group_by, strict=True)]
            same = [Leaf(name, "equals", text, cased=True) for name, text in texts if text is not None]
            made = first if member is own else self.part(member, other, same)
            if isinstance(made, Unsolved):
                # Perhaps only this value of the group does not fit: another may.
                return Unsolved(f"{other.title}: {made.reason}", made.certain and not same, made.unknown_field)
            parts.append(made)
        return parts

    def part(self, member: Member, base: Base, also: Sequence[Predicate]) -> Part | Unsolved:
        """An example of the member with all its fields."""
        source = next((self.sources[name] for name in base.sources if name in self.sources), None)
        if source is None:
            return Unsolved(f"the base rule {base.title!r} reads no log source that is known")
        ask = self.ask_of(base, source)
        asked = (*(has(name) for name in (*member.group_by, *member.fields)), *also)
        found = example(base, source, ask, also=asked, supposing=self.supposing)
        return found if isinstance(found, Unsolved) else Part(base, member, found, ask)


def _about_group(own: Member, base: Base, member: Member, other: Base) -> Iterator[Predicate]:
    """What another member's rule asks of the group's fields alone, in the names of this one's."""
    if base.vocabulary != other.vocabulary:
        return
    parts = other.predicate.parts if isinstance(other.predicate, And) else (other.predicate,)
    for mine, name in zip(own.group_by, member.group_by, strict=True):
        for part in parts:
            renamed = _renamed(part, name, mine)
            if renamed is not None:
                yield renamed


def _renamed(tree: Predicate, name: str, new: str) -> Predicate | None:
    """The tree about ``new`` in place of ``name``; None when it is about anything else."""
    match tree:
        case Leaf():
            renamed = tree.field == name and not tree.op.startswith("same_")
            return msgspec.structs.replace(tree, field=new) if renamed else None
        case Not(part):
            inner = _renamed(part, name, new)
            return None if inner is None else Not(inner)
        case And(parts) | Or(parts):
            made = [_renamed(part, name, new) for part in parts]
            if any(one is None for one in made):
                return None
            return type(tree)(tuple(one for one in made if one is not None))
