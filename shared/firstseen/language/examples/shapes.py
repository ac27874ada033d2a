"""Examples in the shape of real events: what the sample says about its own call gives way to what the rule asks for.

Each log says some things more than once. Here the others follow the one that the search has set; where the rule asks
for one of them, too, the caller keeps the event as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from firstseen.language.examples.places import put, value_at
from firstseen.sources.source import Path, Source, View
from firstseen.sources.yandex_audit_values import PREFIX

_PROVIDERS = "/PROVIDERS/"
_METHODS = frozenset(("write", "delete", "action", "read"))


def follows(source: Source) -> bool:
    """Whether what is said of the call is known here, so that nothing has to be left out of its events."""
    return source.name in _FOLLOW


def shaped(view: View, source: Source) -> Iterator[View]:
    """The event with everything following, then with less."""
    for follow in _FOLLOW.get(source.name, ()):
        made = follow(view, source.sample)
        if made != view:
            yield made


def _told(view: View, sample: View, said: Mapping[Path, Any]) -> View:
    """The event with these values where it still has the sample's."""
    for path, value in said.items():
        if value_at(view, path) == value_at(sample, path):
            view = put(view, path, value)
    return view


def _operation(view: View, sample: View) -> View:
    """Of the Activity Log: its authorization and its resource follow the operation."""
    view = _authorized(view, sample)
    operation, resource = view.get("operationName"), view.get("resourceId")
    if not isinstance(operation, str) or not isinstance(resource, str):
        return view
    scope, found, usual = resource.partition(_PROVIDERS)
    tail = _resource_of(operation)
    fixed = not found or usual != str(sample["resourceId"]).partition(_PROVIDERS)[2]
    if fixed or not tail or usual.upper().startswith(tail.upper().rpartition("/")[0]):
        return view
    return put(view, ("resourceId",), f"{scope}{_PROVIDERS}{tail}")


def _resource_of(operation: str) -> str:
    """``MICROSOFT.COMPUTE/DISKS/BEGINGETACCESS/ACTION`` is done to a ``MICROSOFT.COMPUTE/DISKS/DISK-01``."""
    provider, *types = operation.split("/")
    if types and types[-1].lower() in _METHODS:
        method = types.pop().lower()
        if method == "action" and len(types) > 1:
            types.pop()  # the action's own name
    return "/".join((provider, *(f"{one}/{one.upper().removesuffix('S')}-01" for one in types))) if types else ""


def _authorized(view: View, sample: View) -> View:
    operation = view.get("operationName")
    if operation == sample["operationName"]:
        return view
    said: dict[Path, Any] = {("identity", "authorization", "action"): operation, ("properties", "message"): operation}
    return _told(view, sample, said)


def _scoped(view: View, sample: View) -> View:
    """Of the Activity Log: what is said of the resource follows its id."""
    view = _operation(view, sample)
    resource = view.get("resourceId")
    if resource == sample["resourceId"]:
        return view
    return _told(view, sample, {("identity", "authorization", "scope"): resource, ("properties", "entity"): resource})


def _signed_in(view: View, sample: View) -> View:
    """Of a sign-in: the status follows the code."""
    code = view.get("resultType")
    if code == sample["resultType"] or not str(code).isdecimal():
        return view
    reason = "" if str(code) == "0" else value_at(view, ("resultDescription",))
    return _told(
        view,
        sample,
        {
            ("properties", "status"): {"errorCode": int(str(code)), "failureReason": reason or "Other."},
            ("resultDescription",): reason,
            ("properties", "authenticationDetails"): [],
        },
    )


def _changed(view: View, sample: View) -> View:
    """Of an audit event: the activity follows the operation."""
    return _told(view, sample, {("properties", "activityDisplayName"): view.get("operationName")})


def _typed(view: View, sample: View) -> View:
    """Of Audit Trails: the service follows the type of the event, and what the sample says of its own call goes."""
    view = _served(view, sample)
    if view.get("event_type") == sample["event_type"]:
        return view
    usual, details = sample["details"], view.get("details")
    if isinstance(details, Mapping):
        kept = {name: value for name, value in details.items() if name not in usual or usual[name] != value}
        view = put(view, ("details",), kept)
    return _told(view, sample, {("request_parameters",): {}, ("response",): {}})


def _served(view: View, sample: View) -> View:
    service = str(view.get("event_type")).removeprefix(f"{PREFIX}audit.").partition(".")[0]
    return _told(view, sample, {("event_source",): service})


def _called(view: View, sample: View) -> View:
    """Of Google Cloud: the service follows the method, and what the sample says of its own call goes."""
    view = _serviced(view, sample)
    method = ("protoPayload", "methodName")
    if value_at(view, method) == value_at(sample, method):
        return view
    request, usual = value_at(view, ("protoPayload", "request")), sample["protoPayload"]["request"]
    if isinstance(request, Mapping):
        kept = {name: value for name, value in request.items() if usual.get(name) != value}
        view = put(view, ("protoPayload", "request"), kept)
    said: dict[Path, Any] = {("protoPayload", "response"): {}, ("protoPayload", "authorizationInfo"): []}
    return _told(view, sample, said)


def _serviced(view: View, sample: View) -> View:
    """``google.iam.admin.v1.CreateRole`` is a call of ``iam.googleapis.com``; the sample's service is compute."""
    words = str(value_at(view, ("protoPayload", "methodName"))).split(".")
    named = [word for word in words[:-1] if word not in _BEFORE_SERVICES]
    if not named:
        return view
    return _told(view, sample, {("protoPayload", "serviceName"): f"{named[0]}.googleapis.com"})


_BEFORE_SERVICES = frozenset(("google", "cloud", "devtools", "api", "v1", "beta", "alpha", ""))

_FOLLOW: Mapping[str, tuple[Callable[[View, View], View], ...]] = MappingProxyType(
    {
        "azure.activitylogs": (_scoped, _operation, _authorized),
        "azure.signinlogs": (_signed_in,),
        "azure.auditlogs": (_changed,),
        "yandex.audit": (_typed, _served),
        "gcp.audit": (_called, _serviced),
    }
)
"""By the name of the log source, the most first."""
