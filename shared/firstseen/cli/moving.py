"""``baseline export`` and ``import``: what rules know, from one state to another.

The file is JSON lines::

    {"firstseen_baseline": 1}
    {"rule": {…}}                       a rule's row
    {"key": "…", "state": […]}          a key's state
    {"end": {"lines": N, "sha256": …}}  over everything before

An edited or shortened file is refused as a whole: a wrong state would make findings vanish.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import BinaryIO

import msgspec
import orjson

from firstseen.errors import InputError, StoreUnusable
from firstseen.findings.finding import key_hash
from firstseen.findings.learning import RULE, RuleRow, rule_record
from firstseen.findings.rows import read_row
from firstseen.store import state as states
from firstseen.store.rows import state_bytes
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Record, Store

FORMAT = 1
BATCH = 200
MAX_LINE_BYTES = 16 * 1024 * 1024


def export(store: Store, rule_id: str | None, stream: BinaryIO) -> int:
    """Write everything, or one rule's; how many keys. Findings stay where they are: ids go on from the generation."""
    said = hashlib.sha256()
    lines = keys = 0

    def write(data: bytes) -> None:
        nonlocal lines
        said.update(data)
        stream.write(data)
        lines += 1

    write(orjson.dumps({"firstseen_baseline": FORMAT}) + b"\n")
    for record in store.scan_records(RULE):
        row = read_row(record, RuleRow)
        if row is not None and rule_id in (None, row.rule_id):
            write(b'{"rule":' + msgspec.json.encode(msgspec.structs.replace(row, building_until_us=0)) + b"}\n")
    for key, stored in store.scan_states(rule_id=rule_id):
        if not stored.state.rule_id.startswith("firstseen."):
            data = state_bytes(replace(stored.state, pending=()))
            write(b'{"key":' + orjson.dumps(key) + b',"state":' + data + b"}\n")
            keys += 1
    stream.write(orjson.dumps({"end": {"lines": lines, "sha256": said.hexdigest()}}) + b"\n")
    return keys


def take(store: Store, name: str, stream: BinaryIO) -> tuple[int, int]:
    """Add what an export holds: (keys added, keys that were there already and stayed).

    ``stream`` is read twice, so that memory stays flat. Raises InputError, before anything is written, for a file that
    is not whole or not as it was exported.
    """
    number = _check(name, stream)
    stream.seek(0)
    added = keys = 0
    entries = (_entry(line) for line in islice(_lines(name, stream), 1, number - 1))
    while batch := list(islice(entries, BATCH)):
        for row in (one for one in batch if isinstance(one, RuleRow)):
            where = rule_record(row.rule_id, row.fingerprint)
            store.put_record(Record(*where, msgspec.json.encode(row)))  # a conflict: it has a row, which stays
        changes = {one[0]: Change(one[0], None, one[1]) for one in batch if not isinstance(one, RuleRow)}
        added += sum(one == "committed" for one in store.commit(list(changes.values())))
        keys += len(changes)
    return added, keys - added


def _lines(name: str, stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES:
            msg = f"{name}: a line is longer than {MAX_LINE_BYTES:,} bytes: no export of a baseline"
            raise InputError(msg)
        yield line


def _check(name: str, stream: BinaryIO) -> int:
    """How many lines the file has. The first says the format, the last what stands before it."""
    said = hashlib.sha256()
    number, before, wrong = 0, b"", ""
    for line in _lines(name, stream):
        said.update(before)
        if number == 0:
            _check_format(name, line)
        elif number > 1 and not wrong:
            wrong = _fault(before, number)
        number, before = number + 1, line
    try:
        end = orjson.loads(before)["end"]
    except (KeyError, TypeError, ValueError) as exc:
        msg = f"{name}: its last line is missing: no whole export of a baseline; export it again"
        raise InputError(msg) from exc
    if wrong:
        msg = f"{name}:{wrong}; nothing was imported"
        raise InputError(msg)
    if end != {"lines": number - 1, "sha256": said.hexdigest()}:
        msg = f"{name}: it was changed or cut after it was exported; nothing was imported, export it again"
        raise InputError(msg)
    return number


def _check_format(name: str, line: bytes) -> None:
    try:
        form = orjson.loads(line)["firstseen_baseline"]
    except (KeyError, TypeError, ValueError) as exc:
        msg = f"{name}: no export of a baseline; 'firstseen baseline export' makes one"
        raise InputError(msg) from exc
    if form != FORMAT:
        msg = f"{name}: an export of format {form}, this version reads {FORMAT}: upgrade firstseen"
        raise InputError(msg)


def _fault(line: bytes, number: int) -> str:
    """What is wrong with a line in between, after its number; "" for nothing."""
    try:
        _entry(line)
    except (AttributeError, TypeError, ValueError, StoreUnusable) as exc:
        return f"{number}: not as it was exported: {exc}"
    return ""


def _entry(line: bytes) -> RuleRow | tuple[str, KeyState]:
    """One line in between. Raises ValueError, StoreUnusable, TypeError or AttributeError for what is none."""
    found = orjson.loads(line)
    if "rule" in found:
        return msgspec.convert(found["rule"], RuleRow)
    key, state = found.get("key"), states.load(orjson.dumps(found.get("state")))
    values = (*state.group, *state.terms)
    if values and not any(value.endswith("…") for value in values):  # uncut, so the key follows from them
        right = key == key_hash(state.rule_id, state.fingerprint, state.group, state.terms)
    else:
        right = isinstance(key, str) and len(key) == 32 and set(key) <= set("0123456789abcdef")  # noqa: PLR2004 - digits of a key
    if not right:
        msg = "the key is not that of its values"
        raise ValueError(msg)
    return key, state
