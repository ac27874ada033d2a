"""The overlay's ``accounts``: names for the ids that logs have.

::

    accounts:
        '111122223333': payments-prod
        11111111-2222-4333-8444-555555555555: {name: payments, environment: production}   # and any labels

or the name of a table beside the overlay, or of several: ``accounts: accounts.csv``. A table's first line names its
columns: ``id``, ``name``, and then labels. Columns are divided by tabs, commas or semicolons, as that line is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from firstseen.errors import Place, RuleError
from firstseen.language.accounts import (
    MAX_ACCOUNTS,
    MAX_ID_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    MAX_LABELS,
    MAX_NAME_CHARACTERS,
    Account,
)
from firstseen.language.frontends.documents import MAX_FILE_BYTES, Document

MAX_TABLES = 20
MAX_FAULTS = 100
"""Of one table, that are told; a table of another kind is wrong in every line."""

KEY = "accounts"
_MUST = ("id", "name")
_LABEL = re.compile(rf"[a-z][a-z0-9_.-]{{0,{MAX_LABEL_CHARACTERS - 1}}}", re.ASCII)
_SHAPE = "accounts is a mapping of ids to names, or the name of a table beside this file (accounts.csv)"
_DIGITS = 12
_LOST = range(9, _DIGITS)

Read = dict[str, Account]
"""Folded id → account."""


@dataclass(frozen=True, slots=True)
class AccountsSaid:
    """What one overlay says about accounts.

    Attributes:
        named: folded id → account.
        tables: file name, as written → where it is written.
    """

    named: Mapping[str, Account]
    tables: Mapping[str, Place]


class _UnfitError(Exception):
    """What an account cannot be; ``part`` is ``id``, ``name`` or the name of a label."""

    def __init__(self, message: str, part: str) -> None:
        super().__init__(message)
        self.part = part


def read_accounts(document: Document, faults: list[RuleError]) -> AccountsSaid:
    """What the overlay says; what is at fault is noted and left out."""
    body = document.data.get(KEY)
    if body is None:
        return AccountsSaid({}, {})
    if isinstance(body, dict):
        return AccountsSaid(_mapped(document, body, faults), {})
    tables = [body] if isinstance(body, str) else body
    if not isinstance(tables, list) or len(tables) > MAX_TABLES:
        faults.append(document.wrong(_SHAPE, KEY))
        return AccountsSaid({}, {})
    found: dict[str, Place] = {}
    for position, name in enumerate(tables):
        at = (KEY,) if isinstance(body, str) else (KEY, position)
        if not isinstance(name, str) or not name.strip():
            faults.append(document.wrong(_SHAPE, *at))
        else:
            found.setdefault(name, document.place_of_value(*at))
    return AccountsSaid({}, found)


def _mapped(document: Document, body: Mapping[str, object], faults: list[RuleError]) -> Read:
    found: Read = {}
    for uid, said in body.items():
        try:
            name, labels = _parts(said)
            _keep(found, _account(uid, name, labels))
        except _UnfitError as unfit:
            below = (unfit.part,) if isinstance(said, dict) and unfit.part in said else ()
            at_id = unfit.part == "id"
            faults.append((document.fault if at_id else document.wrong)(str(unfit), KEY, uid, *below))
    return found


def _parts(said: object) -> tuple[object, Mapping[str, object]]:
    if not isinstance(said, dict):
        return said, {}
    return said.get("name"), {key: value for key, value in said.items() if key != "name"}


def read_table(file: str, data: bytes) -> tuple[Read, list[RuleError]]:
    """The accounts in a table, and what is wrong with it, each with its line and a caret."""
    found: Read = {}
    faults: list[RuleError] = []
    try:
        for cells, place in _rows(file, data):
            name, labels = cells["name"], {key: value for key, value in cells.items() if key not in _MUST and value}
            try:
                _keep(found, _account(cells["id"], name, labels))
            except _UnfitError as unfit:
                faults.append(RuleError(str(unfit), place(cells.get(unfit.part, ""))))
                if len(faults) >= MAX_FAULTS:
                    break
    except RuleError as fault:
        faults.append(fault)
    return found, faults


_Where = Callable[[str], Place]


def _rows(file: str, data: bytes) -> Iterator[tuple[dict[str, str], _Where]]:
    """Each row by its columns, and a function from a cell to its place. Raises RuleError with its place."""
    lines = _text(file, data).replace("\r\n", "\n").split("\n")
    head = lines[0] if lines else ""
    sign = next((one for one in ("\t", ",", ";") if one in head), ",")
    columns = [one.strip().strip('"').casefold() for one in head.split(sign)]
    if not set(_MUST) <= set(columns) or len(set(columns)) < len(columns):
        msg = "the first line names the columns, each once: id, name, and perhaps labels such as environment"
        raise RuleError(msg, _place(file, 1, head, ""))
    for label in set(columns) - set(_MUST):
        if not _LABEL.fullmatch(label):
            raise RuleError(_unlabelled(label), _place(file, 1, head, ""))
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            cells = line.split(sign) if sign == "\t" else next(csv.reader([line], delimiter=sign, strict=True))
        except csv.Error as exc:
            raise RuleError(f"not a row of a table: {exc}", _place(file, number, line, "")) from exc
        if len(cells) > len(columns):
            msg = f"the row has {len(cells)} columns, the first line {len(columns)}: put what holds the sign in quotes"
            raise RuleError(msg, _place(file, number, line, cells[len(columns)]))
        padded = [one.strip() for one in cells] + [""] * (len(columns) - len(cells))
        row = dict(zip(columns, padded, strict=True))
        yield row, lambda cell, number=number, line=line: _place(file, number, line, cell)  # type: ignore[misc]


def _text(file: str, data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise RuleError(f"a table of {len(data):,} bytes is larger than {MAX_FILE_BYTES:,}: split it", Place(file))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise RuleError("not UTF-8 text: save the table as UTF-8", Place(file)) from exc


def _place(file: str, number: int, line: str, cell: str) -> Place:
    return Place(file, number, max(0, line.find(cell)) + 1, line[:1_000])


def _keep(found: Read, account: Account) -> None:
    other = found.setdefault(account.id.casefold(), account)
    if other is not account:
        raise _UnfitError(f"{account.id} is named above, {other.name!r}: keep one", "id")
    if len(found) > MAX_ACCOUNTS:
        raise _UnfitError(f"more than {MAX_ACCOUNTS:,} accounts have names: leave out those without logs", "id")


def _account(uid: str, name: object, labels: Mapping[str, object]) -> Account:
    """The account. Raises _UnfitError."""
    if not uid.isprintable() or not 0 < len(uid) <= MAX_ID_CHARACTERS or " " in uid:
        raise _UnfitError(f"an account's id is 1 to {MAX_ID_CHARACTERS} characters without spaces", "id")
    if uid.isascii() and uid.isdigit() and len(uid) in _LOST:
        msg = f"an AWS account's id has {_DIGITS} digits: a spreadsheet may have lost the zeros in front"
        raise _UnfitError(msg, "id")
    if len(labels) > MAX_LABELS:
        raise _UnfitError(f"an account has at most {MAX_LABELS} labels", "name")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise _UnfitError(_unlabelled(label), label)
    pairs = tuple(sorted((label, _named(value, label)) for label, value in labels.items()))
    return Account(uid, _named(name, "name"), pairs)


def _unlabelled(label: str) -> str:
    shown = f"up to {MAX_LABEL_CHARACTERS} small letters, digits and . _ -, a letter first"
    return f"{label[:60]!r} cannot be a label: it is called by {shown}"


def _named(value: object, part: str) -> str:
    """A name, or a label's value, as text. Raises _UnfitError."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text is None or text == "":
        raise _UnfitError("the account needs a name" if part == "name" else f"{part} says nothing: leave it out", part)
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise _UnfitError(f"{part} is text on one line: put it in quotes", part)
    if len(text) > MAX_NAME_CHARACTERS:
        msg = f"{part} has {len(text):,} characters, more than {MAX_NAME_CHARACTERS}: shorten it"
        raise _UnfitError(msg, part)
    return text.strip()
