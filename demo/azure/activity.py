"""Entries of the Activity Log: one operation, from its start to its end, as the Event Hub has it and as REST does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from demo.azure.estate import REGION, TENANT
from demo.cloudtrail import Json, stamp, uuid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from demo.azure.estate import Principal

_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MICROSOFT = "http://schemas.microsoft.com/identity/claims/"
_REST_STATUS = {"Start": "Started", "Success": "Succeeded", "Failure": "Failed", "Accept": "Accepted"}


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked of Azure: an action on a resource, how long it takes, and what its answer says.

    A made resource is answered by ``Created``, a changed one by ``OK``; long operations are accepted first.
    """

    action: str
    resource: str
    took: int = 2
    made: bool = False
    accepted: bool = False
    body: Json = field(default_factory=dict)
    asked: Json = field(default_factory=dict)
    refused: bool = False


def clock(rng: Random, at: int) -> str:
    """Write a time as Azure does, with seven digits."""
    return f"{stamp(at)[:-1]}.{rng.randrange(10**7):07d}Z"


def operate(rng: Random, who: Principal, address: str, operation: Operation, at: int) -> Iterator[Json]:
    """Write all entries of one operation, which share their correlation id."""
    shared = uuid(rng)
    yield _entry(rng, who, address, operation, at, status=("Start", "Started."), correlation=shared)
    if operation.refused:
        yield _entry(rng, who, address, operation, at, status=("Failure", "Failed.Forbidden"), correlation=shared)
        return
    code = "Created" if operation.made else "OK"
    if operation.accepted:
        yield _entry(rng, who, address, operation, at + 1, status=("Accept", f"Accepted.{code}"), correlation=shared)
    end = at + operation.took
    yield _entry(rng, who, address, operation, end, status=("Success", f"Succeeded.{code}"), correlation=shared)


def _entry(  # noqa: PLR0913 (who, whence, what, when, and how far it got)
    rng: Random,
    who: Principal,
    address: str,
    operation: Operation,
    at: int,
    *,
    status: tuple[str, str],
    correlation: str,
) -> Json:
    result, signature = status
    said: Json = {
        "eventCategory": "Administrative",
        "entity": operation.resource,
        "message": operation.action,
        "hierarchy": f"{TENANT}/{operation.resource.split('/')[2]}",
    }
    if operation.asked and result == "Start":
        said["requestbody"] = orjson.dumps(operation.asked).decode()
    if operation.body and result in {"Accept", "Success"}:
        said["responseBody"] = orjson.dumps(operation.body).decode()
    if result in {"Accept", "Success"}:
        said["statusCode"] = signature.partition(".")[2]
    return {
        "RoleLocation": "North Europe",
        "ReleaseVersion": "6.2026.38.2+8f31c0d7.release_2026w38",
        "time": clock(rng, at),
        "resourceId": operation.resource.upper(),
        "operationName": operation.action.upper(),
        "category": "Administrative",
        "resultType": result,
        "resultSignature": signature,
        "durationMs": "0" if result == "Start" else str(operation.took * 1000 + rng.randrange(1000)),
        "callerIpAddress": address,
        "correlationId": correlation,
        "identity": {"authorization": _authorization(who, operation), "claims": _claims(who, address)},
        "level": "Error" if result == "Failure" else "Information",
        "location": "global",
        "properties": said,
        "tenantId": TENANT,
    }


def _authorization(who: Principal, operation: Operation) -> Json:
    subscription = operation.resource.split("/")[2]
    return {
        "scope": operation.resource,
        "action": operation.action,
        "evidence": {
            "role": who.role,
            "roleAssignmentScope": f"/subscriptions/{subscription}",
            "principalId": who.object_id.replace("-", ""),
            "principalType": who.kind,
        },
    }


def _claims(who: Principal, address: str) -> Json:
    claims: Json = {
        "aud": "https://management.core.windows.net/",
        "iss": f"https://sts.windows.net/{who.tenant}/",
        "appid": who.app.id,
        "ipaddr": address,
        "ver": "1.0",
        f"{_MICROSOFT}objectidentifier": who.object_id,
        f"{_MICROSOFT}tenantid": who.tenant,
    }
    if who.upn:
        claims |= {"name": who.name, f"{_CLAIM}name": who.upn, f"{_CLAIM}upn": who.upn}
    else:
        claims |= {"idtyp": "app"}
    return claims


def background(rng: Random, category: str, action: str, resource: str, at: int) -> Json:
    """Write what Azure notes by itself: a policy that was evaluated, a machine's health, a scaling step."""
    return {
        "time": clock(rng, at),
        "resourceId": resource.upper(),
        "operationName": action.upper(),
        "category": category,
        "resultType": "Success" if category != "ResourceHealth" else "Active",
        "resultSignature": "Succeeded.",
        "durationMs": "0",
        "correlationId": uuid(rng),
        "level": "Information",
        "location": REGION,
        "properties": {"eventCategory": category, "entity": resource, "isComplianceCheck": "False"},
        "tenantId": TENANT,
    }


def rest(entry: Json) -> Json:
    """Turn an entry of the Event Hub into what the REST interface answers for the same event."""
    identity, said = _mapping(entry["identity"]), _mapping(entry["properties"])
    authorization, claims = _mapping(identity["authorization"]), _mapping(identity["claims"])
    signature = str(entry["resultSignature"]).partition(".")[2]
    upn = claims.get(f"{_CLAIM}upn")
    return {
        "authorization": authorization,
        "caller": upn or claims[f"{_MICROSOFT}objectidentifier"],
        "channels": "Operation",
        "claims": claims,
        "correlationId": entry["correlationId"],
        "category": {"value": "Administrative", "localizedValue": "Administrative"},
        "eventTimestamp": entry["time"],
        "httpRequest": {"clientIpAddress": entry["callerIpAddress"]},
        "level": entry["level"],
        "operationName": {"value": authorization["action"], "localizedValue": authorization["action"]},
        "properties": said,
        "resourceId": authorization["scope"],
        "status": {"value": _REST_STATUS[str(entry["resultType"])]},
        "subStatus": {"value": signature},
        "subscriptionId": str(authorization["scope"]).split("/")[2],
        "tenantId": entry["tenantId"],
    }


def _mapping(value: object) -> Json:
    if not isinstance(value, dict):
        message = f"{value!r} should be an object"
        raise TypeError(message)
    return value
