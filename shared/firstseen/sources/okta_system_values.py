"""The computed values of an event of Okta's System Log. Every function is total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from firstseen.sources.azure_addresses import address, without_port
from firstseen.sources.azure_places import first, opened, text
from firstseen.sources.source import View
from firstseen.sources.times import read_time

MAX_TARGETS = 1_000
"""Objects of one event that are looked at one by one."""

NOBODY = frozenset({"unknown", "null", "-"})
"""What Okta writes where a name is not known."""

_OUTCOMES = {"success": "success", "allow": "success", "failure": "failure", "deny": "failure"}
"""By the result, folded. CHALLENGE, SKIPPED and UNKNOWN are neither."""

TYPES = "eventType eventtype"
_type = first(TYPES).function
_address = first("client.ipAddress request.ipChain.ip").function
_result = first("outcome.result").function


def when(view: View) -> Any:
    """When it was done, as the event writes it."""
    found = view.get("published")
    return view.get("@timestamp") if found is None else found


def time_us(view: View) -> int | None:
    """:func:`when` in microseconds since 1970; without a zone UTC is meant."""
    found = read_time(when(view))
    return None if found is None else found.us


def event_type(view: View) -> str | None:
    """``user.session.start``."""
    return text(_type(view))


def _named(value: Any) -> str | None:
    found = text(value)
    return None if found is None or found.casefold() in NOBODY else found


def _who(one: Mapping[str, Any]) -> str | None:
    """The sign-in name, else the id, else what it is called."""
    return next((found for key in ("alternateId", "id", "displayName") if (found := _named(one.get(key)))), None)


def actor(view: View) -> str | None:
    """Who acted: the sign-in name of a user, the id of an application."""
    found = opened(view.get("actor"))
    return _who(found) if isinstance(found, Mapping) else None


def outcome(view: View) -> str | None:
    """``success`` or ``failure``; None for what is still open, a challenge for instance."""
    return _OUTCOMES.get((text(_result(view)) or "").casefold())


def caller_address(view: View) -> str | None:
    """Where it came from; Okta's own doings have none."""
    return without_port(text(_address(view)))


def caller_ip(view: View) -> str | None:
    """As :func:`caller_address`, when it is an address."""
    return address(text(_address(view)))


def _targets(view: View) -> Iterator[Mapping[str, Any]]:
    found = opened(view.get("target"))
    for value in (found if isinstance(found, list) else [found])[:MAX_TARGETS]:
        one = opened(value)
        if isinstance(one, Mapping):
            yield one


def resource(view: View) -> str | list[str] | None:
    """What it was done to: of each target its sign-in name, its name or its id."""
    keys = ("alternateId", "displayName", "id")
    said = (next((found for key in keys if (found := _named(one.get(key)))), None) for one in _targets(view))
    listed = list(dict.fromkeys(one for one in said if one))
    return listed[0] if len(listed) == 1 else listed or None
