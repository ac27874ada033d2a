"""What the fields of Audit Trails are called: by Yandex Cloud, by Elastic, and in the common vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import yandex_audit_values as values
from firstseen.sources.azure_places import Names, computed, constant
from firstseen.sources.source import Accessor, Derived

_OUTCOME = computed("event_status authentication authorization", values.outcome)
_ADDRESS = computed("request_metadata details", values.caller_address)
_REGION = computed("details", values.region)
_BINDING = "role_id subject_id subject_type subject_name"


def _owner(kind: str, part: str = "resource_id") -> Derived:
    return computed("resource_metadata", lambda view: values.owner(view, kind, part))


COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": computed("authentication details", values.actor),
        "action": computed("event_type", values.action, values.suggested_type),
        "outcome": _OUTCOME,
        "source.ip": _ADDRESS,
        "account": computed("resource_metadata", values.account),
        "region": _REGION,
        "resource": computed("event_type details resource_metadata", values.resource),
        "user_agent": ("request_metadata", "user_agent"),
        "time": ("event_time",),
        "id": ("event_id",),
    }
)

_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": ("event_time",),
        "event.dataset": constant("yandex.audit"),
        "data_stream.dataset": constant("yandex.audit"),
        "event.module": constant("yandex"),
        "event.kind": constant("event"),
        "cloud.provider": constant("yandex"),
        "event.action": ("event_type",),
        "event.provider": ("event_source",),
        "event.id": ("event_id",),
        "event.outcome": _OUTCOME,
        "error.code": ("error", "code"),
        "error.message": ("error", "message"),
        "user.id": ("authentication", "subject_id"),
        "user.name": ("authentication", "subject_name"),
        "source.address": _ADDRESS,
        "source.ip": computed("request_metadata details", values.caller_ip),
        "user_agent.original": ("request_metadata", "user_agent"),
        "http.request.id": ("request_metadata", "request_id"),
        "cloud.account.id": _owner(values.CLOUD),
        "cloud.account.name": _owner(values.CLOUD, "resource_name"),
        "cloud.project.id": _owner(values.FOLDER),
        "cloud.project.name": _owner(values.FOLDER, "resource_name"),
        "cloud.region": _REGION,
        "cloud.availability_zone": ("details", "zone_id"),
        "organization.id": _owner(values.ORGANIZATION),
        "organization.name": _owner(values.ORGANIZATION, "resource_name"),
        "yandex.audit.error": computed("error", values.error),
        "yandex.audit.authentication.subject_id": ("authentication", "subject_id"),
        "yandex.audit.authentication.token_info.impersonator": ("authentication", "token_info", "impersonator_name"),
        "yandex.audit.folder": _owner(values.FOLDER, "resource_name"),
    }
)

NAMES = Names(
    _ECS,
    {
        **{f"granted.{part}": computed("details", values.Bound(part, "ADD")) for part in _BINDING.split()},
        **{f"revoked.{part}": computed("details", values.Bound(part, "REMOVE")) for part in _BINDING.split()},
        "opened.ports": computed("details", values.Opened(beyond_web=False)),
        "opened.ports_beyond_web": computed("details", values.Opened(beyond_web=True)),
    },
    {},
)
"""Elastic's names, and ours for what the log says in a list, a part here and a part there."""

_AUTHENTICATION = (
    "authenticated subject_type subject_id subject_name federation_id federation_name federation_type "
    "token_info.masked_iam_token token_info.iam_token_id token_info.impersonator_id token_info.impersonator_type "
    "token_info.impersonator_name token_info.impersonator_federation_id token_info.impersonator_federation_name "
    "token_info.impersonator_federation_type"
)
_REQUEST = "remote_address remote_port user_agent request_id idempotency_id"

KNOWN_FIELDS = frozenset((
    "event_id", "event_source", "event_type", "event_time", "event_status", "authentication", "authorization",
    "authorization.authorized", "resource_metadata", "resource_metadata.path",
    *(f"authentication.{name}" for name in _AUTHENTICATION.split()),
    *(f"resource_metadata.path.{name}" for name in ("resource_type", "resource_id", "resource_name")),
    "request_metadata", *(f"request_metadata.{name}" for name in _REQUEST.split()),
    "error", "error.code", "error.message", "error.details", "error.details.",
    "details", "details.", "request_parameters", "request_parameters.", "response", "response.",
))  # fmt: skip
