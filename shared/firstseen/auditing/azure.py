"""What the Activity Log shows of rights and commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from firstseen.auditing.acts import Act, Alias, Command, Grant, Outcome, Sensitive
from firstseen.auditing.azure_roles import ROLE_NAMES, ROLES
from firstseen.matching.values import TooManyValuesError, text_values
from firstseen.sources.azure_activitylogs import ACTIVITYLOGS
from firstseen.sources.source import View

_MACHINES = "microsoft.compute/virtualmachines"
_SETS = "microsoft.compute/virtualmachinescalesets"
_ARC = "microsoft.hybridcompute/machines"

COMMANDS = frozenset((
    f"{_MACHINES}/runcommand/action", f"{_MACHINES}/runcommands/write", f"{_MACHINES}/extensions/write",
    f"{_SETS}/virtualmachines/runcommand/action", f"{_SETS}/virtualmachines/runcommands/write",
    f"{_SETS}/extensions/write", f"{_SETS}/virtualmachines/extensions/write", f"{_ARC}/runcommands/write",
    f"{_ARC}/extensions/write", "microsoft.automation/automationaccounts/jobs/write",
    "microsoft.automation/automationaccounts/runbooks/testjob/write",
    "microsoft.serialconsole/serialports/connect/action",
    "microsoft.containerservice/managedclusters/runcommand/action",
))  # fmt: skip

SENSITIVE = frozenset((
    "microsoft.authorization/roleassignments/write", "microsoft.authorization/roledefinitions/write",
    "microsoft.authorization/elevateaccess/action", "microsoft.authorization/locks/delete",
    "microsoft.authorization/policyassignments/delete", "microsoft.insights/diagnosticsettings/delete",
    "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials/write",
    "microsoft.automation/automationaccounts/runbooks/write", "microsoft.automation/automationaccounts/webhooks/write",
    "microsoft.keyvault/vaults/accesspolicies/write", "microsoft.managedservices/registrationassignments/write",
))  # fmt: skip

_ASSIGN = "microsoft.authorization/roleassignments/write"
_UNASSIGN = "microsoft.authorization/roleassignments/delete"
_ELEVATE = "microsoft.authorization/elevateaccess/action"
_IN_FRONT = "/providers/microsoft.authorization/"

MAX_BODY_CHARACTERS = 200_000


def _reads(name: str) -> Callable[[View], str]:
    """What reads a field of the Activity Log in any of its shapes: its first text, or ""."""
    accessor = ACTIVITYLOGS.accessor(name)

    def text(view: View) -> str:
        try:
            return next(iter(text_values(view, accessor)), "")
        except TooManyValuesError:
            return ""

    return text


_object_id = _reads("identity.claims.http://schemas.microsoft.com/identity/claims/objectidentifier")
_role = _reads("authorization.evidence.role")
_role_scope = _reads("authorization.evidence.roleAssignmentScope")
_resource = _reads("resourceId")
_bodies = (_reads("properties.requestbody"), _reads("properties.responseBody"))


class ActivityLogReader:
    """See :class:`firstseen.auditing.acts.Reader`."""

    def principal(self, actor: str) -> str:
        """In small letters: the shapes of the log write names in several ways."""
        return actor.casefold()

    def acts(self, view: View, action: str, actor: str, outcome: Outcome) -> Iterator[Act]:
        """Commands, role assignments, and the role by which a call was allowed."""
        called = action.casefold()
        known_as = _object_id(view).casefold()
        if known_as and known_as != actor:
            yield Alias(known_as, actor)
        role = _role(view)
        rank = ROLE_NAMES.get(role.casefold())
        if rank is not None and actor:
            scope = _role_scope(view)
            yield Grant(("azure", actor, role.casefold(), scope.casefold()), actor, role, rank, scope, "used")
        if called in COMMANDS:
            yield Command(actor, tuple(filter(None, [_resource(view).casefold()])))
        if called in {_ASSIGN, _UNASSIGN, _ELEVATE}:
            yield from _assignment(view, called, actor, outcome)
        if outcome != "failure" and (called in SENSITIVE or called in COMMANDS):
            yield Sensitive()


def _assignment(view: View, called: str, actor: str, outcome: Outcome) -> Iterator[Act]:
    """A role is assigned: who gets which role stands in the request, and in the answer."""
    resource = _resource(view).casefold()
    key = ("azure", resource)
    if called == _ELEVATE:
        if outcome == "success":
            yield Grant(("azure", actor, "elevated"), actor, "User Access Administrator, by elevation", "grants", "/")
    elif outcome == "failure":
        if called == _ASSIGN:
            yield Grant(key, how="refused")
    elif called == _UNASSIGN:
        if outcome:
            yield Grant(key, how="taken")
    else:
        body = _body(view)
        definition = _in(body, "roleDefinitionId").rpartition("/")[2].casefold()
        role = ROLES.get(definition)
        principal = _in(body, "principalId").casefold()
        if role is not None and principal:
            scope = _in(body, "scope") or resource.partition(_IN_FRONT)[0] or "/"
            yield Grant(key, principal, role[0], role[1], scope)


def _body(view: View) -> Mapping[str, Any]:
    """The properties of the request's or the answer's body, by names in small letters."""
    for read in _bodies:
        text = read(view)
        if not 0 < len(text) <= MAX_BODY_CHARACTERS:
            continue
        try:
            body = orjson.loads(text.encode("utf-8", "replace"))
        except ValueError:
            continue
        for inner in _folded(body).get("properties"), body:
            found = _folded(inner)
            if "principalid" in found:
                return found
    return {}


def _folded(value: object) -> dict[str, Any]:
    return {key.casefold(): one for key, one in value.items()} if isinstance(value, dict) else {}


def _in(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name.casefold())
    return found if isinstance(found, str) else ""
