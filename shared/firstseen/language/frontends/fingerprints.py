"""Fingerprints: what a rule asks. States belong to a fingerprint, so it changes only when the question does.

Covered: the base predicates (names unresolved, placeholders unexpanded, filters left out), their log
sources, type, fields, group-by, condition and timespan. Not covered: ids, titles, texts, severity, routing.
The order in which alternatives or keys are written does not matter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firstseen.language.predicates import And, Not, Or, Predicate, to_data

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Question:
    """What one base rule asks, as fingerprints see it.

    Attributes:
        predicate: with placeholders unexpanded and without filters.
        logsource: as the rule writes it.
        vocabulary: whose names the predicate uses.
    """

    predicate: Predicate
    logsource: Mapping[str, str]
    vocabulary: str

    def data(self) -> list[object]:
        """JSON data that is equal for equal questions."""
        return [dict(self.logsource), self.vocabulary, canonical(self.predicate)]


def canonical(tree: Predicate) -> list[object]:
    """The tree as JSON data with the parts of each *and* and *or* in one order, repetitions left out."""
    match tree:
        case And(parts) | Or(parts):
            texts = sorted({json.dumps(canonical(part), sort_keys=True) for part in parts})
            return ["and" if isinstance(tree, And) else "or", *(json.loads(text) for text in texts)]
        case Not(part):
            return ["not", canonical(part)]
        case _:
            return to_data(tree)


def fingerprint(kind: str, members: Sequence[tuple[Question, Sequence[str], Sequence[str]]], **rest: object) -> str:
    """Hex digest of a rule's question.

    ``members`` gives each base with its group-by and field names (aliases resolved); ``rest`` is timespan
    and condition.
    """
    body = [
        _FORMAT,
        kind,
        [[question.data(), list(group), list(fields)] for question, group, fields in members],
        rest,
    ]
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]
