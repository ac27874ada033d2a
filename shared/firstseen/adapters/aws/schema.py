"""The table: its keys, its indexes, the names of its attributes. The template's table is the same.

::

    item         pk              sk               indexes
    key state    key hash        K
    finding      key hash        F#generation     due (while pending), time, rule
    record       R#kind#shard    N#name

The indexes' sort key is event time and uid, so that each is read oldest first. Their partition keys end in a shard,
because all that is written in one hour would otherwise meet in one partition.

There is no index by day or hour: these spread nothing, since what is written now is of this day and hour, and a scan
without bounds would have to guess the days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from zlib import crc32

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeDefinitionTypeDef,
        GlobalSecondaryIndexTypeDef,
        KeySchemaElementTypeDef,
    )

SHARDS = 4
"""Partitions for each index value and record kind; DynamoDB takes 1,000 writes a second in each. Changing it loses
sight of what was written before."""

TTL_ATTRIBUTE = "ttl"
"""Seconds since 1970; DynamoDB drops the item some time after (within days)."""

DUE, TIME, RULE = "due", "time", "rule"
"""The indexes; each one's partition key is the attribute of the same name with ``_shard``."""

BILLING_MODE: Literal["PAY_PER_REQUEST"] = "PAY_PER_REQUEST"

KEY_SCHEMA: tuple[KeySchemaElementTypeDef, ...] = (
    {"AttributeName": "pk", "KeyType": "HASH"},
    {"AttributeName": "sk", "KeyType": "RANGE"},
)

ATTRIBUTES: tuple[AttributeDefinitionTypeDef, ...] = (
    {"AttributeName": "pk", "AttributeType": "S"},
    {"AttributeName": "sk", "AttributeType": "S"},
    {"AttributeName": "at", "AttributeType": "S"},
    {"AttributeName": "due_shard", "AttributeType": "S"},
    {"AttributeName": "time_shard", "AttributeType": "S"},
    {"AttributeName": "rule_shard", "AttributeType": "S"},
)


def _index(name: str, included: str) -> GlobalSecondaryIndexTypeDef:
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": f"{name}_shard", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [included]},
    }


INDEXES: tuple[GlobalSecondaryIndexTypeDef, ...] = (
    _index(DUE, "lease_until"),  # so that what is being sent is not offered again
    _index(TIME, "routing"),  # what filters without fetching; it never changes, so it costs no later write
    _index(RULE, "routing"),
)


def shard(name: str) -> str:
    """The shard of a key or a record's name."""
    return str(crc32(name.encode("utf-8", "surrogatepass")) % SHARDS)


def shards(value: str) -> list[str]:
    """Every partition of one index value."""
    return [f"{value}#{number}" for number in range(SHARDS)]


def create_table(client: DynamoDBClient, name: str) -> None:
    """Make the table, for tests and local use; deployments have it from the template."""
    client.create_table(
        TableName=name,
        BillingMode=BILLING_MODE,
        KeySchema=KEY_SCHEMA,
        AttributeDefinitions=ATTRIBUTES,
        GlobalSecondaryIndexes=INDEXES,
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    client.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    )
