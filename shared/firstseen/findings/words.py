"""Field names as people say them, for sentences: ``userIdentity.sessionContext.sessionIssuer.arn`` is a role.

Facts, terms and groups keep the names of the log, by which people search; a sentence is read on a phone.
"""

from __future__ import annotations

import re

_SAID = {
    "userIdentity.arn": "identity",
    "userIdentity.sessionContext.sessionIssuer.arn": "role",
    "userIdentity.identityProvider": "identity provider",
    "responseElements.accessKey.userName": "user",
    "requestParameters.userName": "user",
    "requestParameters.accountIdsToAdd": "account",
    "requestParameters.targetLocations.accounts": "account",
    "requestParameters.targets.key": "targets chosen by",
    "requestParameters.instanceIds": "instance",
    "recipientAccountId": "account",
    "userIdentity.accountId": "account",
    "subscriptionId": "subscription",
    "sourceIPAddress": "address",
    "callerIpAddress": "address",
    "properties.ipAddress": "address",
    "source.ip": "address",
    "source.ip.network": "network",
    "source.geo.country": "country",
    "location": "country",
    "client.geographicalContext.country": "country",
    "securityContext.asNumber": "network AS",
    "properties.autonomousSystemNumber": "network AS",
    "source.as.number": "network AS",
    "user_agent.family": "program",
    "properties.clientAppUsed": "kind of client",
    "eventName": "call",
    "operationName": "call",
    "protoPayload.methodName": "call",
    "event_type": "call",
    "eventSource": "service",
    "event_source": "service",
    "protoPayload.serviceName": "service",
    "resourceProviderName.value": "service",
    "protoPayload.resourceName": "resource",
    "protoPayload.request.name": "resource",
    "properties.userPrincipalName": "user",
    "properties.servicePrincipalId": "service principal",
    "properties.appId": "application",
    "identity.claims.appid": "application",
    "ApplicationId": "application",
    "identity.claims.http://schemas.microsoft.com/identity/claims/tenantid": "tenant",
    "properties.homeTenantId": "tenant",
    "properties.targetResources.id": "target",
    "properties.responseBody.sku.name": "size",
    "properties.sessionId": "session",
    "AppAccessContext.AADSessionId": "session",
    "identity.claims.uti": "token",
    "awsRegion": "region",
    "time.hour": "hour",
    "time.weekday": "day",
    "granted.subject_id": "receiver",
    "granted.member": "receiver",
    "authentication.subject_id": "identity",
    "UserKey": "user",
    "Computer": "computer",
    "process.name": "program",
    "process.parent.name": "parent program",
    "ParentImage": "parent program",
}
"""Names whose last part says nothing, or says it in a log's words."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ENDINGS = ("id", "arn", "ref")
"""Last words that say how a thing is named, not which it is."""
_BARE = frozenset((*_ENDINGS, "name", "value"))
"""Last parts that say nothing by themselves: ``user.name`` is a user."""


def word(name: str) -> str:
    """A plain word or two for a field name: by the table, else its last part in small letters.

    ``requestParameters.snapshotId`` is ``snapshot``, ``created.machine_type`` is ``machine type``, ``host.id`` is
    ``host``. A name that holds no letter is given back.
    """
    if name in _SAID:
        return _SAID[name]
    *before, last = re.split(r"[./]", name)
    if before and last.lower() in _BARE:
        last = before[-1]
    words = _HUMP.sub(" ", last).replace("_", " ").replace("-", " ").lower().split()
    if len(words) > 1 and words[-1] in _ENDINGS:
        words.pop()
    return " ".join(words) or name
