"""What Entra ID's sign-ins and audit log show of rights and credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from firstseen.auditing.acts import Act, Alias, Credential, Grant, Label, Outcome, Sensitive, SignIn
from firstseen.auditing.azure_roles import DIRECTORY_ROLES
from firstseen.sources import azure_audit_values, azure_signin_values
from firstseen.sources.azure_audit_values import TARGETS, objects_at
from firstseen.sources.azure_entra import entra
from firstseen.sources.azure_places import opened, text
from firstseen.sources.source import View

SENSITIVE = (
    "add member to role", "add eligible member to role", "add owner to", "add service principal credentials",
    "add app role assignment", "add delegated permission grant", "consent to application", "set domain authentication",
    "set federation settings", "update application – certificates and secrets management",
    "update application - certificates and secrets management", "add conditional access policy",
    "update conditional access policy", "delete conditional access policy", "add partner to company",
)  # fmt: skip
"""Beginnings of activities, in small letters."""

_GIVES = ("add member to role", "add eligible member to role", "add scoped member to role")
_TAKES = ("remove member from role", "remove eligible member from role", "remove scoped member from role")
_KEYS = re.compile(r"KeyIdentifier=([0-9A-Za-z-]{1,64})")
_KEY_CHANGES = frozenset({"KeyDescription"})
_KIND = "secret or certificate"

_requirement = entra("authenticationRequirement").function
_application = entra("appDisplayName").function
_user_id = entra("userId").function
_key_id = entra("servicePrincipalCredentialKeyId").function
_principal_id = entra("servicePrincipalId").function
_principal_name = entra("servicePrincipalName").function
_initiator_id = entra("initiatedBy.user.id").function


class SignInReader:
    """See :class:`firstseen.auditing.acts.Reader`."""

    def principal(self, actor: str) -> str:
        """In small letters, as the Activity Log's."""
        return actor.casefold()

    def acts(self, view: View, action: str, actor: str, outcome: Outcome) -> Iterator[Act]:
        """Sign-ins of people with one factor; credentials of applications in use."""
        del action
        other, name = (text(_user_id(view)) or "").casefold(), text(_principal_name(view))
        if other and other != actor:
            yield Alias(other, actor)
        if name:
            yield Label(actor, name)
        if outcome != "success":
            return
        key = text(_key_id(view))
        if key:
            yield Credential(key, _KIND, text(_principal_name(view)) or text(_principal_id(view)) or actor)
        one_factor = (text(_requirement(view)) or "").casefold() == "singlefactorauthentication"
        if one_factor and azure_signin_values.category(view) == "SignInLogs":
            yield SignIn(text(_application(view)) or "an application")


class AuditLogReader:
    """See :class:`firstseen.auditing.acts.Reader`."""

    def principal(self, actor: str) -> str:
        """In small letters, as the sign-ins'."""
        return actor.casefold()

    def acts(self, view: View, action: str, actor: str, outcome: Outcome) -> Iterator[Act]:
        """Directory roles given and taken, credentials of applications made."""
        other = (text(_initiator_id(view)) or "").casefold()
        if other and other != actor:
            yield Alias(other, actor)
        if outcome == "failure":
            return
        called = action.casefold().strip()
        if called.startswith(SENSITIVE):
            yield Sensitive()
        if called.startswith((*_GIVES, *_TAKES)):
            yield from _membership(view, given=called.startswith(_GIVES))
        yield from _credentials(view)


def _membership(view: View, *, given: bool) -> Iterator[Act]:
    targets = objects_at(view, TARGETS)
    roles = [name for target in targets for name in _role_names(target)]
    for target in targets:
        kind = (text(target.get("type")) or "").casefold()
        names = [text(target.get(name)) for name in ("userPrincipalName", "id", "displayName")]
        known = [name.casefold() for name in names if name]
        if kind in {"role", "directory"} or not known:
            continue
        for role in dict.fromkeys(roles):
            rank = DIRECTORY_ROLES.get(role.casefold())
            if rank is not None:
                key = ("entra", known[0], role.casefold())
                yield Grant(key, known[0], role, rank, how="given" if given else "taken")
        yield from (Alias(other, known[0]) for other in known[1:2])


def _role_names(target: Mapping[str, Any]) -> Iterator[str]:
    if (text(target.get("type")) or "").casefold() == "role" and (name := text(target.get("displayName"))):
        yield name
    for change in _changes(target):
        if change.get("displayName") == "Role.DisplayName":
            for value in (change.get("newValue"), change.get("oldValue")):
                if isinstance(value, str) and value.strip('"'):
                    yield value.strip('"')


def _credentials(view: View) -> Iterator[Act]:
    """Keys that an application has after the change and had not before."""
    for target in objects_at(view, TARGETS):
        for change in _changes(target):
            if change.get("displayName") in _KEY_CHANGES:
                before = set(_KEYS.findall(_written(change.get("oldValue"))))
                for key in dict.fromkeys(_KEYS.findall(_written(change.get("newValue")))):
                    if key not in before:
                        yield Credential(key, _KIND, text(target.get("displayName")) or "", "made")


def _changes(target: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed = opened(target.get("modifiedProperties"))
    if isinstance(listed, list):
        yield from (one for one in listed[: azure_audit_values.MAX_TARGETS] if isinstance(one, Mapping))


def _written(value: object) -> str:
    return value if isinstance(value, str) else ""
