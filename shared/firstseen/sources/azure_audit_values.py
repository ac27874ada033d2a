"""The computed values of an Entra ID audit event, whichever shape it has. Every function is total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firstseen.sources.azure_addresses import address, without_port
from firstseen.sources.azure_entra import entra
from firstseen.sources.azure_places import First, first, opened, text, values_at
from firstseen.sources.azure_times import chosen, time_us
from firstseen.sources.source import Path, View

OPERATIONS = "operationName OperationName properties.activityDisplayName activityDisplayName ActivityDisplayName"
RESULTS = "properties.result result Result"
TARGETS: tuple[Path, ...] = (("properties", "targetResources"), ("targetResources",), ("TargetResources",))
DETAILS: tuple[Path, ...] = (("properties", "additionalDetails"), ("additionalDetails",), ("AdditionalDetails",))
_INITIATORS = (
    "user.userPrincipalName", "user.id", "app.servicePrincipalId", "app.appId", "app.displayName",
    "user.displayName",
)  # fmt: skip

MAX_TARGETS = 1000
"""Objects of one event that are looked at one by one; an audit event names a few."""

_operation = first(OPERATIONS).function
_result = first(RESULTS).function
_event = entra("id").function
_moment = entra("activityDateTime").function
_actors = (
    *(entra(f"initiatedBy.{name}").function for name in _INITIATORS),
    first("identity Identity InitiatingUserOrApp").function,
)
_addresses = first("properties.initiatedBy.user.ipAddress initiatedBy.user.ipAddress InitiatedBy.user.ipAddress "
                   "callerIpAddress CallerIpAddress").function  # fmt: skip
_tenant = first("tenantId AADTenantId properties.tenantId").function
_resource = first("resourceId ResourceId").function
_agent = first("properties.userAgent userAgent UserAgent").function


def objects_at(view: View, places: tuple[Path, ...]) -> list[Mapping[str, Any]]:
    """The objects in the list at the first of the places that has one."""
    for place in places:
        found = First((place,), whole=True)(view)
        listed = found if isinstance(found, list) else [found]
        objects = [one for value in listed[:MAX_TARGETS] if isinstance(one := opened(value), Mapping)]
        if objects:
            return objects
    return []


def when(view: View) -> Any:
    """When it was done, as the entry writes it."""
    return chosen((text(_moment(view)), *(view.get(key) for key in ("time", "TimeGenerated", "@timestamp"))))


def occurred_us(view: View) -> int | None:
    """:func:`when` in microseconds since 1970."""
    return time_us(when(view))


def event_id(view: View) -> str | None:
    """Entra's own id of the event, which every shape carries."""
    return text(_event(view))


def actor(view: View) -> str | None:
    """The user's principal name, else the id of the user or service principal, else what names them."""
    return next((found for read in _actors if (found := text(read(view)))), None)


def outcome(view: View) -> str | None:
    """``success`` or ``failure``; None for what the log leaves open."""
    said = (text(_result(view)) or "").casefold()
    if said == "timeout":
        return "failure"
    return said if said in {"success", "failure"} else None


def caller_address(view: View) -> str | None:
    """Where the change came from, without a port; many events do not say."""
    return without_port(text(_addresses(view)))


def caller_ip(view: View) -> str | None:
    """As :func:`caller_address`, when it is an address."""
    return address(text(_addresses(view)))


def tenant(view: View) -> str | None:
    """The tenant, from its field or from the resource id."""
    found = text(_tenant(view))
    if found is None:
        before, _, rest = (text(_resource(view)) or "").partition("/tenants/")
        found = rest.partition("/")[0] if before == "" else None
    return found.casefold() if found else None


def user_agent(view: View) -> str | None:
    """Of the tool that made the change, where the details carry it."""
    return text(_agent(view)) or text(Detail("User-Agent")(view))


def message(view: View) -> list[str] | None:
    """What Sigma's rules call the message: the activity's name, also without blanks at its end and with plain dashes.

    Rules ask for ``properties.message`` as the portal shows it; no shape has such a field.
    """
    own = [one for one in values_at(view, ("properties", "message")) if isinstance(one, str)]
    name = text(_operation(view))
    if name is not None:
        own += [name, name.strip(), name.strip().replace("\u2013", "-")]
    return list(dict.fromkeys(own)) or None


def category(view: View) -> str | None:
    """``UserManagement`` and its like; the Event Hub's own category is the same for every event."""
    return text(entra("category").function(view))


def targets(view: View) -> list[str] | None:
    """What was changed: of each object its principal name, its name or its id."""
    names = ("userPrincipalName", "displayName", "id")
    found = (next((said for name in names if (said := text(one.get(name)))), None) for one in objects_at(view, TARGETS))
    return list(dict.fromkeys(one for one in found if one)) or None


def target_types(view: View) -> list[str] | None:
    """The kinds of the objects, as the log writes them and as the portal does: ServicePrincipal, Service Principal."""
    found: list[str] = []
    for one in objects_at(view, TARGETS):
        kind = text(one.get("type"))
        if kind is not None:
            spaced = "".join(f" {sign}" if sign.isupper() and at else sign for at, sign in enumerate(kind))
            found += [kind, spaced]
    return list(dict.fromkeys(found)) or None


@dataclass(frozen=True, slots=True)
class Detail:
    """A value of the additional details, a list of keys and values."""

    key: str

    def __call__(self, view: View) -> Any:
        """The value under the key, or None."""
        found = [one.get("value") for one in objects_at(view, DETAILS) if one.get("key") == self.key]
        return found[0] if len(found) == 1 else found or None

    def ways(self, view: View, value: object) -> Iterator[tuple[Path, object]]:
        """What makes it so, for examples: the list with this detail in it, and where the list lies."""
        others = [dict(one) for one in objects_at(view, DETAILS) if one.get("key") != self.key]
        yield ("properties", "additionalDetails"), [*others, {"key": self.key, "value": str(value)}]


@dataclass(frozen=True, slots=True)
class NewValue:
    """What a property was changed to: its JSON text without the quotes that Entra puts around it."""

    name: str

    def __call__(self, view: View) -> list[str] | None:
        """One text for each property of that name."""
        found = [
            value.strip('"')
            for target in objects_at(view, TARGETS)
            for one in _properties_of(target)
            if one.get("displayName") == self.name and isinstance(value := one.get("newValue"), str)
        ]
        return found or None

    def ways(self, view: View, value: object) -> Iterator[tuple[Path, object]]:
        """What makes it so, for examples: the list with this change in it, and where the list lies."""
        target = next(iter(objects_at(view, TARGETS)), {})
        others = [dict(one) for one in _properties_of(target) if one.get("displayName") != self.name]
        made = {"displayName": self.name, "oldValue": None, "newValue": f'"{value}"'}
        yield ("properties", "targetResources", "modifiedProperties"), [*others, made]


def _properties_of(target: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed = opened(target.get("modifiedProperties"))
    if isinstance(listed, list):
        yield from (one for one in listed if isinstance(one, Mapping))


@dataclass(frozen=True, slots=True)
class Numbered:
    """A value below the n-th changed object, or below the m-th property of it; numbers count from 0, as in Elastic."""

    target: int
    key: str
    changed: int | None = None

    def __call__(self, view: View) -> Any:
        """The value, or None."""
        found = objects_at(view, TARGETS)
        if self.target >= len(found):
            return None
        if self.changed is None:
            return found[self.target].get(self.key)
        listed = list(_properties_of(found[self.target]))
        return listed[self.changed].get(self.key) if self.changed < len(listed) else None
