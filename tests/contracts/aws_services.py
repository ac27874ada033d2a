"""What stands in for AWS in the contract tests: moto in this process, moto's server, ministack."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

from boto3.session import Session
from moto import mock_aws

from firstseen.adapters.aws.clients import dynamodb_client, sns_client
from tests.emulators import CREDENTIALS, ministack, ministack_python, moto_server
from tests.quick_moto import quicken

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

REGION = CREDENTIALS["AWS_DEFAULT_REGION"]
SERVICES = ("moto", "moto server", "ministack")

SESSION = Session("testing", "testing", region_name=REGION)
"""One for all tests: making it costs more than what most of them do."""

_MAKING = threading.Lock()
"""Sessions are not made for threads; clients are."""


@dataclass(frozen=True, slots=True)
class Service:
    """One stand-in. ``url`` None: moto in this process."""

    name: str
    url: str | None

    def dynamodb(self, connections: int = 10) -> DynamoDBClient:
        with _MAKING:
            client = dynamodb_client(SESSION, endpoint_url=self.url, connections=connections)
        if self.name != "ministack":
            _one_at_a_time(client)
        return client

    def sns(self) -> SNSClient:
        return sns_client(SESSION, endpoint_url=self.url)

    def sqs(self) -> SQSClient:
        return SESSION.client("sqs", endpoint_url=self.url)


_LOCK = threading.Lock()


def _one_at_a_time(client: DynamoDBClient) -> None:
    """moto changes its dictionaries while other threads copy them, so calls take turns, as writes of one item do in
    DynamoDB. What workers do between their calls still crosses.
    """
    call = client._make_api_call  # type: ignore[attr-defined]

    def locked(name: str, arguments: dict[str, object]) -> object:
        with _LOCK:
            return call(name, arguments)

    client._make_api_call = locked  # type: ignore[attr-defined]


@contextmanager
def running(name: str) -> Iterator[Service]:
    """The stand-in with nothing of this test's in it."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, CREDENTIALS))
        if name == "moto":
            quicken()
            stack.enter_context(mock_aws())
            yield Service(name, None)
        elif name == "moto server":
            yield Service(name, stack.enter_context(moto_server()))
        else:
            yield Service(name, stack.enter_context(ministack()))


def installed(name: str) -> bool:
    """Whether it can run here."""
    return name != "ministack" or ministack_python() is not None
