"""The computed values of a sign-in, whichever shape it has. Every function is total."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from firstseen.sources.azure_addresses import address, without_port
from firstseen.sources.azure_entra import entra
from firstseen.sources.azure_places import first, text
from firstseen.sources.azure_times import chosen, time_us
from firstseen.sources.source import View

OPERATION = "Sign-in activity"
"""What the Event Hub calls every sign-in; Graph names none."""

_created = entra("createdDateTime").function
_sign_in_id = entra("id").function
_code = first("resultType properties.status.errorCode status.errorCode ResultType Status.errorCode").function
_protocol = entra("authenticationProtocol").function
_reason = first("resultDescription properties.status.failureReason status.failureReason ResultDescription").function
_addresses = first("callerIpAddress properties.ipAddress ipAddress IPAddress").function
_user = entra("userPrincipalName").function
_actors = tuple(entra(name).function for name in ("userPrincipalName", "userId", "servicePrincipalId", "appId"))
_event_types = entra("signInEventTypes").function
_interactive = entra("isInteractive").function

_KINDS = {
    "nonInteractiveUser": "NonInteractiveUserSignInLogs",
    "servicePrincipal": "ServicePrincipalSignInLogs",
    "managedIdentity": "ManagedIdentitySignInLogs",
}
_TABLES = {
    "signinlogs": "SignInLogs",
    "aadnoninteractiveusersigninlogs": "NonInteractiveUserSignInLogs",
    "aadserviceprincipalsigninlogs": "ServicePrincipalSignInLogs",
    "aadmanagedidentitysigninlogs": "ManagedIdentitySignInLogs",
    "adfssigninlogs": "ADFSSignInLogs",
}
_PROTOCOLS = {"deviceCode": "Device Code", "ropc": "ROPC", "authenticationTransfer": "Authentication transfer"}


def when(view: View) -> Any:
    """When the sign-in was begun, as the entry writes it; ``time`` may be when it was sent on."""
    return chosen((text(_created(view)), *(view.get(key) for key in ("time", "TimeGenerated", "@timestamp"))))


def result(view: View) -> str | None:
    """The error code as text: ``0`` is success."""
    return text(_code(view))


def outcome(view: View) -> str:
    """``success`` or ``failure``; as in Elastic, a sign-in without a code is a success."""
    return "success" if result(view) in {None, "0"} else "failure"


def said(view: View) -> list[str]:
    """The outcome in the words of Sigma's rules, and any text that stands in its place."""
    return ["Success"] if outcome(view) == "success" else ["Failure", "Failed"]


def suggested_result(value: object) -> Iterable[str]:
    """Codes that lead to an outcome."""
    return ("0",) if str(value).casefold() == "success" else ("50126",)


def operation(view: View) -> str:
    """``Sign-in activity``, or what the entry says."""
    return text(view.get("operationName")) or text(view.get("OperationName")) or OPERATION


def activity(view: View) -> list[str]:
    """:func:`operation`, and what the portal calls it."""
    return [operation(view), "Sign-ins"]


def category(view: View) -> str:
    """Which of the four sign-in logs; the Event Hub says so, Log Analytics by the table, Graph by its event types."""
    found = text(view.get("category")) or text(view.get("Category"))
    if found:
        return found
    table = _TABLES.get((text(view.get("Type")) or "").casefold())
    if table:
        return table
    kinds = _event_types(view)
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if isinstance(kind, str) and kind in _KINDS:
            return _KINDS[kind]
    return "NonInteractiveUserSignInLogs" if _interactive(view) is False else "SignInLogs"


def message(view: View) -> list[str] | None:
    """What Sigma's rules call the message: the protocol in words, the reason of a failure."""
    protocol = text(_protocol(view))
    found = [_PROTOCOLS.get(protocol, protocol)] if protocol else []
    reason = text(_reason(view))
    return [*found, *([reason] if reason else [])] or None


def suggested_message(value: object) -> Iterable[str]:
    """What the log calls a protocol that rules name in words."""
    return [name for name, words in _PROTOCOLS.items() if words.casefold() == str(value).casefold()]


def actor(view: View) -> str | None:
    """The user's principal name, else the id of the user, the service principal or the application."""
    return next((found for read in _actors if (found := text(read(view)))), None)


def caller_address(view: View) -> str | None:
    """Where the sign-in came from, without a port."""
    return without_port(text(_addresses(view)))


def caller_ip(view: View) -> str | None:
    """As :func:`caller_address`, when it is an address."""
    return address(text(_addresses(view)))


def user_name(view: View) -> str | None:
    """What stands before the ``@`` of the user's principal name."""
    return (text(_user(view)) or "").partition("@")[0] or None


def user_domain(view: View) -> str | None:
    """What stands behind the ``@`` of the user's principal name."""
    return (text(_user(view)) or "").partition("@")[2] or None


def event_id(view: View) -> str | None:
    """The sign-in's id and its error code: an interrupted sign-in may come again, under its id, with its end."""
    found = text(_sign_in_id(view))
    return None if found is None else f"{found}:{result(view) or '0'}"


def occurred_us(view: View) -> int | None:
    """:func:`when` in microseconds since 1970."""
    return time_us(when(view))
