"""What the fields of Google Cloud's audit logs are called: by Google, by Elastic, and in the common vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import gcp_audit_values as values
from firstseen.sources.azure_places import Names, below, computed, constant
from firstseen.sources.source import Accessor

_OUTCOME = computed("protoPayload operation", values.outcome, values.suggested_code)
_ADDRESS = computed("protoPayload", values.caller_address)
_ACTOR = computed("protoPayload", values.actor)
_PROJECT = computed("resource logName", values.project)
_REGION = computed("resource protoPayload", values.region)
_AGENT = ("protoPayload", "requestMetadata", "callerSuppliedUserAgent")
_METHOD = ("protoPayload", "methodName")
_SERVICE = ("protoPayload", "serviceName")
_EMAIL = ("protoPayload", "authenticationInfo", "principalEmail")
_DELEGATION = ("protoPayload", "authenticationInfo", "serviceAccountDelegationInfo", "firstPartyPrincipal")

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": _ACTOR,
        "action": computed("protoPayload", values.action, values.suggested_method),
        "outcome": _OUTCOME,
        "source.ip": _ADDRESS,
        "account": computed("logName resource", values.account),
        "region": _REGION,
        "resource": ("protoPayload", "resourceName"),
        "user_agent": _AGENT,
        "time": ("timestamp",),
        "id": ("insertId",),
    }
)

_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": ("timestamp",),
        "event.dataset": constant("gcp.audit"),
        "data_stream.dataset": constant("gcp.audit"),
        "event.module": constant("gcp"),
        "event.kind": constant("event"),
        "cloud.provider": constant("gcp"),
        "event.action": _METHOD,
        "event.provider": _SERVICE,
        "service.name": _SERVICE,
        "event.id": ("insertId",),
        "event.outcome": computed("protoPayload", values.accepted, values.suggested_code),
        "log.logger": ("logName",),
        "log.level": ("severity",),
        "user.email": _EMAIL,
        "user.name": _ACTOR,
        "client.user.email": _EMAIL,
        "source.address": _ADDRESS,
        "source.ip": computed("protoPayload", values.caller_ip),
        "user_agent.original": _AGENT,
        "cloud.account.id": _PROJECT,
        "cloud.project.id": _PROJECT,
        "cloud.region": _REGION,
        "cloud.availability_zone": ("resource", "labels", "zone"),
        "cloud.instance.id": ("resource", "labels", "instance_id"),
        "orchestrator.cluster.name": ("resource", "labels", "cluster_name"),
        "gcp.audit.error": computed("protoPayload", values.error),
        "gcp.audit.type": ("protoPayload", "@type"),
        "gcp.audit.method_name": _METHOD,
        "gcp.audit.service_name": _SERVICE,
        "gcp.audit.resource_name": ("protoPayload", "resourceName"),
        "gcp.audit.num_response_items": ("protoPayload", "numResponseItems"),
        "gcp.audit.authentication_info.principal_email": _EMAIL,
        "gcp.audit.authentication_info.principal_subject": ("protoPayload", "authenticationInfo", "principalSubject"),
        "gcp.audit.authentication_info.authority_selector": ("protoPayload", "authenticationInfo", "authoritySelector"),
        "gcp.audit.authentication_info.service_account_key_name": (
            "protoPayload", "authenticationInfo", "serviceAccountKeyName",
        ),
        "gcp.audit.authentication_info.impersonator": (*_DELEGATION, "principalEmail"),
        "gcp.audit.authorization_info.permission": ("protoPayload", "authorizationInfo", "permission"),
        "gcp.audit.authorization_info.granted": ("protoPayload", "authorizationInfo", "granted"),
        "gcp.audit.authorization_info.resource": ("protoPayload", "authorizationInfo", "resource"),
        "gcp.audit.request_metadata.caller_ip": ("protoPayload", "requestMetadata", "callerIp"),
        "gcp.audit.request_metadata.caller_supplied_user_agent": _AGENT,
        "gcp.audit.resource_location.current_locations": ("protoPayload", "resourceLocation", "currentLocations"),
        "gcp.audit.resource.type": ("resource", "type"),
        "gcp.audit.status.code": ("protoPayload", "status", "code"),
        "gcp.audit.status.message": ("protoPayload", "status", "message"),
        **{f"gcp.audit.logentry_operation.{one}": ("operation", one) for one in ("id", "producer", "first", "last")},
    }
)  # fmt: skip


def _payload(key: str) -> Accessor | None:
    return ("protoPayload", *key.split("."))


NAMES = Names(
    _ECS,
    {
        **{f"granted.{part}": computed("protoPayload", values.Bound(part, "ADD")) for part in ("role", "member")},
        **{f"revoked.{part}": computed("protoPayload", values.Bound(part, "REMOVE")) for part in ("role", "member")},
        "created.machine_type": computed("protoPayload", values.machine_type),
        "created.image_project": computed("protoPayload", values.image_project, values.suggested_image),
        "changed.metadata_keys": computed("protoPayload", values.MetadataKeys()),
    },
    {
        "data.protoPayload.": _payload,
        "gcp.audit.request.": lambda rest: _payload(f"request.{rest}"),
        "gcp.audit.response.": lambda rest: _payload(f"response.{rest}"),
        "gcp.audit.metadata.": lambda rest: _payload(f"metadata.{rest}"),
        "gcp.audit.resource.labels.": below(("resource", "labels")),
    },
)
"""Elastic's names, and ours for what the log says in a list, a part here and a part there."""

_AUTHENTICATION = (
    "principalEmail principalSubject authoritySelector serviceAccountKeyName thirdPartyPrincipal. "
    "serviceAccountDelegationInfo serviceAccountDelegationInfo.principalSubject "
    "serviceAccountDelegationInfo.firstPartyPrincipal.principalEmail "
    "serviceAccountDelegationInfo.firstPartyPrincipal.serviceMetadata. "
    "serviceAccountDelegationInfo.thirdPartyPrincipal.thirdPartyClaims. oauthInfo.oauthClientId"
)
_REQUEST = "callerIp callerSuppliedUserAgent callerNetwork requestAttributes. destinationAttributes."
_AUTHORIZATION = "resource permission granted permissionType resourceAttributes."
_PAYLOAD = (
    "@type serviceName methodName resourceName numResponseItems resourceLocation resourceLocation.currentLocations "
    "resourceLocation.originalLocations status status.code status.message status.details status.details. "
    "authenticationInfo authorizationInfo requestMetadata request request. response response. metadata metadata. "
    "serviceData serviceData. resourceOriginalState. policyViolationInfo."
)

KNOWN_FIELDS = frozenset((
    "logName", "insertId", "timestamp", "receiveTimestamp", "severity", "trace", "spanId", "protoPayload",
    "resource", "resource.type", "resource.labels", "resource.labels.", "labels", "labels.", "httpRequest.",
    "operation", "operation.id", "operation.producer", "operation.first", "operation.last",
    *(f"protoPayload.{name}" for name in _PAYLOAD.split()),
    *(f"protoPayload.authenticationInfo.{name}" for name in _AUTHENTICATION.split()),
    *(f"protoPayload.authorizationInfo.{name}" for name in _AUTHORIZATION.split()),
    *(f"protoPayload.requestMetadata.{name}" for name in _REQUEST.split()),
))  # fmt: skip
