"""One table of DynamoDB: reads in batches, conditional writes, queries in pages. Knows items, not what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from botocore.exceptions import ClientError

from firstseen.adapters.aws.calling import CONDITION_FAILED, Calls, code_of
from firstseen.adapters.aws.items import Key, aliases, key_at, place
from firstseen.adapters.side_by_side import SideBySide

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef, PutItemInputTypeDef, WriteRequestTypeDef

    from firstseen.adapters.aws.items import Item, New

T = TypeVar("T")

GET_KEYS = 100
"""Keys of one BatchGetItem."""

DELETE_KEYS = 25
"""Deletions of one BatchWriteItem."""


class ConditionFailed(Exception):  # noqa: N818 - an answer, not a fault
    """A conditional write was not made; ``item`` is what stands there, None if nothing does."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition failed")
        self.item = item


class Table(SideBySide):
    """Threads may share it. What it raises: StoreUnavailable, StoreUnusable, and ConditionFailed where said."""

    def __init__(self, client: DynamoDBClient, calls: Calls, *, workers: int, measure: bool) -> None:
        super().__init__(workers, "dynamodb")
        self.client = client
        self.calls = calls
        self.name = calls.table
        self.capacity: Literal["TOTAL", "NONE"] = "TOTAL" if measure else "NONE"

    def get(self, keys: Sequence[Key], *, consistent: bool) -> dict[Key, Item]:
        """The items of those keys that exist."""
        unique = list(dict.fromkeys(key for key in keys if key[0]))
        chunks = [unique[start : start + GET_KEYS] for start in range(0, len(unique), GET_KEYS)]
        parts = self.each(lambda chunk: self._get(chunk, consistent=consistent), chunks)
        return {key: item for part in parts for key, item in part.items()}

    def _get(self, keys: Sequence[Key], *, consistent: bool) -> dict[Key, Item]:
        """At most GET_KEYS keys. An answer holds 16 MB or what throughput allows; the rest is asked for again."""
        found: dict[Key, Item] = {}
        wanted: KeysAndAttributesTypeDef = {"Keys": [place(key) for key in keys], "ConsistentRead": consistent}
        tried = 0
        self.calls.count(reads=len(keys))
        while tried < self.calls.backoff.attempts:
            asked = wanted
            answer = self.calls.make(
                lambda asked=asked: self.client.batch_get_item(  # type: ignore[misc]
                    RequestItems={self.name: asked}, ReturnConsumedCapacity=self.capacity
                ),
                reads=0,
            )
            items = answer["Responses"].get(self.name, [])
            found.update((key_at(item), item) for item in items)
            left = answer["UnprocessedKeys"].get(self.name)
            if not left:
                return found
            wanted = {"Keys": left["Keys"], "ConsistentRead": consistent}
            if items:  # it was only too large; each such round brings at least one item
                tried = 0
                continue
            tried += 1
            self.calls.count(retries=1)
            self.calls.backoff.wait(tried)
        raise self.calls.unavailable("it leaves keys unprocessed")

    def put(self, item: New, condition: str, values: New) -> None:
        """Write one item. Raises ConditionFailed."""
        asked: PutItemInputTypeDef = {
            "TableName": self.name,
            "Item": item,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": aliases(condition),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ReturnConsumedCapacity": self.capacity,
        }
        if values:
            asked["ExpressionAttributeValues"] = values
        self._conditional(lambda: self.calls.make(lambda: self.client.put_item(**asked), writes=1))

    def update(self, key: Key, change: str, condition: str, values: New) -> Item:
        """Change one item; as it is after. Raises ConditionFailed."""
        answer = self._conditional(
            lambda: self.calls.make(
                lambda: self.client.update_item(
                    TableName=self.name,
                    Key=place(key),
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=aliases(change, condition),
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    ReturnConsumedCapacity=self.capacity,
                ),
                writes=1,
            )
        )
        return answer["Attributes"]

    @staticmethod
    def _conditional(write: Callable[[], T]) -> T:
        try:
            return write()
        except ClientError as exc:
            if code_of(exc) != CONDITION_FAILED:
                raise
            raise ConditionFailed(exc.response.get("Item")) from exc  # type: ignore[arg-type]

    def delete(self, keys: Sequence[Key]) -> None:
        """Remove items, whether they exist or not."""
        chunks = [keys[start : start + DELETE_KEYS] for start in range(0, len(keys), DELETE_KEYS)]
        self.each(self._delete, chunks)

    def _delete(self, keys: Sequence[Key]) -> None:
        wanted: Sequence[WriteRequestTypeDef] = [{"DeleteRequest": {"Key": place(key)}} for key in keys]
        self.calls.count(writes=len(keys))
        for tried in range(1, self.calls.backoff.attempts + 1):
            asked = wanted
            answer = self.calls.make(
                lambda asked=asked: self.client.batch_write_item(  # type: ignore[misc]
                    RequestItems={self.name: asked}, ReturnConsumedCapacity=self.capacity
                )
            )
            left = answer["UnprocessedItems"].get(self.name)
            if not left:
                return
            wanted = [{"DeleteRequest": {"Key": one["DeleteRequest"]["Key"]}} for one in left]
            self.calls.count(retries=1)
            self.calls.backoff.wait(tried)
        raise self.calls.unavailable("it leaves items unprocessed")
