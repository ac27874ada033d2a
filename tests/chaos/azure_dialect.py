"""How Table Storage, queues, blobs and Event Grid say that they throttle, stumble or are away."""

from __future__ import annotations

import json

from tests.chaos.roads import Answer, Request
from tests.chaos.weather import Fate


def said(request: Request, fate: Fate) -> Answer:
    """The error, in the words of the service that was asked."""
    if request.path.startswith("/api/events"):
        status, code = {"throttled": (429, "TooManyRequests"), "away": (503, "ServiceUnavailable")}.get(fate, (500, ""))
        return _json(status, {"error": {"code": code, "message": "as asked"}}, {})
    status, code = {"throttled": (503, "ServerBusy"), "away": (503, "ServiceUnavailable")}.get(
        fate, (500, "InternalError")
    )
    return _json(status, {"odata.error": {"code": code, "message": {"value": "as asked"}}}, {"x-ms-error-code": code})


def _json(status: int, body: object, headers: dict[str, str]) -> Answer:
    return Answer(status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode())
