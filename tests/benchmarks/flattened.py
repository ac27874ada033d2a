"""Sigma rules over flattened tables: what other engines need before they can ask anything.

A table has a column for each field that a rule names, by its dotted name. A column holds the text or number there,
``true`` and ``false`` as text, compact JSON of an object or a list, NULL for what is missing, null or an empty list.
Names of fields on the way through a list lead nowhere: a column holds one value.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import re2
import yaml
from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

Query = tuple[str, str]
"""A rule's id and the condition that its rows fulfil."""

BATCH_ROWS = 10_000


def base_rules(folder: Path) -> list[dict[str, Any]]:
    """The documents of base rules; no other engine knows correlations of ours."""
    documents = (
        document for path in sorted(folder.rglob("*.yml")) for document in yaml.safe_load_all(path.read_bytes())
    )
    return [document for document in documents if "detection" in document]


def conditions(
    documents: Iterable[Mapping[str, Any]], backend: sqliteBackend
) -> tuple[list[Query], list[str], dict[str, str]]:
    """Each rule's condition in SQL, the columns that they need, and what the backend refuses: rule id → reason."""
    queries, columns, refused = list[Query](), set[str](), {}
    for document in documents:
        try:
            rule = SigmaRule.from_dict(dict(document))
            made = backend.convert_rule(rule)  # type: ignore[no-untyped-call]  # it ships no types
            queries.extend((str(rule.id), query.partition(" WHERE ")[2]) for query in made)
            columns.update(backend.required_fields(rule))  # type: ignore[no-untyped-call]  # the same
        except SigmaError as exc:
            refused[str(document["id"])] = str(exc)
    return queries, sorted(columns - {backend.fulltext_field}), refused


def cell(value: object) -> str | int | float | None:
    """What a column holds for a value of an event."""
    if value is True or value is False:
        return "true" if value else "false"
    if value is None or value == []:
        return None
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode()
    assert isinstance(value, (str, int, float))
    return value


def flattener(columns: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[object, ...]]:
    """From an event to its row."""
    paths = [tuple(name.split(".")) for name in columns]

    def row(event: Mapping[str, Any]) -> tuple[object, ...]:
        cells = []
        for path in paths:
            value: Any = event
            for key in path:
                value = value.get(key) if value.__class__ is dict else None
                if value is None:
                    break
            cells.append(value if value.__class__ is str else cell(value))
        return tuple(cells)

    return row


def expression(pattern: str) -> re2.Pattern:
    """RE2, as the rules are written for it."""
    return _EXPRESSIONS.setdefault(pattern, re2.compile(pattern)) if len(_EXPRESSIONS) < 1_000 else re2.compile(pattern)


_EXPRESSIONS: dict[str, Any] = {}


def searched(pattern: str, value: object) -> bool:
    """SQLite's REGEXP: false for NULL."""
    return value is not None and expression(pattern).search(str(value)) is not None


def sqlite_table(columns: Sequence[str], events: Iterable[tuple[int, Mapping[str, Any]]]) -> sqlite3.Connection:
    """A table ``logs`` in memory; a row's id is the event's line. Columns have no type: values stay what they are."""
    connection = sqlite3.connect(":memory:")
    connection.create_function("regexp", 2, searched, deterministic=True)
    names = "".join(f", `{name}` COLLATE NOCASE" for name in columns)
    connection.execute(f"CREATE TABLE logs (line INTEGER PRIMARY KEY{names})")
    row = flattener(columns)
    insert = f"INSERT INTO logs VALUES (?{', ?' * len(columns)})"  # noqa: S608 - question marks
    connection.executemany(insert, ((line, *row(event)) for line, event in events))
    return connection


def sqlite_matches(connection: sqlite3.Connection, queries: Iterable[Query]) -> Iterator[tuple[str, int]]:
    """(rule id, line) of each match."""
    for rule_id, condition in queries:
        for (line,) in connection.execute(f"SELECT line FROM logs WHERE {condition}"):  # noqa: S608 - the backend's text
            yield rule_id, line


class DuckBackend(sqliteBackend):
    """The same backend with what DuckDB writes otherwise: quotes, case, regular expressions, truth values."""

    collate_nocase = True
    wildcard_match_expression = "{field} ILIKE '{value}' ESCAPE '\\'"
    contains_expression = "{field} ILIKE '%{value}%' ESCAPE '\\'"
    re_expression = "regexp_matches({field}, '{regex}')"
    null_safe_expression = "COALESCE({expr}, false)"
    bool_expression = "{field}={value}"
    compare_op_expression = "TRY_CAST({field} AS DOUBLE) {operator} {value}"

    def escape_and_quote_field(self, field: str) -> str:
        return '"' + field.replace('"', '""') + '"'

    def convert_condition_field_eq_val_num(self, cond: Any, state: Any) -> str:  # noqa: ANN401, ARG002 - pySigma's
        return f"{self.escape_and_quote_field(cond.field)}='{cond.value}'"


def duckdb_column(name: str) -> str:
    """What DuckDB takes out of a line of JSON for a column."""
    path = "$" + "".join(f'."{key}"' for key in name.split("."))
    if re.search(r"['\"\\]", name):
        msg = f"a field of such a name is not asked for here: {name!r}"
        raise ValueError(msg)
    return f"NULLIF(json_extract_string(json, '{path}'), '[]') AS \"{name}\""


def sqlite_backend(**options: object) -> sqliteBackend:
    return sqliteBackend(**options)  # type: ignore[no-untyped-call]  # the same


def duckdb_backend() -> sqliteBackend:
    return DuckBackend()  # type: ignore[no-untyped-call]  # the same
