"""What the fields of Okta's System Log are called: by Okta, by Elastic, and in the common vocabulary.

Some collectors write the names of the outermost fields in small letters (``eventtype``, ``debugcontext``). A name means
the same value in either.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import okta_system_values as values
from firstseen.sources.azure_entra import snake
from firstseen.sources.azure_places import Names, below, computed, constant, first, rows
from firstseen.sources.source import Accessor

_ACTOR = computed("actor", values.actor)
_TYPE = first(values.TYPES)
_OUTCOME = computed("outcome", values.outcome)
_ADDRESS = computed("client request", values.caller_address)
_WHEN = computed("published @timestamp", values.when)
_TARGET = computed("target", values.resource)
_AGENT = first("client.userAgent.rawUserAgent")
_NOTHING: Accessor = computed("", lambda _view: None)
"""The log says neither which organization it is of nor where that lies."""

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": _ACTOR,
        "action": _TYPE,
        "outcome": _OUTCOME,
        "source.ip": _ADDRESS,
        "account": _NOTHING,
        "region": _NOTHING,
        "resource": _TARGET,
        "user_agent": _AGENT,
        "time": _WHEN,
        "id": first("uuid"),
    }
)

_DEBUG = (
    "behaviors", "risk", "riskLevel", "deviceFingerprint", "dtHash", "requestId", "requestUri", "threatSuspected",
    "url", "factor", "privilegeGranted", "logOnlySecurityData", "origin", "promptingPolicyTypes", "threatDetections",
)  # fmt: skip
_ELASTIC = {
    "": "uuid eventType version severity displayMessage",
    "actor": "id type alternateId displayName",
    "client": "zone device id",
    "client.userAgent": "rawUserAgent os browser",
    "outcome": "reason result",
    "target": "id type alternateId displayName",
    "transaction": "id type",
    "debugContext.debugData": " ".join(_DEBUG),
    "authenticationContext": "authenticationProvider authenticationStep credentialProvider credentialType interface "
    "externalSessionId rootSessionId issuer",
}
"""Objects and their fields that Elastic has below ``okta.`` under the same names in snake case."""

_OPEN = ("debugContext", "securityContext", "authenticationContext")


def _both(name: str) -> Accessor:
    """A field whose outermost name may stand in small letters."""
    top, dot, rest = name.partition(".")
    return first(" ".join(dict.fromkeys((name, f"{top.lower()}{dot}{rest}"))))


def _elastic() -> dict[str, Accessor]:
    found: dict[str, Accessor] = {}
    for prefix, names in _ELASTIC.items():
        for name in names.split():
            whole = f"{prefix}.{name}" if prefix else name
            found[f"okta.{snake(whole)}"] = _both(whole)
    return found


_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": _WHEN,
        "event.dataset": constant("okta.system"),
        "data_stream.dataset": constant("okta.system"),
        "event.module": constant("okta"),
        "event.kind": constant("event"),
        "event.action": _TYPE,
        "event.id": first("uuid"),
        "event.outcome": _OUTCOME,
        "event.reason": first("outcome.reason"),
        "user.id": first("actor.id"),
        "user.name": _ACTOR,
        "user.email": first("actor.alternateId"),
        "user.full_name": first("actor.displayName"),
        "client.ip": computed("client request", values.caller_ip),
        "client.user.id": first("actor.id"),
        "client.user.name": _ACTOR,
        "client.user.full_name": first("actor.displayName"),
        "source.address": _ADDRESS,
        "source.ip": computed("client request", values.caller_ip),
        "source.domain": _both("securityContext.domain"),
        "source.user.id": first("actor.id"),
        "source.user.name": _ACTOR,
        "source.as.number": _both("securityContext.asNumber"),
        "source.as.organization.name": _both("securityContext.asOrg"),
        "source.geo.country_name": first("client.geographicalContext.country"),
        "source.geo.region_name": first("client.geographicalContext.state"),
        "source.geo.city_name": first("client.geographicalContext.city"),
        "user_agent.original": _AGENT,
        **_elastic(),
        "okta.client.ip": _ADDRESS,
        "okta.security_context.as.number": _both("securityContext.asNumber"),
        "okta.security_context.as.organization.name": _both("securityContext.asOrg"),
        "okta.security_context.domain": _both("securityContext.domain"),
        "okta.security_context.is_proxy": _both("securityContext.isProxy"),
        "okta.security_context.isp": _both("securityContext.isp"),
    }
)

NAMES = Names(
    _ECS,
    {
        **rows("""
        eventType eventtype
        displayMessage displaymessage
        legacyEventType legacyeventtype
        """),
        "targets": _TARGET,
    },
    {
        **{f"{name}.": below((name,), (name.lower(),)) for name in _OPEN},
        **{f"{name.lower()}.": below((name,), (name.lower(),)) for name in _OPEN},
        "okta.debug_context.debug_data.flattened.": below(("debugContext", "debugData"), ("debugcontext", "debugData")),
    },
)
"""Elastic's names; Okta's own where there are two spellings; ``targets``, what it was done to."""

_CONTEXT = "geographicalContext geographicalContext."

KNOWN_FIELDS = frozenset((
    "uuid", "published", "version", "severity", "client", "client.ipAddress", "client.zone", "client.device",
    "client.id", "client.userAgent", "outcome", "outcome.result", "outcome.reason", "target", "transaction", "request",
    "request.ipChain", "device", "device.",
    *(f"actor.{name}" for name in ("id", "type", "alternateId", "displayName", "detailEntry", "detailEntry.")),
    *(f"target.{name}" for name in (
        "id", "type", "alternateId", "displayName", "detailEntry", "detailEntry.", "changeDetails", "changeDetails.",
    )),
    *(f"client.userAgent.{name}" for name in ("rawUserAgent", "os", "browser")),
    *(f"client.{name}" for name in _CONTEXT.split()),
    *(f"request.ipChain.{name}" for name in ("ip", "version", "source", *_CONTEXT.split())),
    "transaction.id", "transaction.type", "transaction.detail", "transaction.detail.",
))  # fmt: skip
"""Fields with a single spelling. ``actor`` alone is the common name: who acted, not the object."""
