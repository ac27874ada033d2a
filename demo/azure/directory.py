"""What Entra ID writes: sign-ins of people, programs and managed identities, and changes to the directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.azure.activity import clock
from demo.azure.estate import AGENTS, HOME_CITY, HOME_COUNTRY, MANAGEMENT, TENANT, system_of
from demo.cloudtrail import Json, uuid
from demo.company import CHROME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from demo.azure.estate import Application, Principal

INTERACTIVE, NON_INTERACTIVE = "SignInLogs", "NonInteractiveUserSignInLogs"
PROGRAM, MANAGED = "ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs"
_RESOURCE = f"/tenants/{TENANT}/providers/Microsoft.aadiam"
_PASSWORD_WRONG, _FACTOR_WANTED = 50126, 50074
_REASONS = {
    0: "",
    _PASSWORD_WRONG: "Error validating credentials due to invalid username or password.",
    _FACTOR_WANTED: "Strong Authentication is required.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody signs in from, and on what."""

    address: str
    agent: str = CHROME
    country: str = HOME_COUNTRY
    city: str = HOME_CITY
    managed: bool = True


def sign_in(  # noqa: PLR0913 (a sign-in has many sides)
    rng: Random,
    who: Principal,
    place: Place,
    at: int,
    *,
    to: Application = MANAGEMENT,
    category: str = INTERACTIVE,
    factors: int = 2,
    error: int = 0,
) -> Json:
    """Write the sign-in of a user: one factor or two, done or refused."""
    properties = _common(rng, who, place, at, to=to, error=error) | {
        "userDisplayName": who.name,
        "userPrincipalName": who.upn,
        "userId": who.object_id,
        "userType": "Member" if who.tenant == TENANT else "Guest",
        "clientAppUsed": "Browser" if who.app.id not in AGENTS else "Mobile Apps and Desktop clients",
        "userAgent": AGENTS.get(who.app.id, place.agent),
        "deviceDetail": _device(who, place),
        "isInteractive": category == INTERACTIVE,
        "authenticationRequirement": "multiFactorAuthentication" if factors > 1 else "singleFactorAuthentication",
        "authenticationDetails": _steps(rng, factors, at, error),
        "conditionalAccessStatus": "success" if factors > 1 else "notApplied",
        "authenticationProtocol": "none",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "crossTenantAccessType": "none",
        "homeTenantId": who.tenant,
        "resourceTenantId": TENANT,
    }
    return _entry(rng, who.name, place, at, properties, category=category, error=error)


def program_sign_in(rng: Random, who: Principal, place: Place, at: int, *, to: Application) -> Json:
    """Write the sign-in of a program with a secret, a certificate or a federated token of its own."""
    properties = _common(rng, who, place, at, to=to) | _program(who)
    properties |= {"servicePrincipalCredentialKeyId": str(properties["uniqueTokenIdentifier"])[:8]}
    return _entry(rng, who.name, place, at, properties, category=PROGRAM)


def managed_sign_in(rng: Random, who: Principal, at: int, *, to: Application) -> Json:
    """Write the sign-in of a managed identity: Azure does it, and there is no address."""
    properties = _common(rng, who, Place("", country="", city=""), at, to=to) | _program(who)
    return _entry(rng, who.name, Place("", country=""), at, properties, category=MANAGED)


def _program(who: Principal) -> Json:
    return {"servicePrincipalId": who.object_id, "servicePrincipalName": who.name, "isInteractive": False}


def _common(  # noqa: PLR0913 (a sign-in has many sides)
    rng: Random, who: Principal, place: Place, at: int, *, to: Application, error: int = 0
) -> Json:
    """Describe what every sign-in has."""
    return {
        "id": uuid(rng),
        "createdDateTime": clock(rng, at)[:-1] + "+00:00",
        "appId": who.app.id,
        "appDisplayName": who.app.name,
        "ipAddress": place.address,
        "status": {"errorCode": error, "failureReason": _REASONS[error] or "Other."},
        "location": {"city": place.city, "state": "", "countryOrRegion": place.country, "geoCoordinates": {}},
        "autonomousSystemNumber": system_of(place.address),
        "correlationId": uuid(rng),
        "resourceDisplayName": to.name,
        "resourceId": to.id,
        "incomingTokenType": "none",
        "processingTimeInMilliseconds": rng.randrange(60, 400),
        "uniqueTokenIdentifier": f"{rng.getrandbits(64):016x}EXAMPLE",
    }


