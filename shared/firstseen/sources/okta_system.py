"""The log source ``okta.system``: the System Log of an Okta organization, as its interface and EventBridge give it."""

from __future__ import annotations

import re
from types import MappingProxyType

from firstseen.sources import okta_system_values as values
from firstseen.sources.okta_system_names import COMMON_NAMES, KNOWN_FIELDS, NAMES
from firstseen.sources.source import Source, View
from firstseen.sources.times import read_time

_TYPE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+", re.ASCII)
"""``user.session.start``. CloudTrail has an ``eventType``, too: AwsApiCall."""


def recognise(view: View) -> bool:
    """True for an event of the System Log: a dotted type, and who, what for or when beside it."""
    for key in ("eventType", "eventtype"):
        found = view.get(key)
        if isinstance(found, str) and _TYPE.fullmatch(found):
            return (
                len(view) == 1 or "published" in view or ("actor" in view and ("outcome" in view or "target" in view))
            )
    return False


def event_id(view: View) -> str | None:
    """``uuid``."""
    found = view.get("uuid")
    return found if isinstance(found, str) and found else None


def remarks(view: View) -> tuple[str, ...]:
    """What is odd: nobody who acted, a time without a zone."""
    found = []
    if values.actor(view) is None:
        found.append("no actor: rules that ask who acted cannot match")
    said = values.when(view)
    time = read_time(said)
    if time is not None and not time.zoned and isinstance(said, str):
        found.append("the time names no zone: taken as UTC")
    return tuple(found)


_PLACE = {
    "city": "Frankfurt am Main",
    "state": "Hesse",
    "country": "Germany",
    "postalCode": "60313",
    "geolocation": {"lat": 50.11, "lon": 8.68},
}

SAMPLE: View = {
    "actor": {
        "id": "00uexampleada0000001",
        "type": "User",
        "alternateId": "ada@contoso.example",
        "displayName": "Ada",
        "detailEntry": None,
    },
    "client": {
        "userAgent": {
            "rawUserAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
            "os": "Windows 10",
            "browser": "CHROME",
        },
        "zone": "null",
        "device": "Computer",
        "id": None,
        "ipAddress": "198.51.100.24",
        "geographicalContext": _PLACE,
    },
    "device": None,
    "authenticationContext": {
        "authenticationProvider": None,
        "credentialProvider": None,
        "credentialType": None,
        "issuer": None,
        "interface": None,
        "authenticationStep": 0,
        "rootSessionId": "idxExampleSession0001",
        "externalSessionId": "idxExampleSession0001",
    },
    "displayMessage": "User login to Okta",
    "eventType": "user.session.start",
    "outcome": {"result": "SUCCESS", "reason": None},
    "published": "2026-03-02T09:15:02.281Z",
    "securityContext": {
        "asNumber": 64500,
        "asOrg": "example carrier",
        "isp": "example carrier",
        "domain": "carrier.example",
        "isProxy": False,
    },
    "severity": "INFO",
    "debugContext": {
        "debugData": {
            "requestId": "aExampleRequest000001",
            "requestUri": "/idp/idx/identify",
            "url": "/idp/idx/identify?",
            "deviceFingerprint": "0123456789abcdef0123456789abcdef",
            "threatSuspected": "false",
            "risk": "{level=LOW}",
            "behaviors": "{New Geo-Location=NEGATIVE, New Device=NEGATIVE, New IP=NEGATIVE, New Country=NEGATIVE}",
        },
    },
    "legacyEventType": "core.user_auth.login_success",
    "transaction": {"type": "WEB", "id": "aExampleRequest000001", "detail": {}},
    "uuid": "0b8c2d41-15f7-11f1-9c3e-0d5f2a6b7c81",
    "version": "0",
    "request": {"ipChain": [{"ip": "198.51.100.24", "geographicalContext": _PLACE, "version": "V4", "source": None}]},
    "target": [
        {
            "id": "00uexampleada0000001",
            "type": "User",
            "alternateId": "ada@contoso.example",
            "displayName": "Ada",
            "detailEntry": None,
        },
    ],
}

OKTA_SYSTEM = Source(
    name="okta.system",
    logsource=MappingProxyType({"product": "okta", "service": "okta"}),
    dataset="okta.system",
    provider="Okta",
    index=("eventType",),
    required=("eventType", "published", "uuid"),
    recognise=recognise,
    event_id=event_id,
    # Not the transaction: one may hold many events, and each counts.
    operation_id=event_id,
    time=values.time_us,
    common=COMMON_NAMES,
    ecs=NAMES,
    # People are written as they typed their name.
    caseless=frozenset({"actor", "resource", "targets", "user.name", "user.email"}),
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='published as in "2026-03-02T09:15:02.281Z"',
)
