"""The computed values of an Activity Log entry, whichever shape it has. Every function is total."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from firstseen.sources.azure_addresses import address, without_port
from firstseen.sources.azure_places import First, first, opened, text
from firstseen.sources.azure_times import chosen, time_us
from firstseen.sources.source import Path, View

TIMES = "time eventTimestamp event_timestamp TimeGenerated @timestamp"
OPERATIONS = "operationName operationName.value operation_name.value OperationNameValue"
RESOURCES = "resourceId resource_id ResourceId _ResourceId"
CORRELATIONS = "correlationId correlation_id CorrelationId"
ADDRESSES = "callerIpAddress httpRequest.clientIpAddress http_request.client_ip_address CallerIpAddress"
STATUSES = "resultType status.value ActivityStatusValue ActivityStatus"
SUBSTATUSES = "subStatus.value sub_status.value ActivitySubstatusValue"
SUBSCRIPTIONS = "subscriptionId subscription_id SubscriptionId"
GROUPS = "resourceGroupName resource_group_name ResourceGroup"
PROVIDERS = "resourceProviderName.value resource_provider_name.value ResourceProviderValue"

CLAIMS = ("identity.claims", "claims", "Claims_d", "Claims")
AUTHORIZATIONS = ("identity.authorization", "authorization", "Authorization_d", "Authorization")
PROPERTIES = ("properties", "Properties_d", "Properties")
IDENTITY_KEYS = "identity claims Claims_d Claims authorization Authorization_d Authorization caller Caller"

_NAMES = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
WHO_CLAIMS = (f"{_NAMES}upn", f"{_NAMES}name", f"{_NAMES}emailaddress", "upn", "unique_name", OBJECT_ID, "appid")
"""Claims that say who acted, the most readable first. A service principal's ``name`` is not among its claims."""

_WORDS = {
    "start": ("Start", "Started"),
    "started": ("Start", "Started"),
    "success": ("Success", "Succeeded"),
    "succeeded": ("Success", "Succeeded"),
    "failure": ("Failure", "Failed"),
    "failed": ("Failure", "Failed"),
    "accept": ("Accept", "Accepted"),
    "accepted": ("Accept", "Accepted"),
}
"""A status as the Event Hub writes it, and as the REST interface does."""

_OUTCOMES = {"Success": "success", "Failure": "failure"}
_SHORT_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_UNIT = "\x1f"

operation_of = first(OPERATIONS).function
resource_of = first(RESOURCES).function
status_of = first(STATUSES).function
_substatus_of = first(SUBSTATUSES).function
_correlation_of = first(CORRELATIONS).function
_address_of = first(ADDRESSES).function
_principal_of = first(" ".join(f"{place}.evidence.principalId" for place in AUTHORIZATIONS)).function
_caller_of = first("caller Caller").function
_subscription_of = first(SUBSCRIPTIONS).function
_tenant_of = first("tenantId tenant_id").function
_group_of = first(GROUPS).function
_provider_of = first(PROVIDERS).function
_result_of = first("properties.result").function


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the caller's token; Elastic writes ``_`` for the dots in a claim's name."""

    name: str

    def __call__(self, view: View) -> Any:
        """Its value, or None."""
        for claims in _claims(view):
            if self.name in claims:
                return claims[self.name]
            if "_" in self.name:  # else no dot was replaced
                for key, value in claims.items():
                    if key.replace(".", "_") == self.name:
                        return value
        return None

    def ways(self, _view: View, value: object) -> Iterator[tuple[Path, object]]:
        """Where it stands, for examples."""
        yield ("identity", "claims", self.name), value


_CLAIMS = tuple(tuple(place.split(".")) for place in CLAIMS)


def _claims(view: View) -> Iterator[Mapping[str, Any]]:
    for place in _CLAIMS:
        found: Any = view
        for key in place:
            found = opened(found.get(key)) if isinstance(found, Mapping) else None
        if isinstance(found, Mapping):
            yield found


def when(view: View) -> Any:
    """The time as the entry writes it."""
    return chosen(view.get(key) for key in TIMES.split())


def actor(view: View) -> str | None:
    """Who acted: the user's principal name, else the object id of the application or identity, else its role's."""
    for name in WHO_CLAIMS:
        found = text(Claim(name)(view))
        if found:
            return found
    return text(_caller_of(view)) or text(_principal_of(view))


def hub_status(view: View) -> Any:
    """The status in the Event Hub's word: Start, Success, Failure, Accept; other words as they stand."""
    return _word(status_of(view), 0)


def rest_status(view: View) -> Any:
    """The status in the REST interface's word: Started, Succeeded, Failed, Accepted; other words as they stand."""
    return _word(status_of(view), 1)


def _word(status: Any, form: int) -> Any:
    found = _WORDS.get(status.casefold()) if isinstance(status, str) else None
    return status if found is None else found[form]


def signature(view: View) -> str | None:
    """``Succeeded.Created``, as the Event Hub writes it."""
    found = text(view.get("resultSignature"))
    if found:
        return found
    status = text(rest_status(view))
    return None if status is None or "resultType" in view else f"{status}.{text(_substatus_of(view)) or ''}"


def substatus(view: View) -> str | None:
    """``Created``, as the REST interface writes it."""
    found = text(_substatus_of(view))
    if found:
        return found
    return (text(view.get("resultSignature")) or "").partition(".")[2] or None


