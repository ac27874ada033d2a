"""Fields that no source has, and values that a field never takes."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from firstseen.language.checks.finding_places import leaves, place_of_field
from firstseen.language.checks.issues import Issue, Rules, Severity
from firstseen.language.checks.known_values import shape_of
from firstseen.language.examples.places import known
from firstseen.language.examples.words import said
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base
from firstseen.sources.source import Source

_SAME = ("same_as", "same_start", "same_end", "same_part")


class UnknownField:
    """A dotted name that resolves to nothing matches nothing, without an error, for ever."""

    name = "unknown-field"
    severity: Severity = "error"
    says = "A rule names a field that its log source does not have."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each rule and name."""
        for base in rules.bases:
            asked: dict[str, None] = {}
            for leaf in leaves(base.predicate):
                if leaf.field is not None:
                    asked[leaf.field] = None
                if leaf.op in _SAME:
                    asked[str(leaf.value)] = None
            yield from self._of(rules, base, base.id, asked)
        for correlation in rules.correlations:
            for member in correlation.members:
                names = [*member.group_by, *member.fields]
                if correlation.suppression is not None and correlation.type == "match":
                    names += correlation.suppression.fields
                yield from self._of(rules, rules.by_id[member.base_id], correlation.card.id, dict.fromkeys(names))

    def _of(self, rules: Rules, base: Base, rule_id: str, names: dict[str, None]) -> Iterator[Issue]:
        sources = [rules.sources[name] for name in base.sources if name in rules.sources]
        for name in names:
            lacking = [source for source in sources if not known(source, base.vocabulary, name)]
            if lacking:
                near = _nearest(lacking[0], base.vocabulary, name)
                mend = f"did you mean {near}?" if near else f"see the fields of {lacking[0].name}, or leave it out"
                where = ", ".join(source.name for source in lacking)
                place = place_of_field(rules, rule_id, name)
                yield Issue(self.name, self.severity, f"{where} has no field {name}", rule_id, place, mend)


def _nearest(source: Source, vocabulary: str, name: str) -> str:
    names = [known_name for known_name in source.known if not known_name.endswith(".")]
    names += [*source.common, *source.ecs] if vocabulary != "raw" else source.common
    near = get_close_matches(name, sorted(names), n=1, cutoff=0.7)
    if near:
        return near[0]
    last = name.rsplit(".", 1)[-1].casefold()
    return next((one for one in sorted(names) if one.rsplit(".", 1)[-1].casefold() == last), "")


class ImpossibleValue:
    """``eventSource: ec2`` is read without complaint and never true."""

    name = "impossible-value"
    severity: Severity = "error"
    says = "A rule compares a field with a value that the field never takes."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each rule, field and value."""
        for base in rules.bases:
            for source in (rules.sources[name] for name in base.sources if name in rules.sources):
                for alternatives in dict.fromkeys(_alternatives(base.predicate)):
                    yield from self._of(rules, base, source, alternatives)

    def _of(self, rules: Rules, base: Base, source: Source, alternatives: tuple[Leaf, ...]) -> Iterator[Issue]:
        """An error where none of the alternatives is possible, else a warning; values of lists are not looked at."""
        field, listed = alternatives[0].field, rules.listed.get(base.id, frozenset())
        shape = shape_of(source, base.vocabulary, field or "") if field is not None else None
        if shape is None:
            return
        possible = [leaf for leaf in alternatives if leaf.op != "equals" or shape.takes(_text(leaf), cased=leaf.cased)]
        for leaf in alternatives:
            if leaf in possible or _text(leaf) in listed:
                continue
            if possible and shape.takes(_text(leaf), cased=False):
                continue  # the same in other letters, beside one that is right: habit, not a mistake
            severity: Severity = "warning" if possible or not listed.isdisjoint(map(_text, alternatives)) else "error"
            place = place_of_field(rules, base.id, leaf.field or "", leaf.value)
            message = f"{source.name} never has this: {said(leaf)}; {leaf.field} is {shape.says}"
            yield Issue(self.name, severity, message, base.id, place, shape.mend(_text(leaf)))


def _text(leaf: Leaf) -> str:
    return str(leaf.value).lower() if isinstance(leaf.value, bool) else str(leaf.value)


def _alternatives(tree: Predicate) -> Iterator[tuple[Leaf, ...]]:
    """The questions about a field's value: those of an *or* about one field together, others alone."""
    match tree:
        case Leaf():
            if tree.field is not None and tree.part is None:
                yield (tree,)
        case Not(part):
            yield from _alternatives(part)
        case And(parts):
            for part in parts:
                yield from _alternatives(part)
        case Or(parts):
            by_field: dict[str, list[Leaf]] = {}
            for part in parts:
                if isinstance(part, Leaf) and part.field is not None and part.part is None:
                    by_field.setdefault(part.field, []).append(part)
                elif not isinstance(part, Leaf):
                    yield from _alternatives(part)
            yield from map(tuple, by_field.values())
