"""Events of Audit Trails: a call, whose start and end are two events of one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from demo.cloudtrail import Json, stamp, uuid
from demo.yandex.estate import CLOUD, FEDERATION, ORGANIZATION, ident

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from demo.yandex.estate import Caller, Folder

_REFUSED = 7
_LETTERS = "0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of Yandex Cloud; ``took`` seconds later it is done, and a quick call logs only that."""

    service: str
    name: str
    details: Json = field(default_factory=dict)
    asked: Json = field(default_factory=dict)
    took: int = 0
    refused: bool = False


def clock(rng: Random, at: int) -> str:
    """Write a time as Audit Trails does: whole seconds mostly, sometimes nine digits."""
    return stamp(at) if rng.randrange(3) else f"{stamp(at)[:-1]}.{rng.randrange(10**9):09d}Z"


def written(rng: Random, who: Caller, folder: Folder | None, call: Call, at: int) -> Iterator[Json]:
    """Write the events of one call: they share the request's id and have ids of their own."""
    request = uuid(rng)
    if call.refused:
        yield _event(rng, who, folder, call, at, status="ERROR", request=request)
        return
    if call.took:
        yield _event(rng, who, folder, call, at, status="STARTED", request=request)
    yield _event(rng, who, folder, call, at + call.took, status="DONE", request=request)


def _event(  # noqa: PLR0913 (who, where, what, when, how far it got)
    rng: Random, who: Caller, folder: Folder | None, call: Call, at: int, *, status: str, request: str
) -> Json:
    event: Json = {
        "event_id": "".join(rng.choices(_LETTERS, k=20)),
        "event_source": call.service,
        "event_type": f"yandex.cloud.audit.{call.service}.{call.name}",
        "event_time": clock(rng, at),
        "authentication": _authentication(who),
        "authorization": {"authorized": not call.refused},
        "resource_metadata": {"path": _path(folder)},
        "request_metadata": {"remote_address": who.address, "user_agent": who.agent, "request_id": request},
        "event_status": status,
        "details": call.details,
    }
    if call.asked:
        event["request_parameters"] = call.asked
    if call.refused:
        event["error"] = {"code": _REFUSED, "message": "Permission denied"}
    elif call.took:
        event["response"] = {"operation_id": ident("fhm", "operation", request)}
    return event


def _authentication(who: Caller) -> Json:
    found: Json = {
        "authenticated": True,
        "subject_type": who.kind,
        "subject_id": who.id,
        "subject_name": who.name,
    }
    if who.kind == "FEDERATED_USER_ACCOUNT":
        found |= {
            "federation_id": FEDERATION,
            "federation_name": "quillfjord",
            "federation_type": "PRIVATE_FEDERATION",
        }
    return found


def _path(folder: Folder | None) -> list[Json]:
    path: list[Json] = [
        {"resource_type": "organization-manager.organization", "resource_id": ORGANIZATION,
         "resource_name": "quillfjord"},
    ]  # fmt: skip
    if folder is not None:
        path += [
            {"resource_type": "resource-manager.cloud", "resource_id": CLOUD, "resource_name": "press"},
            {"resource_type": "resource-manager.folder", "resource_id": folder.id, "resource_name": folder.name},
        ]
    return path


def signed_in(rng: Random, who: Caller, at: int) -> Iterator[Json]:
    """Write the sign-in of somebody through the federation: it belongs to the organization, not to a folder."""
    details: Json = {"federation_id": FEDERATION, "subject_id": who.id}
    yield from written(rng, who, None, Call("iam", "CreateIamCookieForSubject", details), at)
