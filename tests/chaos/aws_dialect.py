"""How AWS's services say that they throttle, stumble or are away."""

from __future__ import annotations

import json

from tests.chaos.roads import Answer, Request
from tests.chaos.weather import Fate, Service

_XML = {"Content-Type": "text/xml"}


def service_of(request: Request) -> Service:
    """DynamoDB is the store and SNS the sink; S3 and SQS are neither."""
    if request.headers.get("X-Amz-Target", "").startswith("DynamoDB"):
        return "store"
    return "sink" if b"Action=Publish" in request.body else "other"


def said(request: Request, fate: Fate) -> Answer:
    """The error, in the words of the service that was asked."""
    target = request.headers.get("X-Amz-Target", "")
    status = 400 if fate == "throttled" else 503 if fate == "away" else 500
    if target.startswith("DynamoDB"):
        return _json(status, "com.amazonaws.dynamodb.v20120810", _name(fate, "ProvisionedThroughputExceededException"))
    if target:
        return _json(status, "com.amazonaws.sqs", _name(fate, "RequestThrottled"))
    if b"Action=" in request.body:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{_name(fate, 'Throttling')}</Code></Error></ErrorResponse>"
        )
        return Answer(status, _XML, body.encode())
    return Answer(503, _XML, f"<Error><Code>{_name(fate, 'SlowDown')}</Code></Error>".encode())


def _name(fate: Fate, throttled: str) -> str:
    return {"throttled": throttled, "away": "ServiceUnavailable"}.get(fate, "InternalServerError")


def _json(status: int, namespace: str, name: str) -> Answer:
    body = json.dumps({"__type": f"{namespace}#{name}", "message": "as asked"}).encode()
    return Answer(status, {"Content-Type": "application/x-amz-json-1.0"}, body)
