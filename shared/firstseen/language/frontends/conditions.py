"""Sigma's ``condition`` over named selections: parsed by pySigma, resolved to one predicate here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    SigmaCondition,
)
from sigma.exceptions import SigmaError
from sigma.rule.detection import EmptySigmaDetections

from firstseen.errors import RuleError
from firstseen.language.predicates import Not, Predicate, conjunction, disjunction

MAX_CONDITION_CHARACTERS = 10_000
MAX_PARENTHESES = 12
"""Depth of parentheses: the time to parse them grows steeply."""

MAX_REST_CHARACTERS = 60
_AT = re.compile(r" {0,2}\(at char (\d{1,6})\)")

Selections = Mapping[str, Predicate]


def condition_predicate(condition: object, selections: Selections) -> Predicate:
    """The predicate of ``condition``, or of any of a list of conditions.

    Raises RuleError, without a place, on a condition that cannot be parsed or that names no selection.
    """
    conditions = condition if isinstance(condition, list) else [condition]
    if not conditions:
        msg = "the condition is empty: name a selection"
        raise RuleError(msg)
    return disjunction(*(_predicate(_parsed(one), selections) for one in conditions))


def _parsed(condition: object) -> Any:  # noqa: ANN401 - pySigma's tree holds several kinds
    if not isinstance(condition, str) or not condition.strip():
        msg = "a condition is text, for instance 'selection and not filter'"
        raise RuleError(msg)
    if len(condition) > MAX_CONDITION_CHARACTERS:
        msg = f"a condition of {len(condition):,} characters is longer than {MAX_CONDITION_CHARACTERS:,}"
        raise RuleError(msg)
    if _depth(condition) > MAX_PARENTHESES:
        msg = f"parentheses are nested deeper than {MAX_PARENTHESES}: name parts as selections"
        raise RuleError(msg)
    try:
        return SigmaCondition(condition, EmptySigmaDetections()).parse(postprocess=False)
    except SigmaError as exc:
        raise RuleError(_unread(condition, str(exc).splitlines()[0])) from exc
    except RecursionError as exc:
        msg = "the condition is nested too deep: name parts as selections"
        raise RuleError(msg) from exc


def _unread(condition: str, said: str) -> str:
    """What the parser says, with the words at which it stops in the place of their number."""
    found = _AT.search(said)
    rest = condition[int(found[1]) :].strip() if found else ""
    if found is None or said.startswith("Unbalanced"):
        return f"the condition cannot be read: {said[: found.start()] if found else said}"
    where = f"cannot be read from {rest[:MAX_REST_CHARACTERS]!r} on" if rest else "ends where a name is missing"
    return f"the condition {where}; selections are joined by 'and', 'or', 'not', '1 of NAME*', 'all of NAME*'"


def _depth(condition: str) -> int:
    deepest = depth = 0
    for character in condition:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def _predicate(node: ConditionItem, selections: Selections) -> Predicate:
    match node:
        case ConditionIdentifier():
            return _named(node.identifier, selections)
        case ConditionSelector():
            join: Callable[..., Predicate] = conjunction if node.cond_class is ConditionAND else disjunction
            return join(*_selected(node, selections))
        case ConditionNOT():
            return Not(_predicate(_item(node.args[0]), selections))
        case ConditionAND() | ConditionOR():
            join = conjunction if isinstance(node, ConditionAND) else disjunction
            return join(*(_predicate(_item(part), selections) for part in node.args))
    msg = f"the condition holds something that is not supported: {type(node).__name__}"
    raise RuleError(msg)


def _item(part: object) -> ConditionItem:
    if isinstance(part, ConditionItem):
        return part
    msg = "the condition lacks an operand"
    raise RuleError(msg)


def _named(name: str, selections: Selections) -> Predicate:
    try:
        return selections[name]
    except KeyError as exc:
        msg = f"the condition names {name!r}, which is no selection; there are: {', '.join(selections)}"
        raise RuleError(msg) from exc


def _selected(node: ConditionSelector, selections: Selections) -> list[Predicate]:
    """What ``1 of``, ``any of``, ``all of`` mean; names with a leading underscore are no part of ``them``."""
    pattern = "*" if node.pattern == "them" else node.pattern
    found = [
        predicate
        for name, predicate in selections.items()
        if _fits(name, pattern) and (pattern.startswith("_") or not name.startswith("_"))
    ]
    if not found:
        shown = f"{node.args[0]} of {node.pattern}"
        msg = f"{shown!r} names no selection; there are: {', '.join(selections)}"
        raise RuleError(msg)
    return found


def _fits(name: str, pattern: str) -> bool:
    """Whether ``pattern``, ``*`` being any run of characters, means ``name``; linear in the name's length."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == first
    *middle, last = rest
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
