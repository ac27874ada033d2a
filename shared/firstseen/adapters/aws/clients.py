"""Low-level clients whose waits are short and whose retries are ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from firstseen.errors import SettingsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient

CONNECT_SECONDS = 2
READ_SECONDS = 5
"""How long one call may wait for its answer: what a deadline can be overrun by."""


def config(connections: int) -> Config:
    """One attempt a call: :mod:`firstseen.adapters.aws.calling` counts, waits and gives up, where it can be tested.

    ``connections``: as many as threads use the client at once, so that none opens and drops its own.
    """
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=connections,
        tcp_keepalive=True,
    )


def dynamodb_client(
    session: Session | None = None, *, endpoint_url: str | None = None, connections: int = 10
) -> DynamoDBClient:
    """A client for :class:`firstseen.adapters.aws.dynamodb.DynamoStore`. Raises SettingsError without a region."""
    try:
        return (session or Session()).client("dynamodb", endpoint_url=endpoint_url, config=config(connections))
    except (BotoCoreError, ValueError) as exc:
        msg = f"no client for DynamoDB can be made: {exc}; set AWS_REGION and credentials, as for the aws command"
        raise SettingsError(msg) from exc


def sns_client(
    session: Session | None = None, *, region: str | None = None, endpoint_url: str | None = None
) -> SNSClient:
    """A client for :class:`firstseen.adapters.aws.sns.SNSSink`; ``region`` is the topic's."""
    return (session or Session()).client("sns", region_name=region, endpoint_url=endpoint_url, config=config(2))
