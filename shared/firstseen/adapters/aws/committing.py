"""One change, written in one go: a conditional put, or a transaction when findings come with it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from firstseen.adapters.aws.calling import CANCELLED, code_of
from firstseen.adapters.aws.items import body_bytes, finding_item, key_at, state_item
from firstseen.adapters.aws.table import ConditionFailed
from firstseen.store.rows import finding_expiry
from firstseen.store.store import Change, Outcome

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from firstseen.adapters.aws.items import Item, New
    from firstseen.adapters.aws.table import Table

MAX_FINDINGS = 99
"""Beside the state in one transaction, which takes 100 items …"""

MAX_FINDINGS_BYTES = 3_000_000
"""… and 4 MB, the state and other attributes included."""

_ABSENT = "attribute_not_exists(#pk)"
_SAME = "#version = :expected"
_MOVED = frozenset(("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"))


def commit(table: Table, change: Change, version: str) -> Outcome:
    """Write a change whose new version is ``version``, a name that nobody else gives.

    By that name an attempt that succeeded without its answer reaching us is told from a conflict.
    """
    state = state_item(change, version)
    items = [finding_item(one, version, finding_expiry(change, one)) for one in change.findings]
    if not items:
        return _put_state(table, change, state, version)
    within, before = _divided(items)
    written = _written_before(table, before)
    outcome = _transact(table, change, state, within, version)
    if outcome == "conflict":
        table.delete(written)
    return outcome


def _guard(change: Change) -> tuple[str, New]:
    """The condition on the state's row."""
    if change.expected is None:
        return _ABSENT, {}
    return _SAME, {":expected": {"S": change.expected}}


def _put_state(table: Table, change: Change, state: New, version: str) -> Outcome:
    try:
        table.put(state, *_guard(change))
    except ConditionFailed as exc:
        return "committed" if exc.item is not None and exc.item["version"]["S"] == version else "conflict"
    return "committed"


def _divided(items: Sequence[New]) -> tuple[list[New], list[New]]:
    """Those that fit into the transaction, and those that have to be written before it."""
    within: list[New] = []
    before: list[New] = []
    size = 0
    for item in items:
        size += _bytes(item)
        fits = len(within) < MAX_FINDINGS and size <= MAX_FINDINGS_BYTES
        (within if fits else before).append(item)
    return within, before


def _bytes(item: New) -> int:
    return body_bytes({name: value for name, value in item.items() if name in {"data", "zlib"}}) + 1_000


def _written_before(table: Table, items: Sequence[New]) -> list[tuple[str, str]]:
    """Write findings that no transaction has room for; which ones are new.

    A crash before the transaction leaves findings whose key does not list them: they are sent by the sweep, early or
    extra. Written after it, they could be missing, which is worse.
    """

    def put(item: New) -> list[tuple[str, str]]:
        try:
            table.put(item, _ABSENT, {})
        except ConditionFailed:
            return []
        return [key_at(item)]

    return [key for keys in [put(item) for item in items] for key in keys]


def _transact(table: Table, change: Change, state: New, findings: list[New], version: str) -> Outcome:
    """State and findings, or nothing. A finding that exists is left out and the rest tried again."""
    for tried in range(1, table.calls.backoff.attempts + 1):
        if not findings:
            return _put_state(table, change, state, version)
        reasons = _try(table, change, state, findings, version)
        if not reasons:
            return "committed"
        codes = [code for code, _ in reasons]
        if codes[0] == "ConditionalCheckFailed":
            return "committed" if reasons[0][1] == version else "conflict"
        exist = [code == "ConditionalCheckFailed" for code in codes[1:]]
        if any(exist):
            findings = [item for item, there_already in zip(findings, exist, strict=True) if not there_already]
        elif _MOVED.isdisjoint(codes):
            raise table.calls.refused(", ".join(code for code in codes if code != "None"))
        else:
            table.calls.count(retries=1)
            table.calls.backoff.wait(tried)
    raise table.calls.unavailable("others write to the same rows, or it is throttled")


def _try(table: Table, change: Change, state: New, findings: Sequence[New], version: str) -> list[tuple[str, str]]:
    """One transaction. Nothing when it was made; else, for each item, why not and the version that stands there."""
    condition, values = _guard(change)
    token = f"{version}-{zlib.crc32(repr([one['sk'] for one in findings]).encode()):08x}"
    guarded: TransactWriteItemTypeDef = {
        "Put": {
            "TableName": table.name,
            "Item": state,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#pk": "pk"} if condition == _ABSENT else {"#version": "version"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
    if values:
        guarded["Put"]["ExpressionAttributeValues"] = values
    puts: list[TransactWriteItemTypeDef] = [
        {
            "Put": {
                "TableName": table.name,
                "Item": item,
                "ConditionExpression": _ABSENT,
                "ExpressionAttributeNames": {"#pk": "pk"},
            }
        }
        for item in findings
    ]
    try:
        table.calls.make(
            lambda: table.client.transact_write_items(
                TransactItems=[guarded, *puts], ClientRequestToken=token, ReturnConsumedCapacity=table.capacity
            ),
            transactions=1,
            writes=1 + len(puts),
        )
    except ClientError as exc:
        if code_of(exc) != CANCELLED:
            raise
        return [_reason(one) for one in exc.response["CancellationReasons"]]
    return []


def _reason(one: Mapping[str, object]) -> tuple[str, str]:
    """(code, version of the item that stands there)."""
    there = cast("Item", one.get("Item") or {})
    return str(one.get("Code", "None")), there["version"]["S"] if "version" in there else ""
