"""How everybody gets the credentials that they work with: each way gives a session and its first events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from demo.calls import CATALOGUE
from demo.calls.identity import assumed
from demo.cloudtrail import (
    Exchange,
    Json,
    Session,
    access_key,
    record,
    role_identity,
    root_identity,
    service_identity,
    user_identity,
    uuid,
    web_identity,
)
from demo.company import ACTIONS, CLOUD_ADDRESSES, DEV, OFFICE_ADDRESSES, PROD, RUNNER_ADDRESSES, ident

if TYPE_CHECKING:
    from random import Random

    from demo.company import Account, Person, Role

_CONSOLE = "https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1"
_WEEKEND = 5


class Opening(NamedTuple):
    """A session and the events that its beginning wrote."""

    session: Session
    events: tuple[Json, ...] = ()


def address(rng: Random, person: Person, at: int) -> str:
    """Choose where somebody works from: the office, or home; always home at the weekend."""
    weekday = (at // 86_400 + 3) % 7
    if weekday < _WEEKEND and rng.random() < person.office_share:
        return rng.choice(OFFICE_ADDRESSES)
    return person.home


def sign_in(rng: Random, person: Person, at: int) -> Opening:
    """Let a person start to work, in the way that they always do."""
    account = DEV if person.job == "developer" and rng.randrange(5) > 1 else PROD
    if person.role is not None:
        return _portal(rng, person, person.role, account, at)
    place = address(rng, person, at)
    if person.way == "console":
        return console_sign_in(rng, person, account, place, at)
    key = person.long_lived_key(account)
    return Opening(Session(user_identity(account, person.name, key), account, place, person.agent))


def _entered(how: str, **extra: object) -> Exchange:
    """Describe what the sign-in page answers."""
    return Exchange(None, {how: "Success"}, {"additionalEventData": extra})


def console_sign_in(  # noqa: PLR0913 (who, where, whence, when, how)
    rng: Random, person: Person, account: Account, place: str, at: int, *, mfa: bool = True
) -> Opening:
    """Sign in to the console as an IAM user, mostly with a second factor."""
    user: Json = user_identity(account, person.name, "")
    del user["accessKeyId"]
    door = Session(user, account, place, person.agent)
    used = "Yes" if mfa else "No"
    exchange = _entered("ConsoleLogin", LoginTo=_CONSOLE, MobileVersion="No", MFAUsed=used)
    event = record(rng, door, CATALOGUE["signin:ConsoleLogin"], at, exchange=exchange)
    identity = user_identity(account, person.name, access_key(rng), signed_in=at, mfa=mfa)
    return Opening(Session(identity, account, place, person.agent, console=True), (event,))


def _portal(rng: Random, person: Person, role: Role, account: Account, at: int) -> Opening:
    """Take a role from the access portal of IAM Identity Center, for the console or the command line."""
    place = address(rng, person, at)
    visitor: Json = {
        "type": "IdentityCenterUser",
        "accountId": PROD.id,
        "onBehalfOf": {
            "userId": ident("9267-", "identity-center", person.name, length=24),
            "identityStoreArn": f"arn:aws:identitystore::{PROD.id}:identitystore/d-9EXAMPLE01",
        },
        "credentialId": uuid(rng),
    }
    door = Session(visitor, PROD, place, person.agent)
    details: Json = {"role_name": role.name.split("_")[1], "account_id": account.id}
    extra: Json = {"serviceEventDetails": details}
    event = record(rng, door, CATALOGUE["sso:Federate"], at, exchange=Exchange(None, None, extra))
    identity = role_identity(account, role, person.email, access_key(rng), at)
    return Opening(Session(identity, account, place, person.agent, console=person.way == "sso"), (event,))


def switch_role(rng: Random, person: Person, role: Role, at: int) -> Opening:
    """Let a person with keys of their own take a role by AssumeRole, with a second factor."""
    place = address(rng, person, at)
    own = Session(user_identity(PROD, person.name, person.long_lived_key(PROD)), PROD, place, person.agent)
    exchange = assumed(rng, PROD, role.arn(PROD), person.name)
    event = record(rng, own, CATALOGUE["sts:AssumeRole"], at, exchange=exchange)
    identity = role_identity(PROD, role, person.name, access_key(rng), at, mfa=True)
    return Opening(Session(identity, PROD, place, person.agent), (event,))


def switch_role_in_console(rng: Random, person: Person, role: Role, at: int) -> Opening:
    """Let a person who is signed in to the console take a role there."""
    before, events = console_sign_in(rng, person, PROD, address(rng, person, at), at)
    identity = role_identity(PROD, role, person.name, access_key(rng), at + 40, mfa=True)
    session = Session(identity, PROD, before.address, person.agent, console=True)
    exchange = _entered("SwitchRole", SwitchFrom=before.identity["arn"], RedirectTo=_CONSOLE)
    event = record(rng, session, CATALOGUE["signin:SwitchRole"], at + 40, exchange=exchange)
    return Opening(session, (*events, event))


def root_sign_in(rng: Random, account: Account, place: str, agent: str, at: int) -> Opening:
    """Sign in as the root user, which happens a few times a year."""
    identity = root_identity(account, access_key(rng), at)
    session = Session(identity, account, place, agent, console=True)
    exchange = _entered("ConsoleLogin", LoginTo=_CONSOLE, MobileVersion="No", MFAUsed="Yes")
    return Opening(session, (record(rng, session, CATALOGUE["signin:ConsoleLogin"], at, exchange=exchange),))


def build_job(rng: Random, role: Role, agent: str, at: int) -> Opening:
    """Give a build job a role in exchange for its repository's token."""
    account = rng.choice((PROD, DEV))
    place = rng.choice(RUNNER_ADDRESSES)
    name = f"run-{18_000_000_000 + rng.getrandbits(30)}"
    door = Session(web_identity(account, "quillfjord/shop"), account, place, ACTIONS)
    exchange = assumed(rng, account, role.arn(account), name)
    event = record(rng, door, CATALOGUE["sts:AssumeRoleWithWebIdentity"], at, exchange=exchange)
    provider = f"arn:aws:iam::{account.id}:oidc-provider/token.actions.githubusercontent.com"
    context: Json = {"webIdFederationData": {"federatedProvider": provider, "attributes": {}}}
    identity = role_identity(account, role, name, access_key(rng), at, context=context)
    return Opening(Session(identity, account, place, agent), (event,))


