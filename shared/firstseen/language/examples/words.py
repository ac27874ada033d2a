"""Questions and trees in words, for people: one line a question."""

from __future__ import annotations

import json
from collections.abc import Iterator

from firstseen.language.examples.literals import Literal
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate

MAX_SHOWN_CHARACTERS = 120
MAX_SHOWN_VALUES = 8
_SIGNS = {
    "equals": "is", "contains": "contains", "startswith": "starts with", "endswith": "ends with", "like": "is like",
    "regex": "fits the expression", "cidr": "lies in", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=",
    "same_as": "is the same as the field", "same_start": "starts with the field", "same_end": "ends with the field",
    "same_part": "contains the field",
}  # fmt: skip


def said(leaf: Leaf) -> str:
    """``eventName is "GetPasswordData"``."""
    field = "any value" if leaf.field is None else leaf.field
    if leaf.part is not None:
        field = f"the {leaf.part} of {field}"
    if leaf.op == "exists":
        return f"{field} {'exists' if leaf.value is not False else 'does not exist'}"
    if leaf.op == "null":
        return f"{field} is missing or null"
    if leaf.op == "present":
        return f"{field} is present"
    value = str(leaf.value) if leaf.op.startswith("same_") else json.dumps(leaf.value, ensure_ascii=False)
    cased = " (upper and lower case differ)" if leaf.cased and leaf.op not in ("regex", "cidr") else ""
    return f"{field} {_SIGNS[leaf.op]} {_cut(value)}{cased}"


def said_of(literal: Literal) -> str:
    """A literal in words."""
    leaves = literal.leaves
    shown = " or ".join(said(leaf) for leaf in leaves[:2])
    more = f" or {len(leaves) - 2} more" if len(leaves) > 2 else ""  # noqa: PLR2004 - two are shown
    return f"{shown}{more}" if literal.wanted else f"not ({shown}{more})"


def tree_lines(tree: Predicate, indent: int = 0) -> Iterator[str]:
    """The tree, one question a line, indented by its depth. Alternatives of one field share a line."""
    pad = "  " * indent
    match tree:
        case Leaf():
            yield pad + said(tree)
        case Not(part):
            yield pad + "not"
            yield from tree_lines(part, indent + 1)
        case And(()):
            yield pad + "always"
        case Or(()):
            yield pad + "never"
        case And(parts):
            yield pad + "all of"
            for part in parts:
                yield from tree_lines(part, indent + 1)
        case Or(parts):
            yield from _alternatives(parts, indent)


def _alternatives(parts: tuple[Predicate, ...], indent: int) -> Iterator[str]:
    first = parts[0]
    alike = isinstance(first, Leaf) and all(
        isinstance(part, Leaf) and (part.field, part.op, part.cased, part.part) == _kind(first) for part in parts
    )
    pad = "  " * indent
    if not alike or not isinstance(first, Leaf) or first.op not in _SIGNS:
        yield pad + "any of"
        for part in parts:
            yield from tree_lines(part, indent + 1)
        return
    values = [_cut(json.dumps(part.value, ensure_ascii=False)) for part in parts if isinstance(part, Leaf)]
    shown = ", ".join(values[:MAX_SHOWN_VALUES])
    more = f", … {len(values) - MAX_SHOWN_VALUES} more" if len(values) > MAX_SHOWN_VALUES else ""
    head = said(first).rsplit(_cut(json.dumps(first.value, ensure_ascii=False)), 1)
    yield f"{pad}{head[0]}any of {shown}{more}{head[1] if len(head) > 1 else ''}"


def _kind(leaf: Leaf) -> tuple[str | None, str, bool, str | None]:
    return leaf.field, leaf.op, leaf.cased, leaf.part


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"
