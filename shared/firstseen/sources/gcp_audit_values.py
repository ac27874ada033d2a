"""The computed values of an entry of Google Cloud's audit logs. Every function is total."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firstseen.sources.azure_addresses import address, without_port
from firstseen.sources.azure_places import first, text
from firstseen.sources.source import Path, View
from firstseen.sources.times import read_time
from firstseen.sources.yes_no import is_no, is_yes

LOG = "cloudaudit.googleapis.com"
"""In the name of every audit log: ``projects/payments/logs/cloudaudit.googleapis.com%2Factivity``."""

SERVICE = ".googleapis.com"

_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
"""Names of gRPC's status codes, by number."""

_VERSION = re.compile(r"v\d{1,2}(?:(?:alpha|beta|p)\d{0,2}){0,2}|alpha|beta", re.ASCII)
_PLACE = re.compile(r"/(?:zones|regions|locations)/([a-z0-9-]{1,40})(?:/|$)", re.ASCII)
_REGION = re.compile(r"([a-z]{2,20}-[a-z]{2,20}\d{1,2})(?:-[a-z])?", re.ASCII)
_SHORT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_OWNER = re.compile(r"(projects|folders|organizations|billingAccounts)/([^/]{1,120})/", re.ASCII)
_PROJECT = re.compile(r"projects/([^/]{1,120})/", re.ASCII)
_MAX_WORDS = 20
_UNIT = "\x1f"

_email_of = first("protoPayload.authenticationInfo.principalEmail").function
_subject_of = first("protoPayload.authenticationInfo.principalSubject").function
_method_of = first("protoPayload.methodName").function
_service_of = first("protoPayload.serviceName").function
_resource_of = first("protoPayload.resourceName").function
_address_of = first("protoPayload.requestMetadata.callerIp protoPayload.requestMetadata.callerIP").function
_code_of = first("protoPayload.status.code").function
_message_of = first("protoPayload.status.message").function
_type_of = first("protoPayload.request.machineType").function
_image_of = first(
    "protoPayload.request.disks.initializeParams.sourceImage "
    "protoPayload.request.disks.initializeParams.sourceSnapshot "
    "protoPayload.request.disks.source"
).function
_granted_of = first("protoPayload.authorizationInfo.granted").function
_project_of = first("resource.labels.project_id").function
_place_of = first(
    "resource.labels.zone resource.labels.region resource.labels.location "
    "protoPayload.resourceLocation.currentLocations"
).function


def actor(view: View) -> str | None:
    """Who acted: the address of the user or service account; of an identity from another provider its subject."""
    return text(_email_of(view)) or text(_subject_of(view))


def action(view: View) -> str | None:
    """``compute:instances.insert`` of ``v1.compute.instances.insert``, ``iam:CreateServiceAccountKey`` of
    ``google.iam.admin.v1.CreateServiceAccountKey``: without versions, so that each of them is one call.
    """
    method = text(_method_of(view))
    service = (text(_service_of(view)) or "").removesuffix(SERVICE)
    if method is None:
        return None
    call = _call(method, service)
    return f"{service}:{call}" if service else call


def _call(method: str, service: str) -> str:
    words = method.split(".", _MAX_WORDS)
    if any(word[:1].isupper() for word in words):  # of a service as gRPC has them: AdminService.assignRole
        return words[-1]
    left = [word for word in words[:-1] if not _VERSION.fullmatch(word)]
    if left and left[0] == service:
        left.pop(0)
    return ".".join((*left, words[-1]))


def suggested_method(value: object) -> tuple[str, ...]:
    """The method that an action is made of."""
    service, found, call = str(value).partition(":")
    return (f"v1.{service}.{call}",) if found and call[:1].islower() else (call or service,)


def failed(view: View) -> bool:
    """Whether the call was refused or went wrong: a status code above 0, or a permission that was not there."""
    code = _code_of(view)
    if code is not None and text(code) not in {None, "0", "OK"}:
        return True
    granted = _granted_of(view)
    return any(map(is_no, granted if isinstance(granted, list) else [granted]))


def begins(view: View) -> bool:
    """Whether the entry tells of a start only, the end of which comes in another."""
    operation = view.get("operation")
    if not isinstance(operation, Mapping):
        return False
    return is_yes(operation.get("first")) and not is_yes(operation.get("last"))


def outcome(view: View) -> str | None:
    """``success`` or ``failure``; None for what only began."""
    if failed(view):
        return "failure"
    return None if begins(view) else "success"


def accepted(view: View) -> str:
    """As :func:`outcome`, where what only began counts as success: it was let through."""
    return "failure" if failed(view) else "success"


def suggested_code(value: object) -> tuple[str, ...]:
    """The status code that leads to an outcome."""
    return ("0",) if value == "success" else ("7",)


def error(view: View) -> str | None:
    """The name of the status code, ``PERMISSION_DENIED``, and what was said of it."""
    code, said = text(_code_of(view)), text(_message_of(view))
    number = int(code) if code and code.isdecimal() and len(code) < _MAX_WORDS else 0
    name = _CODES[number] if 0 < number < len(_CODES) else code
    return ": ".join(part for part in (name, said) if part) or None


def caller_address(view: View) -> str | None:
    """Where the call came from, without a port: an address, or ``private`` and ``gce-internal-ip`` within the cloud."""
    return without_port(text(_address_of(view)))


