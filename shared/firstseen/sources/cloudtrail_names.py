"""What CloudTrail's fields are called: by CloudTrail itself, by Elastic, and in the common vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from firstseen.sources.cloudtrail_values import (
    account,
    action,
    actor,
    address,
    java_text,
    mfa_used,
    outcome,
    resource,
    user_name,
    when,
)
from firstseen.sources.source import Accessor, Derived, Path


def _as_text(key: str) -> Derived:
    return Derived((key,), lambda view: java_text(view.get(key)))


def _constant(value: str) -> Derived:
    return Derived((), lambda _view: value)


class _EcsNames(Mapping[str, Accessor]):
    """The fixed names, and the three open objects below ``aws.cloudtrail.flattened``.

    Iteration gives the fixed names only.
    """

    _OPEN = MappingProxyType(
        {
            "aws.cloudtrail.flattened.request_parameters.": "requestParameters",
            "aws.cloudtrail.flattened.response_elements.": "responseElements",
            "aws.cloudtrail.flattened.additional_eventdata.": "additionalEventData",
            "aws.cloudtrail.flattened.service_event_details.": "serviceEventDetails",
        }
    )

    def __init__(self, fixed: Mapping[str, Accessor]) -> None:
        self._fixed = fixed

    def __getitem__(self, name: str) -> Accessor:
        found = self._fixed.get(name)
        if found is not None:
            return found
        for prefix, key in self._OPEN.items():
            if name.startswith(prefix) and len(name) > len(prefix):
                return (key, *name[len(prefix) :].split("."))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._fixed)

    def __len__(self) -> int:
        return len(self._fixed)


_OUTCOME = Derived(("errorCode", "errorMessage", "eventName", "responseElements"), outcome)
_WHEN = Derived(("eventTime", "@timestamp"), when)

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": Derived(("userIdentity",), actor),
        "action": Derived(("eventName", "eventSource"), action),
        "outcome": _OUTCOME,
        "source.ip": ("sourceIPAddress",),
        "account": Derived(("recipientAccountId", "userIdentity"), account),
        "region": ("awsRegion",),
        "resource": Derived(("resources", "requestParameters"), resource),
        "user_agent": ("userAgent",),
        "time": _WHEN,
        "id": ("eventID",),
    }
)


def _below(prefix: str, path: Path, names: str) -> dict[str, Accessor]:
    """``prefix.a`` to ``path.b`` for each ``a=b`` in ``names``."""
    pairs = (one.partition("=") for one in names.split())
    return {f"{prefix}.{name}": (*path, key) for name, _, key in pairs}


ECS_NAMES: Mapping[str, Accessor] = _EcsNames(
    {
        "@timestamp": _WHEN,
        "event.dataset": _constant("aws.cloudtrail"),
        "data_stream.dataset": _constant("aws.cloudtrail"),
        "event.module": _constant("aws"),
        "cloud.provider": _constant("aws"),
        "event.outcome": _OUTCOME,
        "event.provider": ("eventSource",),
        "event.action": ("eventName",),
        "event.id": ("eventID",),
        "cloud.region": ("awsRegion",),
        "cloud.account.id": ("userIdentity", "accountId"),
        "user.id": ("userIdentity", "principalId"),
        "user.name": Derived(("userIdentity",), user_name),
        "source.address": ("sourceIPAddress",),
        "source.ip": Derived(("sourceIPAddress",), address),
        "user_agent.original": ("userAgent",),
        "tls.client.server_name": ("tlsDetails", "clientProvidedHostHeader"),
        "tls.cipher": ("tlsDetails", "cipherSuite"),
        "aws.cloudtrail.request_parameters": _as_text("requestParameters"),
        "aws.cloudtrail.response_elements": _as_text("responseElements"),
        "aws.cloudtrail.additional_eventdata": _as_text("additionalEventData"),
        "aws.cloudtrail.service_event_details": _as_text("serviceEventDetails"),
        "aws.cloudtrail.flattened.request_parameters": ("requestParameters",),
        "aws.cloudtrail.flattened.response_elements": ("responseElements",),
        "aws.cloudtrail.flattened.additional_eventdata": ("additionalEventData",),
        "aws.cloudtrail.flattened.service_event_details": ("serviceEventDetails",),
        "aws.cloudtrail.console_login.additional_eventdata.mfa_used": Derived(("additionalEventData",), mfa_used),
        "aws.cloudtrail.console_login.additional_eventdata.login_to": ("additionalEventData", "LoginTo"),
        **_below(
            "aws.cloudtrail",
            (),
            """
        error_code=errorCode error_message=errorMessage read_only=readOnly
        event_type=eventType event_category=eventCategory
        recipient_account_id=recipientAccountId event_version=eventVersion
        api_version=apiVersion management_event=managementEvent request_id=requestID
        shared_event_id=sharedEventID vpc_endpoint_id=vpcEndpointId
        """,
        ),
        **_below(
            "aws.cloudtrail.user_identity",
            ("userIdentity",),
            "type=type arn=arn access_key_id=accessKeyId invoked_by=invokedBy",
        ),
        **_below(
            "aws.cloudtrail.user_identity.session_context",
            ("userIdentity", "sessionContext", "attributes"),
            "creation_date=creationDate mfa_authenticated=mfaAuthenticated",
        ),
        **_below(
            "aws.cloudtrail.user_identity.session_context.session_issuer",
            ("userIdentity", "sessionContext", "sessionIssuer"),
            "type=type arn=arn principal_id=principalId account_id=accountId user_name=userName",
        ),
        **_below("aws.cloudtrail.resources", ("resources",), "arn=ARN account_id=accountId type=type"),
    }
)

KNOWN_FIELDS = frozenset((
    "eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
    "userAgent", "errorCode", "errorMessage", "requestID", "eventID", "eventType", "apiVersion",
    "managementEvent", "readOnly", "recipientAccountId", "sharedEventID", "vpcEndpointId",
    "vpcEndpointAccountId", "eventCategory", "sessionCredentialFromConsole", "requestParameters",
    "requestParameters.", "responseElements", "responseElements.", "additionalEventData",
    "additionalEventData.", "serviceEventDetails", "serviceEventDetails.", "edgeDeviceDetails",
    "edgeDeviceDetails.", "insightDetails", "insightDetails.", "eventContext", "eventContext.",
    "userIdentity", "userIdentity.type", "userIdentity.userName", "userIdentity.principalId",
    "userIdentity.arn", "userIdentity.accountId", "userIdentity.accessKeyId", "userIdentity.invokedBy",
    "userIdentity.identityProvider", "userIdentity.credentialId", "userIdentity.onBehalfOf",
    "userIdentity.onBehalfOf.userId", "userIdentity.onBehalfOf.identityStoreArn",
    "userIdentity.inScopeOf", "userIdentity.inScopeOf.sourceArn",
    "userIdentity.inScopeOf.sourceAccount", "userIdentity.inScopeOf.issuerType",
    "userIdentity.inScopeOf.credentialsIssuedTo", "userIdentity.sessionContext",
    "userIdentity.sessionContext.sourceIdentity", "userIdentity.sessionContext.ec2RoleDelivery",
    "userIdentity.sessionContext.assumedRoot", "userIdentity.sessionContext.attributes",
    "userIdentity.sessionContext.attributes.creationDate",
    "userIdentity.sessionContext.attributes.mfaAuthenticated",
    "userIdentity.sessionContext.sessionIssuer", "userIdentity.sessionContext.sessionIssuer.type",
    "userIdentity.sessionContext.sessionIssuer.userName",
    "userIdentity.sessionContext.sessionIssuer.principalId",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.sessionContext.sessionIssuer.accountId",
    "userIdentity.sessionContext.webIdFederationData",
    "userIdentity.sessionContext.webIdFederationData.federatedProvider",
    "userIdentity.sessionContext.webIdFederationData.attributes",
    "userIdentity.sessionContext.webIdFederationData.attributes.", "resources", "resources.ARN",
    "resources.arn", "resources.ARNPrefix", "resources.accountId", "resources.type", "tlsDetails",
    "tlsDetails.tlsVersion", "tlsDetails.cipherSuite", "tlsDetails.clientProvidedHostHeader",
    "tlsDetails.keyExchange", "addendum", "addendum.reason", "addendum.updatedFields",
    "addendum.originalRequestID", "addendum.originalEventID",
))  # fmt: skip
"""Every documented field; names that end in a dot are open below."""
