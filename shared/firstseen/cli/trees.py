"""Trees as they are evaluated, in words: places in the event instead of names, folded texts instead of values."""

from __future__ import annotations

import json
from collections.abc import Iterator

from firstseen.findings.safe import safe_text
from firstseen.language.examples.words import said
from firstseen.language.rules import Base
from firstseen.matching.explain import Explained
from firstseen.matching.questions import All, Opposite, Question, Some, Tree, resolve
from firstseen.sources.source import Accessor, Derived, Source

MAX_VALUES = 12
MAX_TEXT = 200
_WORDS = {
    "equals": "is", "contains": "contains", "startswith": "starts with", "endswith": "ends with", "like": "is like",
    "regex": "fits", "cidr": "lies in", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "same_as": "equals",
    "same_start": "starts with", "same_end": "ends with", "same_part": "contains", "exists": "exists",
    "null": "is absent or null", "present": "is present",
}  # fmt: skip


def evaluated_lines(base: Base, source: Source) -> Iterator[str]:
    """The base rule's tree over one source, one question a line. Raises RuleError on a rule that cannot be compiled."""
    yield from _lines(resolve(base.predicate, source, base.vocabulary), source, "")


def _lines(tree: Tree, source: Source, pad: str) -> Iterator[str]:
    match tree:
        case Question():
            yield pad + _question(tree, source)
        case Opposite(part):
            yield f"{pad}not"
            yield from _lines(part, source, pad + "  ")
        case All(()):
            yield f"{pad}always"
        case Some(()):
            yield f"{pad}never"
        case All(parts) | Some(parts):
            yield pad + ("all of" if isinstance(tree, All) else "any of")
            for part in parts:
                yield from _lines(part, source, pad + "  ")


def _question(question: Question, source: Source) -> str:
    place = "any value" if question.place is None else _place(question.place, source)
    if question.part is not None:
        place = f"the {question.part} of {place}"
    words = f"{place} {_WORDS[question.op]}"
    if question.other is not None:
        words += f" {_place(question.other, source)}"
    elif question.values:
        shown = [safe_text(json.dumps(value, ensure_ascii=False), MAX_TEXT) for value in question.values[:MAX_VALUES]]
        more = len(question.values) - len(shown)
        words += f" {'any of ' if len(question.values) > 1 else ''}{', '.join(shown)}" + (
            f", … {more} more" if more else ""
        )
    elif question.op in ("lt", "lte", "gt", "gte"):
        words += f" {question.bound:g}"
    asked_in_full = question.op in ("regex", "cidr", "exists", "null", "lt", "lte", "gt", "gte")
    return words if question.folded or asked_in_full else f"{words} (upper and lower case differ)"


def _place(accessor: Accessor, source: Source) -> str:
    if not isinstance(accessor, Derived):
        return ".".join(accessor)
    names = [name for table in (source.common, source.ecs) for name in table if table[name] is accessor]
    reads = f" (made from {', '.join(accessor.reads)})" if accessor.reads else " (the same for every event)"
    return (names[0] if names else "a value") + reads


def explained_lines(node: Explained, pad: str = "") -> Iterator[str]:
    """A rule's tree on one event: ``+`` holds, ``-`` does not, ``!`` could not be decided; with what was seen."""
    mark = {True: "+", False: "-", None: "!"}[node.holds]
    if node.kind != "leaf":
        yield f"{pad}{mark} {({'and': 'all of', 'or': 'any of'}).get(node.kind, node.kind)}"
        for part in node.parts:
            yield from explained_lines(part, pad + "  ")
        return
    words = safe_text(said(node.leaf), MAX_TEXT) if node.leaf is not None else "a condition"
    seen = ""
    if node.error:
        seen = f": {safe_text(node.error, MAX_TEXT)}"
    elif node.leaf is not None and node.leaf.field is not None:
        values = ", ".join(safe_text(json.dumps(value, ensure_ascii=False), MAX_TEXT) for value in node.values)
        seen = f": {values or 'nothing there'}" + (f", … {node.more} more" if node.more else "")
    yield f"{pad}{mark} {words}{seen}"
