"""Records in the full shape of CloudTrail: who (identities and sessions), what (calls), one event."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from demo.company import GLOBAL_REGION, MAIN_REGION, unique_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from demo.company import Account, Role

Json: TypeAlias = "dict[str, object]"

_GLOBAL_SERVICES = frozenset({"iam", "organizations", "ce", "route53", "cloudfront"})
_VERSIONS = {
    "ec2": "1.10",
    "autoscaling": "1.10",
    "s3": "1.11",
    "signin": "1.09",
    "ecr": "1.09",
    "config": "1.09",
}
_MINUTES = tuple(f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440))
_THREE = tuple("".join(letters) for letters in product("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", repeat=3))
_SECONDS = tuple(f"{second:02d}Z" for second in range(60))


class Exchange(NamedTuple):
    """What a call asked, what it was answered, and fields that only some calls have."""

    request: Json | None
    response: Json | None = None
    extra: Json | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A way in which a call fails; the message may name the caller as {arn}."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: its name, how its parameters look, how often it fails and in what way."""

    service: str
    name: str
    read_only: bool
    detail: Callable[[Random, Account], Exchange]
    fault: Fault | None = None
    fault_rate: float = 0.0
    event_type: str = "AwsApiCall"

    @property
    def key(self) -> str:
        """Name the call as IAM policies do."""
        return f"{self.service}:{self.name}"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's credentials in use: the identity as CloudTrail writes it, and where they are used."""

    identity: Json
    account: Account
    address: str
    agent: str
    console: bool = False
    tls: bool = True
    region: str = MAIN_REGION


def read(
    service: str,
    name: str,
    request: Callable[[Random, Account], Json | None],
    fault: Fault | None = None,
    fault_rate: float = 0.02,
) -> Call:
    """Describe a read-only call: CloudTrail never keeps its answer."""

    def detail(rng: Random, account: Account) -> Exchange:
        return Exchange(request(rng, account))

    return Call(service, name, read_only=True, detail=detail, fault=fault, fault_rate=fault_rate)


def write(
    service: str,
    name: str,
    detail: Callable[[Random, Account], Exchange],
    fault: Fault | None = None,
    fault_rate: float = 0.02,
) -> Call:
    """Describe a call that changes something."""
    return Call(service, name, read_only=False, detail=detail, fault=fault, fault_rate=fault_rate)


def stamp(at: int) -> str:
    """Write a time as CloudTrail does: whole seconds, UTC."""
    day, second = divmod(at, 86_400)
    return _date(day) + _MINUTES[second // 60] + _SECONDS[second % 60]


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    """Write a day, counted from the epoch; the same few days are asked for again and again."""
    return time.strftime("%Y-%m-%d", time.gmtime(day * 86_400))


def uuid(rng: Random) -> str:
    """Make a random UUID of version 4."""
    text = rng.randbytes(15).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[12:15]}-a{text[15:18]}-{text[18:]}"


def access_key(rng: Random) -> str:
    """Make the access key id of temporary credentials, plainly an example."""
    bits = rng.getrandbits(45)
    middle = _THREE[bits & 32767] + _THREE[bits >> 15 & 32767] + _THREE[bits >> 30]
    return f"ASIA{middle}EXAMPLE"


def fresh(rng: Random, prefix: str, length: int = 16) -> str:
    """Make the id of something that was made just now."""
    return f"{prefix}{rng.getrandbits(4 * length):0{length}x}"


def user_identity(account: Account, name: str, key: str, signed_in: int | None = None, *, mfa: bool = True) -> Json:
    """Describe an IAM user: with a long-lived key, or signed in to the console, mostly with a second factor."""
    identity: Json = {
        "type": "IAMUser",
        "principalId": unique_id("AIDA", account.id, name),
        "arn": f"arn:aws:iam::{account.id}:user/{name}",
        "accountId": account.id,
        "accessKeyId": key,
        "userName": name,
    }
    if signed_in is not None:
        identity["sessionContext"] = {
            "attributes": {"creationDate": stamp(signed_in), "mfaAuthenticated": "true" if mfa else "false"},
        }
    return identity