def _device(who: Principal, place: Place) -> Json:
    if not place.managed:
        return {"deviceId": "", "operatingSystem": "Linux", "browser": "Chrome 141.0.0", "isManaged": False}
    return {
        "deviceId": who.object_id[::-1],
        "displayName": f"QF-{who.name.upper()}",
        "operatingSystem": "Windows11",
        "browser": "Chrome 141.0.0",
        "isCompliant": True,
        "isManaged": True,
        "trustType": "Azure AD joined",
    }


def _steps(rng: Random, factors: int, at: int, error: int) -> list[Json]:
    methods = ("Password", "Mobile app notification")[:factors]
    return [
        {
            "authenticationStepDateTime": clock(rng, at),
            "authenticationMethod": method,
            "succeeded": error == 0,
        }
        for method in methods
    ]


def _entry(  # noqa: PLR0913 (the envelope repeats what is inside)
    rng: Random, name: str, place: Place, at: int, properties: Json, *, category: str, error: int = 0
) -> Json:
    return {
        "time": clock(rng, at + rng.randrange(20, 90)),
        "resourceId": _RESOURCE,
        "operationName": "Sign-in activity",
        "operationVersion": "1.0",
        "category": category,
        "tenantId": TENANT,
        "resultType": str(error),
        "resultSignature": "None",
        "resultDescription": _REASONS[error],
        "durationMs": 0,
        "callerIpAddress": place.address,
        "correlationId": properties["correlationId"],
        "identity": name,
        "Level": 4,
        "location": place.country,
        "properties": properties,
    }


@dataclass(frozen=True, slots=True)
class Change:
    """A change to the directory: what it is called, of which kind, done to what.

    Each property is named with its value before and after, as JSON in a string.
    """

    activity: str
    category: str
    kind: str
    target: str
    target_id: str
    properties: Mapping[str, tuple[str | None, str | None]]
    service: str = "Core Directory"
    upn: str = ""


def change(rng: Random, who: Principal, address: str, what: Change, at: int) -> Json:
    """Write one change to the directory by a user or a program."""
    when, shared = clock(rng, at), uuid(rng)
    by: Json = {
        "user": {
            "id": who.object_id,
            "displayName": who.name,
            "userPrincipalName": who.upn,
            "ipAddress": address,
            "roles": [],
        }
    }
    if not who.upn:
        by = {"app": {"appId": who.app.id, "displayName": who.name, "servicePrincipalId": who.object_id}}
    target: Json = {
        "id": what.target_id,
        "displayName": what.target,
        "type": what.kind,
        "modifiedProperties": [
            {"displayName": name, "oldValue": before, "newValue": after}
            for name, (before, after) in what.properties.items()
        ],
    }
    if what.upn:
        target["userPrincipalName"] = what.upn
    said: Json = {
        "id": f"Directory_{shared}_{rng.getrandbits(24):06X}_{rng.randrange(10**8)}",
        "category": what.category,
        "correlationId": shared,
        "result": "success",
        "resultReason": "",
        "activityDisplayName": what.activity,
        "activityDateTime": when[:-1] + "+00:00",
        "loggedByService": what.service,
        "operationType": "Update",
        "initiatedBy": by,
        "targetResources": [target],
        "additionalDetails": [{"key": "User-Agent", "value": CHROME}],
    }
    return {
        "time": when,
        "resourceId": _RESOURCE,
        "operationName": what.activity,
        "operationVersion": "1.0",
        "category": "AuditLogs",
        "tenantId": TENANT,
        "resultSignature": "None",
        "durationMs": 0,
        "callerIpAddress": address,
        "correlationId": shared,
        "identity": who.name,
        "Level": 4,
        "properties": said,
    }
