"""Answers the alarms' queries over lines of the app's log, as far as they go: where, extend, summarize, project.

The query language's own engine cannot be had. What this one does not know it refuses, so an alarm cannot pass by luck.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

Row = dict[str, Any]


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))


class _Bag(SimpleNamespace):
    """What parse_json makes: a name that is not there is null."""

    def __getattr__(self, name: str) -> None:
        return None


FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "parse_json": lambda text: _Bag(**json.loads(text)),
    "strlen": len,
    "substring": lambda text, start: text[start:],
    "toint": _number,
    "tolong": _number,
    "tostring": lambda value: "" if value is None else str(value),
}


def _known(values: list[Any]) -> list[Any]:
    return [one for one in values if one is not None]


AGGREGATES: Mapping[str, Callable[[list[Any]], object]] = {
    "count": len,
    "max": lambda values: max(_known(values), default=None),
    "min": lambda values: min(_known(values), default=None),
    "sumif": lambda pairs: sum(value for value, holds in pairs if holds and value is not None),
}
"""Over no row: nothing is counted and summed, and least and most are null."""


def answer(query: str, tables: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The rows that a query answers with. Raises ValueError for what is beyond it."""
    table, *steps = [line.removeprefix("| ") for line in query.strip().splitlines()]
    rows = [dict(row) for row in tables[table]]
    for step in steps:
        verb, _, rest = step.partition(" ")
        rows = _STEPS[verb](rows, rest)
    return rows


def _value(expression: str, row: Row) -> Any:  # noqa: ANN401 - a query's value is of any type
    """An expression of the query language is one of Python's, but for these words."""
    python = re.sub(r'(\w+) startswith ("[^"]*")', r"\1.startswith(\2)", expression).replace("false", "False")
    return eval(python, {"__builtins__": {}}, {**FUNCTIONS, **row})  # noqa: S307 - our own files' queries


def _where(rows: list[Row], condition: str) -> list[Row]:
    return [row for row in rows if _value(condition, row)]


def _parts(assignments: str) -> list[tuple[str, str]]:
    """``name = expression``, divided by commas outside of parentheses; a bare name stands for itself."""
    found = re.split(r", (?=\w+ = )", assignments)
    if not found[0].startswith(tuple(f"{name} = " for name in re.findall(r"^\w+", found[0]))):
        bare, _, first = found[0].rpartition(", ")
        found = [*(f"{name} = {name}" for name in bare.split(", ") if name), first or bare, *found[1:]]
    return [(name, expression) for name, _, expression in (one.partition(" = ") for one in found)]


def _extend(rows: list[Row], assignments: str) -> list[Row]:
    return [row | {name: _value(expression, row) for name, expression in _parts(assignments)} for row in rows]


def _project(rows: list[Row], assignments: str) -> list[Row]:
    parts = [(name, expression or name) for name, expression in _parts(assignments)]
    return [{name: _value(expression, row) for name, expression in parts} for row in rows]


def _summarize(rows: list[Row], assignments: str) -> list[Row]:
    """One row, also over none."""
    found: Row = {}
    for name, expression in _parts(assignments):
        call = re.fullmatch(r"(\w+)\((.*)\)", expression)
        if call is None:
            raise ValueError(f"no aggregate: {expression}")
        aggregate, argument = call.groups()
        values = [_value(f"({argument})" if argument else "None", row) for row in rows]
        found[name] = AGGREGATES[aggregate](values)
    return [found]


_STEPS: Mapping[str, Callable[[list[Row], str], list[Row]]] = {
    "extend": _extend,
    "project": _project,
    "summarize": _summarize,
    "where": _where,
}