def role_identity(  # noqa: PLR0913 (the parts of a session are many)
    account: Account,
    role: Role,
    session_name: str,
    key: str,
    created: int,
    *,
    mfa: bool = False,
    invoked_by: str | None = None,
    context: Json | None = None,
) -> Json:
    """Describe a session of an assumed role."""
    principal = unique_id("AROA", account.id, role.name)
    identity: Json = {
        "type": "AssumedRole",
        "principalId": f"{principal}:{session_name}",
        "arn": f"arn:aws:sts::{account.id}:assumed-role/{role.name}/{session_name}",
        "accountId": account.id,
        "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": principal,
                "arn": role.arn(account),
                "accountId": account.id,
                "userName": role.name,
            },
            **(context or {}),
            "attributes": {"creationDate": stamp(created), "mfaAuthenticated": "true" if mfa else "false"},
        },
    }
    if invoked_by is not None:
        identity["invokedBy"] = invoked_by
    return identity


def service_identity(service: str) -> Json:
    """Describe AWS itself calling in the company's name."""
    return {"type": "AWSService", "invokedBy": f"{service}.amazonaws.com"}


def root_identity(account: Account, key: str, signed_in: int) -> Json:
    """Describe the account's root user in the console."""
    return {
        "type": "Root",
        "principalId": account.id,
        "arn": f"arn:aws:iam::{account.id}:root",
        "accountId": account.id,
        "accessKeyId": key,
        "sessionContext": {"attributes": {"creationDate": stamp(signed_in), "mfaAuthenticated": "true"}},
    }


def web_identity(account: Account, repository: str) -> Json:
    """Describe a build job that shows a token of its repository to get a role."""
    subject = f"repo:{repository}:ref:refs/heads/main"
    provider = f"arn:aws:iam::{account.id}:oidc-provider/token.actions.githubusercontent.com"
    return {
        "type": "WebIdentityUser",
        "principalId": f"{provider}:sts.amazonaws.com:{subject}",
        "userName": subject,
        "identityProvider": provider,
    }


def record(  # noqa: PLR0913 (an event has many parts; the last two overrule the call's own)
    rng: Random,
    session: Session,
    call: Call,
    at: int,
    *,
    exchange: Exchange | None = None,
    fault: Fault | None = None,
) -> Json:
    """Write one event: this session made this call at this time."""
    if exchange is None:
        exchange = call.detail(rng, session.account)
    if fault is None and call.fault is not None and rng.random() < call.fault_rate:
        fault = call.fault
    service = call.service
    region = GLOBAL_REGION if service in _GLOBAL_SERVICES else session.region
    event: Json = {
        "eventVersion": _VERSIONS.get(service, "1.11"),
        "userIdentity": session.identity,
        "eventTime": stamp(at),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": call.name,
        "awsRegion": region,
        "sourceIPAddress": session.address,
        "userAgent": session.agent,
    }
    if fault is not None:
        event["errorCode"] = fault.code
        event["errorMessage"] = fault.message.format(arn=session.identity.get("arn", "unknown"))
    event["requestParameters"] = exchange.request
    event["responseElements"] = None if fault is not None else exchange.response
    if exchange.extra is not None:
        event.update(exchange.extra)
    if call.event_type == "AwsApiCall":
        event["requestID"] = uuid(rng)
    event["eventID"] = uuid(rng)
    event["readOnly"] = call.read_only
    event["eventType"] = call.event_type
    event["managementEvent"] = True
    event["recipientAccountId"] = session.account.id
    event["eventCategory"] = "Management"
    if session.tls and call.event_type != "AwsServiceEvent":
        event["tlsDetails"] = _tls(service, region)
    if session.console:
        event["sessionCredentialFromConsole"] = "true"
    return event


@lru_cache(maxsize=256)
def _tls(service: str, region: str) -> Json:
    """Describe the connection; services with one endpoint for the world have no region in the host name."""
    if service == "signin":
        host = f"{region}.signin.aws.amazon.com"
    elif service in _GLOBAL_SERVICES:
        host = f"{service}.amazonaws.com"
    else:
        host = f"{service}.{region}.amazonaws.com"
    return {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": host,
    }
