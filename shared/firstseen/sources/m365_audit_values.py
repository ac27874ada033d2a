"""The computed values of a record of Microsoft 365's audit log, whichever shape it has. Every function is total.

The Management Activity API gives records with bags: lists of names and values. The table OfficeActivity has columns
with other names for some fields and the bags as JSON text; Microsoft Defender's stream wraps the record once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firstseen.sources.azure_addresses import address, without_port
from firstseen.sources.azure_places import First, first, opened, text
from firstseen.sources.azure_times import chosen, time_us
from firstseen.sources.source import Path, View

WRAPPED: Path = ("properties", "RawEventData")
"""Where Defender's CloudAppEvents keep the record."""

MAX_ITEMS = 1_000
"""Names and values of one bag that are looked at."""

COLUMNS: Mapping[str, str] = {
    "Workload": "OfficeWorkload",
    "Id": "OfficeId",
    "ObjectId": "OfficeObjectId",
    "CreationTime": "TimeGenerated",
    "ClientIP": "ClientIPAddress Client_IPAddress ActorIpAddress",
    "LogonType": "Logon_Type",
    "Site": "Site_",
}
"""What a field is called in OfficeActivity, or by other workloads."""


def places(name: str) -> str:
    """All places of a field, in a row; the first that has something counts."""
    top, dot, rest = name.partition(".")
    names = (top, *COLUMNS.get(top, "").split())
    return " ".join([f"{one}{dot}{rest}" for one in names] + [f"{'.'.join(WRAPPED)}.{name}"])


_operation = first(places("Operation")).function
_workload = first(places("Workload")).function
_identity = first(places("Id")).function
_user = first(places("UserId")).function
_key = first(places("UserKey")).function
_address = first(places("ClientIP")).function
_status = first(places("ResultStatus")).function
_object = first(places("ObjectId")).function
_agent = first(places("UserAgent")).function
_client = first(places("ClientInfoString")).function
_tenant = first(f"{places('OrganizationId')} OfficeTenantId tenantId").function

_FAILED = frozenset({"failed", "failure", "false", "error", "blocked"})
_OPEN = frozenset({"partiallysucceeded", "notdelivered", "timeout", "initial", "inprogress"})
_NOBODY = frozenset({"not available", "unknown", "app@sharepoint"})
_FAILURES = frozenset({"userloginfailed"})
"""Operations that say by their name that they failed; their status says whether the record was written."""


def when(view: View) -> Any:
    """When it was done: ``CreationTime``, in a table ``TimeGenerated``."""
    wrapped = opened(view.get("properties"))
    inner = opened(wrapped.get("RawEventData")) if isinstance(wrapped, Mapping) else None
    return chosen(
        (
            view.get("CreationTime"),
            inner.get("CreationTime") if isinstance(inner, Mapping) else None,
            view.get("TimeGenerated"),
            view.get("@timestamp"),
        )
    )


def occurred_us(view: View) -> int | None:
    """:func:`when` in microseconds since 1970; without a zone UTC is meant."""
    return time_us(when(view))


def event_id(view: View) -> str | None:
    """The record's id, which every shape carries."""
    return text(_identity(view))


def operation(view: View) -> str | None:
    """``Add-DistributionGroupMember``."""
    return text(_operation(view))


def action(view: View) -> str | None:
    """``Exchange:Add-DistributionGroupMember``."""
    name, workload = text(_operation(view)), text(_workload(view))
    return f"{workload}:{name}" if name and workload else name


def actor(view: View) -> str | None:
    """Who acted: the principal name of a user, the id of an application."""
    name = text(_user(view))
    if name is None or name.casefold() in _NOBODY:
        key = text(_key(view))
        return key if key is not None and key.casefold() not in _NOBODY else name
    return name


def outcome(view: View) -> str | None:
    """``success`` or ``failure``. A record without a status tells what was done."""
    if (text(_operation(view)) or "").casefold() in _FAILURES:
        return "failure"
    said = (text(_status(view)) or "").casefold()
    if said in _FAILED:
        return "failure"
    return None if said in _OPEN else "success"


def caller_address(view: View) -> str | None:
    """Where it came from, without a port and brackets."""
    return without_port(text(_address(view)))


def caller_ip(view: View) -> str | None:
    """As :func:`caller_address`, when it is an address."""
    return address(text(_address(view)))


def tenant(view: View) -> str | None:
    """The tenant; ``TenantId`` of a table is that of its workspace."""
    found = text(_tenant(view))
    return found.casefold() if found else None


def resource(view: View) -> str | None:
    """What it was done to: the object, else what a cmdlet was told to work on."""
    return text(_object(view)) or text(Bag("Parameters", "Identity")(view))


def _items(view: View, bag: str) -> Iterator[Mapping[str, Any]]:
    """The names and values of a bag, as objects; a bag may be a map already."""
    for place in ((bag,), (*WRAPPED, bag)):
        found = First((place,), whole=True)(view)
        if isinstance(found, Mapping) and "Name" not in found:
            yield from ({"Name": name, "Value": value, "NewValue": value} for name, value in found.items())
            return
        listed = found if isinstance(found, list) else [found]
        objects = [one for value in listed[:MAX_ITEMS] if isinstance(one := opened(value), Mapping)]
        if objects:
            yield from objects
            return


def _texts(value: Any) -> Iterator[Any]:
    """The value; the elements of a list, also of one that is written as JSON text."""
    read = opened(value)
    if isinstance(read, list):
        yield from (one for one in read if one is not None and not isinstance(one, Mapping | list))
    elif value is not None and not isinstance(value, Mapping):
        yield value


@dataclass(frozen=True, slots=True)
class Bag:
    """A value of a bag by its name; several where the name is repeated.

    ``part``: ``Value``, or ``NewValue`` and ``OldValue`` of a changed property.
    """

    bag: str
    name: str
    part: str = "Value"

    def __call__(self, view: View) -> Any:
        """The value, or a list of them; None when the name is not there."""
        found = [
            one
            for item in _items(view, self.bag)
            if item.get("Name") == self.name
            for one in _texts(item.get(self.part))
        ]
        return found[0] if len(found) == 1 else found or None

    def ways(self, view: View, value: object) -> Iterator[tuple[Path, object]]:
        """What makes it so, for examples: the bag with this item in it."""
        others = [dict(one) for one in _items(view, self.bag) if one.get("Name") != self.name]
        mine = next((dict(one) for one in _items(view, self.bag) if one.get("Name") == self.name), {"Name": self.name})
        yield (self.bag,), [*others, {**mine, self.part: str(value)}]


@dataclass(frozen=True, slots=True)
class UserAgent:
    """The program: of a sign-in among the extended properties, of Exchange what its client says of itself."""

    def __call__(self, view: View) -> str | None:
        """The program, or None."""
        return text(_agent(view)) or text(Bag("ExtendedProperties", "UserAgent")(view)) or text(_client(view))

    def ways(self, _view: View, value: object) -> Iterator[tuple[Path, object]]:
        """Where SharePoint and Teams have it, for examples."""
        yield ("UserAgent",), value