def service_role(rng: Random, role: Role, service: str, name: str, at: int) -> Opening:
    """Let an AWS service take a role and work with it: there is no address, only the service's name."""
    host = f"{service}.amazonaws.com"
    door = Session(service_identity(service), PROD, host, host, tls=False)
    exchange = assumed(rng, PROD, role.arn(PROD), name)
    event = record(rng, door, CATALOGUE["sts:AssumeRole"], at, exchange=exchange)
    event["sharedEventID"] = uuid(rng)
    identity = role_identity(PROD, role, name, access_key(rng), at, invoked_by=host)
    return Opening(Session(identity, PROD, host, host, tls=False), (event,))


def workload(  # noqa: PLR0913 (whose program, where, and under which name)
    rng: Random, account: Account, role: Role, at: int, *, name: str, agent: str
) -> Opening:
    """Let a program run with the role of its machine or function, taken up to an hour ago."""
    context: Json | None = {"ec2RoleDelivery": "2.0"} if name.startswith("i-") else None
    taken = at - rng.randrange(60, 3600)
    identity = role_identity(account, role, name, access_key(rng), taken, context=context)
    return Opening(Session(identity, account, rng.choice(CLOUD_ADDRESSES), agent))


def aws_itself(account: Account, service: str) -> Opening:
    """Let AWS act by itself, as in rotating a key: the event has no caller but the account."""
    host = f"{service}.amazonaws.com"
    identity: Json = {"accountId": account.id, "invokedBy": host}
    return Opening(Session(identity, account, host, host, tls=False))
