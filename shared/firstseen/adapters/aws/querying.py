"""Reading a table in order: pages of partitions and indexes, and of everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from firstseen.adapters.aws.items import aliases

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, ScanInputTypeDef

    from firstseen.adapters.aws.items import Item, New
    from firstseen.adapters.aws.table import Table


def query(  # noqa: PLR0913 - a query has so many parts, all by name
    table: Table,
    *,
    where: str,
    values: New,
    index: str | None = None,
    filtered: str = "",
    fields: str = "",
    page: int | None = None,
    consistent: bool = False,
) -> Iterator[Item]:
    """The items of one partition, by sort key; read page by page as they are asked for.

    ``filtered`` drops items after they were read (and paid for). ``page``: how many are read at a time, 1 MB at most.
    """
    asked: QueryInputTypeDef = {
        "TableName": table.name,
        "KeyConditionExpression": where,
        "ExpressionAttributeNames": aliases(where, filtered, fields),
        "ExpressionAttributeValues": values,
        "ConsistentRead": consistent,
        "ReturnConsumedCapacity": table.capacity,
    }
    if index is not None:
        asked["IndexName"] = index
    if filtered:
        asked["FilterExpression"] = filtered
    if fields:
        asked["ProjectionExpression"] = fields
    if page is not None:
        asked["Limit"] = page
    while True:
        answer = table.calls.make(lambda: table.client.query(**asked), reads=0)
        table.calls.count(reads=answer["Count"])
        yield from answer["Items"]
        last = answer.get("LastEvaluatedKey")
        if not last:
            return
        asked["ExclusiveStartKey"] = last


def scan(table: Table, *, filtered: str, values: New) -> Iterator[Item]:
    """Every item that the filter lets through, in no order; reads (and costs) the whole table."""
    asked: ScanInputTypeDef = {
        "TableName": table.name,
        "FilterExpression": filtered,
        "ExpressionAttributeNames": aliases(filtered),
        "ExpressionAttributeValues": values,
        "ConsistentRead": True,
        "ReturnConsumedCapacity": table.capacity,
    }
    while True:
        answer = table.calls.make(lambda: table.client.scan(**asked), reads=0)
        table.calls.count(reads=answer["Count"])
        yield from answer["Items"]
        last = answer.get("LastEvaluatedKey")
        if not last:
            return
        asked["ExclusiveStartKey"] = last