def outcome(view: View) -> str | None:
    """``success`` or ``failure``; None for what only began, and for what is no operation."""
    found = text(hub_status(view))
    said = _OUTCOMES.get(found or "")
    if said is None:
        result = (text(_result_of(view)) or "").casefold()
        said = result if result in {"success", "failure"} else None
    return said


def caller_address(view: View) -> str | None:
    """Where the call came from, without a port."""
    return without_port(text(_address_of(view)))


def caller_ip(view: View) -> str | None:
    """As :func:`caller_address`, when it is an address."""
    return address(text(_address_of(view)))


def subscription(view: View) -> str | None:
    """The subscription that holds the log, in lower case."""
    found = text(_subscription_of(view)) or _segment_after(view, "subscriptions")
    return None if found is None else found.casefold()


def account(view: View) -> str | None:
    """The subscription; for what was done to the tenant itself, the tenant."""
    tenant = text(_tenant_of(view))
    return subscription(view) or (tenant.casefold() if tenant else None)


def group(view: View) -> str | None:
    """The resource group."""
    return text(_group_of(view)) or _segment_after(view, "resourcegroups")


def provider(view: View) -> str | None:
    """The resource provider, as ``Microsoft.Compute``."""
    return text(_provider_of(view)) or (text(operation_of(view)) or "").partition("/")[0] or None


def _segment_after(view: View, word: str) -> str | None:
    parts = (text(resource_of(view)) or "").split("/")
    return next((after for before, after in pairwise(parts) if before.casefold() == word), None)


def event_id(view: View) -> str | None:
    """Equal for the copies that every shape delivers: correlation id, operation, resource, status and time.

    None of the shapes' own ids serves: the Event Hub carries none. The correlation id stays readable in front.
    """
    at = time_us(when(view))
    status = text(hub_status(view))
    return None if at is None else _identity(view, (status or "").casefold(), str(at))


def operation_id(view: View) -> str | None:
    """Equal for the start and the end of one operation: correlation id, operation and resource."""
    return _identity(view) if text(_correlation_of(view)) else None


def _identity(view: View, *more: str) -> str | None:
    operation, correlation = text(operation_of(view)), (text(_correlation_of(view)) or "").casefold()
    if operation is None:
        return None
    resource = (text(resource_of(view)) or "").casefold().rstrip("/")
    written = _UNIT.join((correlation, operation.casefold(), resource, *more))
    digest = hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{correlation}:{digest}" if _SHORT_ID.fullmatch(correlation) else digest


def operations_written(view: View) -> Any:
    """The operation as Elastic sees it, whose questions mind the case: the Event Hub writes upper case mostly.

    From another shape it is both as it stands and in upper case.
    """
    return _both(view, "operationName", operation_of(view))


def resources_written(view: View) -> Any:
    """The resource id, as :func:`operations_written`."""
    return _both(view, "resourceId", resource_of(view)) if "operationName" in view else resource_of(view)


def _both(view: View, key: str, found: Any) -> Any:
    if not isinstance(found, str) or isinstance(view.get(key), str) or found == found.upper():
        return found
    return [found, found.upper()]


@dataclass(frozen=True, slots=True)
class ResourcePart:
    """One part of the resource id, as Elastic takes it apart."""

    name: str

    def __call__(self, view: View) -> str | None:
        """``provider``, ``name``, ``namespace`` or ``authorization_rule``; None if the id has no such part."""
        parts = (text(resource_of(view)) or "").split("/")
        folded = [part.casefold() for part in parts]
        if "providers" not in folded:
            return None
        rest = parts[folded.index("providers") + 1 :]
        return _parts_of(rest, grouped="resourcegroups" in folded).get(self.name)


def _parts_of(rest: list[str], *, grouped: bool) -> Mapping[str, str]:
    words = [part.casefold() for part in rest]
    if not grouped or len(rest) < 3:  # noqa: PLR2004 - provider, type, name
        return {"provider": "/".join(rest)}
    if words[1] == "namespaces" and words[3:4] == ["authorizationrules"] and len(rest) > 4:  # noqa: PLR2004
        return {"provider": rest[0], "namespace": rest[2], "authorization_rule": "/".join(rest[4:])}
    return {"provider": "/".join(rest[:2]), "name": "/".join(rest[2:])}


def user_part(view: View, number: int) -> str | None:
    """The name (0) or the domain (1) of a user who acted."""
    name = text(Claim(f"{_NAMES}name")(view))
    if name is None:
        return None
    head, found, domain = name.partition("@")
    return (head, domain)[number] if found else (name, None)[number]


def event_category(view: View) -> str:
    """As Elastic has it: what the properties say, else Policy or Administrative."""
    found = text(First(tuple((place, "eventCategory") for place in PROPERTIES))(view))
    if found:
        return found
    policies = First(tuple((place, "policies") for place in PROPERTIES), whole=True)(view)
    return "Administrative" if policies is None else "Policy"


def suggested_status(value: object) -> Iterable[str]:
    """Words that lead to a status or an outcome."""
    words = _WORDS.get(str(value).casefold())
    return () if words is None else words[:1]


def suggested_subscription(value: object) -> Iterable[str]:
    """A resource of that subscription."""
    return (f"/SUBSCRIPTIONS/{value}/RESOURCEGROUPS/PAYMENTS/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/PAY-01",)


def suggested_group(value: object) -> Iterable[str]:
    """A resource of that resource group."""
    subscription = "6B0C1E7A-2D34-4F58-9A01-3C5D7E9F1B20"
    return (f"/SUBSCRIPTIONS/{subscription}/RESOURCEGROUPS/{value}/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/PAY-01",)