def caller_ip(view: View) -> str | None:
    """As :func:`caller_address`, when it is an address."""
    return address(caller_address(view))


def account(view: View) -> str | None:
    """The project whose log it is; of an organization, folder or billing account ``organizations/1234``."""
    name = view.get("logName")
    found = _OWNER.match(name) if isinstance(name, str) else None
    if found is None:
        return text(_project_of(view))
    return found[2] if found[1] == "projects" else f"{found[1]}/{found[2]}"


def project(view: View) -> str | None:
    """The project of what was acted upon, else that of the log."""
    said = text(_project_of(view))
    if said:
        return said
    owner = account(view)
    return None if owner is None or "/" in owner else owner


def region(view: View) -> str | None:
    """``europe-west1`` of the zone ``europe-west1-b``; None of what lies nowhere (``global``)."""
    places = _place_of(view)
    named = _PLACE.search(text(_resource_of(view)) or "")
    for one in (*(places if isinstance(places, list) else [places]), named and named[1]):
        found = _REGION.fullmatch(one) if isinstance(one, str) else None
        if found is not None:
            return found[1]
    return None


def machine_type(view: View) -> str | None:
    """``e2-standard-2`` of the request, without the zone that stands before it."""
    return (text(_type_of(view)) or "").rpartition("/")[2] or None


def image_project(view: View) -> Any:
    """The projects, one or a list, that a machine's disks come from: ``debian-cloud``."""
    named = _image_of(view)
    found = (_PROJECT.search(one) for one in (named if isinstance(named, list) else [named]) if isinstance(one, str))
    listed = list(dict.fromkeys(one[1] for one in found if one is not None))
    return listed[0] if len(listed) == 1 else listed or None


def suggested_image(value: object) -> tuple[str, ...]:
    """An image of a project."""
    return (f"projects/{value}/global/images/image-1",)


def event_id(view: View) -> str | None:
    """Equal for copies: Google Cloud holds entries of one log with one ``insertId`` and time for one entry."""
    insert = view.get("insertId")
    if not isinstance(insert, str) or not insert:
        return None
    time = read_time(view.get("timestamp"))
    name = view.get("logName")
    written = _UNIT.join((insert, "" if time is None else str(time.us), name if isinstance(name, str) else ""))
    return _marked(insert, written)


def operation_id(view: View) -> str | None:
    """Equal for the start and the end of one operation: its id, its producer and the call."""
    operation = view.get("operation")
    found = text(operation.get("id")) if isinstance(operation, Mapping) else None
    if found is None or not isinstance(operation, Mapping):
        return None
    return _marked(found, _UNIT.join((found, text(operation.get("producer")) or "", action(view) or "")))


def _marked(name: str, written: str) -> str:
    digest = hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{name}:{digest}" if _SHORT_ID.fullmatch(name) else digest


def _payload(view: View, *path: str) -> Any:
    found: Any = view.get("protoPayload")
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


@dataclass(frozen=True, slots=True)
class Bound:
    """Roles or members in the changes of a policy (``bindingDeltas``) that were added, or removed."""

    part: str
    act: str

    def __call__(self, view: View) -> Any:
        """The value, or a list of them; None where nothing was."""
        found: dict[str, None] = {}
        for holder in ("serviceData", "metadata"):
            deltas = _payload(view, holder, "policyDelta", "bindingDeltas")
            for one in deltas if isinstance(deltas, list) else ():
                if isinstance(one, Mapping) and str(one.get("action")).upper() == self.act:
                    told = text(one.get(self.part))
                    if told:
                        found[told] = None
        listed = list(found)
        return listed[0] if len(listed) == 1 else listed or None

    def ways(self, view: View, value: object) -> Iterator[tuple[Path, object]]:
        """Where it stands, for examples: beside what an earlier question has put there."""
        deltas = _payload(view, "serviceData", "policyDelta", "bindingDeltas")
        here = deltas[0] if isinstance(deltas, list) and deltas and isinstance(deltas[0], Mapping) else {}
        made = {"action": self.act, **{key: here[key] for key in ("role", "member") if key in here}, self.part: value}
        yield ("protoPayload", "serviceData", "policyDelta", "bindingDeltas"), [made]


_DELTAS = ("instanceMetadataDelta", "projectMetadataDelta")
_CHANGES = ("addedMetadataKeys", "modifiedMetadataKeys")


@dataclass(frozen=True, slots=True)
class MetadataKeys:
    """The keys of the metadata of a machine or a project that were added or changed: ``startup-script``, ``ssh-keys``.

    The log leaves their values out.
    """

    def __call__(self, view: View) -> Any:
        """The key, or a list of them; None where none was."""
        found: dict[str, None] = {}
        for delta in _DELTAS:
            for change in _CHANGES:
                keys = _payload(view, "metadata", delta, change)
                found.update(dict.fromkeys(one for one in (keys if isinstance(keys, list) else ()) if text(one)))
        listed = list(found)
        return listed[0] if len(listed) == 1 else listed or None

    def ways(self, _view: View, value: object) -> Iterator[tuple[Path, object]]:
        """Where it stands, for examples."""
        yield ("protoPayload", "metadata", _DELTAS[0], _CHANGES[0]), [value]
