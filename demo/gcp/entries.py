"""Entries of Cloud Audit Logs (LogEntry with an AuditLog in it): a call, and for a long operation its end as well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from demo.cloudtrail import Json, stamp, uuid
from demo.gcp.estate import ORGANISATION, REGION, ZONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from demo.gcp.estate import Caller, Project

_TYPE = "type.googleapis.com/"
_REFUSED = 7
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
ACTIVITY, DATA_ACCESS, SYSTEM_EVENT = "activity", "data_access", "system_event"


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of Google Cloud; ``took`` seconds later a long operation ends with an entry of its own."""

    service: str
    method: str
    resource: str
    kind: str
    permission: str
    took: int = 0
    log: str = ACTIVITY
    labels: Json = field(default_factory=dict)
    request: Json = field(default_factory=dict)
    response: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    service_data: Json = field(default_factory=dict)
    refused: bool = False

    @property
    def command(self) -> str:
        """Return what the command line would call it, roughly: ``gcloud.compute.instances.insert``."""
        words = [word for word in self.method.split(".") if word not in {"v1", "beta", "v2", "google"}]
        return "gcloud." + ".".join(words).lower()


def clock(rng: Random, at: int) -> str:
    """Write a time as Cloud Logging does, mostly with nine digits."""
    return f"{stamp(at)[:-1]}.{rng.randrange(10**9):09d}Z"


def _insert_id(rng: Random) -> str:
    return "".join(rng.choices(_LETTERS, k=12))


def written(rng: Random, who: Caller, project: Project, call: Call, at: int) -> Iterator[Json]:
    """Write all entries of one call: one, or for a long operation the start and the end, which share its id."""
    operation: Json = {}
    long = call.took > 0 and not call.refused
    if long:
        number = f"{at * 1000 + rng.randrange(1000)}-{rng.getrandbits(52):013x}-{rng.getrandbits(32):08x}"
        operation = {"id": f"operation-{number}", "producer": call.service}
    first = _payload(rng, who, call, at)
    begun: Json = {"first": True} if long else {}
    yield _entry(rng, project, call, at, payload=first, operation=operation | begun)
    if long:
        last: Json = {key: first[key] for key in ("@type", "authenticationInfo", "requestMetadata", "serviceName",
                                                  "methodName", "resourceName")}  # fmt: skip
        last["request"] = {"@type": f"{_TYPE}{_bare(call.method)}"}
        yield _entry(rng, project, call, at + call.took, payload=last, operation=operation | {"last": True})


def _bare(method: str) -> str:
    """Return a method without its version: ``compute.instances.insert``."""
    return method.removeprefix("v1.").removeprefix("beta.")


def _payload(rng: Random, who: Caller, call: Call, at: int) -> Json:
    agent = who.agent.format(command=call.command, invocation=uuid(rng).replace("-", ""))
    payload: Json = {
        "@type": f"{_TYPE}google.cloud.audit.AuditLog",
        "status": {"code": _REFUSED, "message": "PERMISSION_DENIED"} if call.refused else {},
        "authenticationInfo": _authentication(who),
        "requestMetadata": {
            "callerIp": who.address,
            "callerSuppliedUserAgent": agent,
            "requestAttributes": {"time": clock(rng, at), "auth": {}},
            "destinationAttributes": {},
        },
        "serviceName": call.service,
        "methodName": call.method,
        "authorizationInfo": [
            {
                "resource": call.resource,
                "permission": call.permission,
                "granted": not call.refused,
                "resourceAttributes": {"service": call.service, "name": call.resource, "type": call.kind},
            }
        ],
        "resourceName": call.resource,
        "request": {"@type": f"{_TYPE}{_bare(call.method)}", **call.request},
    }
    if call.log == SYSTEM_EVENT:
        payload["requestMetadata"] = {"requestAttributes": {}, "destinationAttributes": {}}
    for name, value in (("response", call.response), ("metadata", call.metadata), ("serviceData", call.service_data)):
        if value:
            payload[name] = value
    if "/zones/" in call.resource:
        payload["resourceLocation"] = {"currentLocations": [ZONE]}
    return payload


def _authentication(who: Caller) -> Json:
    if not who.email:
        return {"principalSubject": who.subject}
    kind = "serviceAccount" if who.email.endswith("gserviceaccount.com") else "user"
    found: Json = {"principalEmail": who.email, "principalSubject": f"{kind}:{who.email}"}
    if who.key:
        found["serviceAccountKeyName"] = f"//iam.googleapis.com/projects/-/serviceAccounts/{who.email}/keys/{who.key}"
    return found


def _entry(  # noqa: PLR0913 (whose log, which call, when, what it says, and of which operation)
    rng: Random, project: Project, call: Call, at: int, *, payload: Json, operation: Json
) -> Json:
    labels: Json = {"project_id": project.id, **call.labels}
    if "/zones/" in call.resource:
        labels["zone"] = ZONE
    if call.kind == "gke_cluster":
        labels["location"] = REGION
    entry: Json = {
        "protoPayload": payload,
        "insertId": _insert_id(rng),
        "resource": {"type": call.kind, "labels": labels},
        "timestamp": clock(rng, at),
        "severity": "ERROR" if call.refused else ("INFO" if call.log == DATA_ACCESS else "NOTICE"),
        "logName": f"{project.name}/logs/cloudaudit.googleapis.com%2F{call.log}",
        "receiveTimestamp": clock(rng, at + 1 + rng.randrange(3)),
    }
    if operation:
        entry["operation"] = operation
    return entry


def signed_in(rng: Random, who: Caller, at: int, *, failed: bool = False) -> Json:
    """Write a sign-in, which is in the organisation's log; it names no program."""
    method = "google.login.LoginService." + ("loginFailure" if failed else "loginSuccess")
    event: Json = {
        "eventType": "login",
        "eventName": "login_failure" if failed else "login_success",
        "parameter": [
            {"name": "login_type", "type": "TYPE_STRING", "label": "LABEL_OPTIONAL", "value": "google_password"},
            {"name": "is_suspicious", "type": "TYPE_BOOL", "label": "LABEL_OPTIONAL", "boolValue": False},
        ],
    }
    return {
        "protoPayload": {
            "@type": f"{_TYPE}google.cloud.audit.AuditLog",
            "authenticationInfo": {"principalEmail": who.email},
            "requestMetadata": {"callerIp": who.address, "requestAttributes": {}, "destinationAttributes": {}},
            "serviceName": "login.googleapis.com",
            "methodName": method,
            "resourceName": ORGANISATION,
            "metadata": {"@type": f"{_TYPE}ccc_hosted_reporting.ActivityProto", "event": [event]},
        },
        "insertId": _insert_id(rng),
        "resource": {"type": "audited_resource", "labels": {"service": "login.googleapis.com", "method": method}},
        "timestamp": clock(rng, at),
        "severity": "NOTICE",
        "logName": f"{ORGANISATION}/logs/cloudaudit.googleapis.com%2F{DATA_ACCESS}",
        "receiveTimestamp": clock(rng, at + 40 + rng.randrange(200)),
    }
