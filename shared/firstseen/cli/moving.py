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


def export(store: Store, rule_id: str | None, stream: BinaryIO) -> int:
    """Write everything, or one rule's; how many keys. Finding ids go on where they are, so findings are not exported."""
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


def take(store: Store, name: str, data: bytes) -> tuple[int, int]:
    """Add what an export holds: (keys added, keys that were there already and stayed).

    Raises InputError, before anything is written, for a file that is not whole or not as it was exported.
    """
    rules, keys = _read(name, data)
    for row in rules:
        where = rule_record(row.rule_id, row.fingerprint)
        store.put_record(Record(*where, msgspec.json.encode(row)))  # a conflict: it has a row, which stays
    added = 0
    for first in range(0, len(keys), BATCH):
        batch = [Change(key, None, state) for key, state in keys[first : first + BATCH]]
        added += sum(one == "committed" for one in store.commit(batch))
    return added, len(keys) - added


def _read(name: str, data: bytes) -> tuple[list[RuleRow], list[tuple[str, KeyState]]]:
    lines = data.splitlines(keepends=True)
    _check_whole(name, lines)
    rules: list[RuleRow] = []
    keys: dict[str, KeyState] = {}
    for number, line in enumerate(lines[1:-1], 2):
        try:
            for found in _entry(line):
                if isinstance(found, RuleRow):
                    rules.append(found)
                else:
                    keys[found[0]] = found[1]
        except (ValueError, msgspec.ValidationError, StoreUnusable) as exc:
            msg = f"{name}:{number}: not as it was exported: {exc}; nothing was imported"
            raise InputError(msg) from exc
    return rules, list(keys.items())


def _check_whole(name: str, lines: list[bytes]) -> None:
    """The first line says the format, the last one what stands between."""
    try:
        first, last = orjson.loads(lines[0]), orjson.loads(lines[-1])
        form, end = first["firstseen_baseline"], last["end"]
        as_said = end == {"lines": len(lines) - 1, "sha256": hashlib.sha256(b"".join(lines[:-1])).hexdigest()}
    except (IndexError, KeyError, TypeError, ValueError) as exc:
        msg = f"{name}: no whole export of a baseline: it begins and ends with a line of its own; export it again"
        raise InputError(msg) from exc
    if form != FORMAT:
        msg = f"{name}: an export of format {form}, this version reads {FORMAT}: upgrade firstseen"
        raise InputError(msg)
    if not as_said:
        msg = f"{name}: it was changed or cut after it was exported; nothing was imported, export it again"
        raise InputError(msg)


def _entry(line: bytes) -> Iterator[RuleRow | tuple[str, KeyState]]:
    found = orjson.loads(line)
    if "rule" in found:
        yield msgspec.convert(found["rule"], RuleRow)
        return
    key, state = found.get("key"), states.load(orjson.dumps(found.get("state")))
    values = (*state.group, *state.terms)
    if values and not any(value.endswith("…") for value in values):  # uncut, so the key follows from them
        right = key == key_hash(state.rule_id, state.fingerprint, state.group, state.terms)
    else:
        right = isinstance(key, str) and len(key) == 32 and set(key) <= set("0123456789abcdef")  # noqa: PLR2004 - digits of a key
    if not right:
        msg = "the key is not that of its values"
        raise ValueError(msg)
    yield key, state
