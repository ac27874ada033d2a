"""Read-only checks of a deployment on Azure. Resource Manager is only asked by GET, queues for their length."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from firstseen.adapters.azure.asking import Account
from firstseen.adapters.azure.clients import credential
from firstseen.adapters.azure.queues import Queue
from firstseen.adapters.azure.resources import Absent, Answer, Resources
from firstseen.errors import InputError, SettingsError, StoreUnavailable
from firstseen.findings.diagnosis import Check, fail, ok, warn

STATE_PREFIX = "fsstate"
"""The state's storage account begins so, whatever a deployment is called."""

ROLES: Mapping[str, str] = {
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "2b629674-e913-4c01-ae53-ef4638d8f975": "Azure Event Hubs Data Sender",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "a638d3c7-ab3a-418d-83e6-5f17a39d4fde": "Azure Event Hubs Data Receiver",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "d5a91429-5739-47e2-a06b-3470a27159e7": "EventGrid Data Sender",
}
"""Built-in roles that the app's identity has somewhere in the resource group."""

SILENT_HOURS, LOOK_BACK_HOURS = 2, 24 * 3
"""Measurements of the hub come by the hour."""

SKEW_WARN_SECONDS, SKEW_FAIL_SECONDS = 30, 240

_DEPLOY = "deploy main.bicep again"
_GROUP = re.compile(r"[\w().-]{1,90}")
_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """One resource group.

    Attributes:
        parts: its resources as the group lists them.
        state_account: the storage account of the state; "": it was not found.
        connection_string: instead of who is signed in, for queues: emulators.
    """

    ask: Resources
    subscription: str
    group: str
    parts: tuple[Answer, ...]
    state_account: str = ""
    connection_string: str = ""

    def of_type(self, kind: str) -> list[Answer]:
        """Those of a type."""
        return [one for one in self.parts if str(one.get("type", "")).casefold() == kind.casefold()]

    def one(self, kind: str) -> Answer:
        """The first of a type. Raises Absent."""
        found = self.of_type(kind)
        if not found:
            msg = f"the resource group has no {kind}"
            raise Absent(msg)
        return found[0]


def deployed(ask: Resources, subscription: str, group: str, *, connection_string: str = "") -> Deployment:
    """The resource group. Raises SettingsError when there is none, InputError when it cannot be seen."""
    if not _SUBSCRIPTION.fullmatch(subscription) or not _GROUP.fullmatch(group):
        msg = f"{subscription[:80]!r}, {group[:90]!r}: no subscription and resource group: see 'az group list'"
        raise SettingsError(msg)
    try:
        path = f"/subscriptions/{subscription}/resourceGroups/{group}/resources"
        parts = tuple(ask.each(path, "2021-04-01"))
    except Absent as exc:
        msg = f"there is no resource group {group} in subscription {subscription}: see 'az group list'"
        raise SettingsError(msg) from exc
    names = [str(one.get("name", "")) for one in parts if one.get("type") == "Microsoft.Storage/storageAccounts"]
    state = next((name for name in names if name.startswith(STATE_PREFIX)), "")
    return Deployment(ask, subscription, group, parts, state, connection_string)


def examine(of: Deployment) -> Iterator[Check]:
    """Every check of the resource group, in the order of an event's way. What cannot be seen is a warning."""
    for name, look in LOOKS.items():
        try:
            yield from look(of)
        except Absent as exc:
            yield fail(name, str(exc), f"somebody removed it: {_DEPLOY}, and find out who")
        except (InputError, StoreUnavailable) as exc:
            yield warn(name, f"it could not be seen: {exc}", "have the role given, or look in the portal")
        except (AttributeError, KeyError, TypeError, ValueError) as exc:  # the other checks go on
            yield warn(name, f"Azure's answer was not understood: {exc!r}", "look in the portal, and tell us")


def _setting(of: Deployment) -> Iterator[Check]:
    """Whether the subscription's Activity Log goes to the hub."""
    hub = str(of.one("Microsoft.EventHub/namespaces")["id"]).casefold()
    path = f"/subscriptions/{of.subscription}/providers/Microsoft.Insights/diagnosticSettings"
    found = [one.get("properties", {}) for one in of.ask.each(path, "2021-05-01-preview")]
    ours = [one for one in found if str(one.get("eventHubAuthorizationRuleId", "")).casefold().startswith(f"{hub}/")]
    on = [log.get("category") for one in ours for log in one.get("logs", ()) if log.get("enabled")]
    if "Administrative" in on:
        yield ok("setting", f"the Activity Log's {', '.join(sorted(map(str, on)))} go to the hub")
    elif ours:
        yield fail("setting", "the diagnostic setting does not send Administrative", _DEPLOY)
    else:
        said = "the subscription's Activity Log does not go to the hub"
        yield fail("setting", said, f"{_DEPLOY}; of another subscription: name it with --subscription")


def _hub(of: Deployment) -> Iterator[Check]:
    """When the hub last got something, and whether somebody takes it."""
    now = datetime.fromtimestamp(of.ask.clock(), UTC)
    span = f"{now - timedelta(hours=LOOK_BACK_HOURS):%Y-%m-%dT%H:%M:%SZ}/{now:%Y-%m-%dT%H:%M:%SZ}"
    path = f"{of.one('Microsoft.EventHub/namespaces')['id']}/providers/Microsoft.Insights/metrics"
    asked = {"metricnames": "IncomingMessages,OutgoingMessages", "aggregation": "Total", "interval": "PT1H"}
    last = {one["name"]["value"]: _last(one) for one in of.ask.each(path, "2018-01-01", timespan=span, **asked)}
    came, went = last.get("IncomingMessages"), last.get("OutgoingMessages")
    if came is None:
        yield fail("last event", f"none came in {LOOK_BACK_HOURS} hours", "the runbook: NoEvents")
    elif went is None or came - went > timedelta(hours=1):
        yield fail("last event", f"they came until {came:%Y-%m-%dT%HZ}, and nobody takes them", "the runbook: NoEvents")
    elif now - came > timedelta(hours=SILENT_HOURS):
        yield warn("last event", f"in the hour after {came:%Y-%m-%dT%HZ}", "is that usual? The runbook: NoEvents")
    else:
        yield ok("last event", f"in the hour after {came:%Y-%m-%dT%HZ}")


def _last(metric: Answer) -> datetime | None:
    points = [point for line in metric.get("timeseries", ()) for point in line.get("data", ())]
    return max((datetime.fromisoformat(one["timeStamp"]) for one in points if one.get("total")), default=None)


def _app(of: Deployment) -> Iterator[Check]:
    site = of.ask.get(of.one("Microsoft.Web/sites")["id"], "2024-04-01")
    state = site.get("properties", {}).get("state")
    if state == "Running":
        yield ok("app", f"{site.get('name')} is running")
    else:
        yield fail("app", f"{site.get('name')} is {state}", "az functionapp start; find out who stopped it")


def _permissions(of: Deployment) -> Iterator[Check]:
    """Whether the app's identity has each role somewhere in the group. On what exactly, is not compared."""
    site = of.ask.get(of.one("Microsoft.Web/sites")["id"], "2024-04-01")
    who = site.get("identity", {}).get("principalId", "")
    path = f"/subscriptions/{of.subscription}/resourceGroups/{of.group}/providers/Microsoft.Authorization"
    found = of.ask.each(f"{path}/roleAssignments", "2022-04-01", **{"$filter": f"principalId eq '{who}'"})
    has = {str(one.get("properties", {}).get("roleDefinitionId", "")).rpartition("/")[2] for one in found}
    lost = [name for key, name in ROLES.items() if key not in has]
    if lost:
        yield fail("permissions", f"the app has lost {', '.join(lost)}", _DEPLOY)
    else:
        yield ok("permissions", f"the app has its {len(ROLES)} roles")


def _queues(of: Deployment) -> Iterator[Check]:
    if not of.state_account and not of.connection_string:
        msg = "the resource group has no storage account of the state"
        raise Absent(msg)
    account = Account(f"https://{of.state_account}.queue.core.windows.net", of.connection_string, credential)
    for name, make, mend in (
        ("put-aside", None, ""),
        ("rejects", warn, "'firstseen deadletters list' says why each could not be read"),
        ("put-aside-poison", fail, "'firstseen deadletters list', mend the reason, then redrive"),
    ):
        number = Queue(account, name).length()
        said = f"{name}: {number:,} wait"
        yield ok("queues", said) if make is None or not number else make("queues", said, mend)


def _told(of: Deployment) -> Iterator[Check]:
    """Whether somebody gets the findings: by the group's e-mail, or by a subscription of the topic."""
    groups = [of.ask.get(one["id"], "2023-01-01") for one in of.of_type("Microsoft.Insights/actionGroups")]
    people = [one for group in groups for one in group.get("properties", {}).get("emailReceivers", ())]
    topic = of.one("Microsoft.EventGrid/topics")["id"]
    takers = list(of.ask.each(f"{topic}/providers/Microsoft.EventGrid/eventSubscriptions", "2022-06-15"))
    off = [str(one.get("name")) for one in people if one.get("status") == "Disabled"]
    if off:
        yield warn("subscriptions", f"{', '.join(off)} does not want the mails", "let them subscribe again")
    if len(people) + len(takers) > len(off):
        yield ok("subscriptions", f"{len(people) - len(off)} by e-mail, {len(takers)} of the topic")
    else:
        mend = "deploy with notificationEmail, or subscribe to the topic (docs/notify.md)"
        yield fail("subscriptions", "nobody is told of findings", mend)


def _alarms(of: Deployment) -> Iterator[Check]:
    """Which alarms are on, and whether all of them look."""
    versions = {"Microsoft.Insights/scheduledQueryRules": "2023-12-01", "Microsoft.Insights/metricAlerts": "2018-03-01"}
    faults = 0
    for kind, version in versions.items():
        for one in of.of_type(kind):
            if not of.ask.get(one["id"], version).get("properties", {}).get("enabled", False):
                faults += 1
                yield warn("alarms", f"{one.get('name')} is switched off", "switch it on")
    path = f"/subscriptions/{of.subscription}/providers/Microsoft.AlertsManagement/alerts"
    asked = {"targetResourceGroup": of.group, "monitorCondition": "Fired", "timeRange": "1d"}
    for one in of.ask.each(path, "2019-03-01", **asked):
        rule = str(one.get("properties", {}).get("essentials", {}).get("alertRule", "")).rpartition("/")[2]
        if not rule.endswith("-Findings"):
            faults += 1
            yield fail("alarms", f"{rule} is on", f"the runbook (docs/runbook.md): {rule.rpartition('-')[2]}")
    if not faults:
        yield ok("alarms", "none is on")


def _clock(of: Deployment) -> Iterator[Check]:
    """Of the machine that doctor runs on: expectations and baselines that it writes carry its times."""
    skew = of.ask.skew_seconds
    if skew is None:
        yield warn("clock", "Azure did not say its time", "compare it yourself")
    elif abs(skew) < SKEW_WARN_SECONDS:
        yield ok("clock", "this machine's agrees with Azure's")
    else:
        said = f"this machine's is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} Azure's"
        yield (fail if abs(skew) > SKEW_FAIL_SECONDS else warn)("clock", said, "set it, best by NTP")


LOOKS: Mapping[str, Callable[[Deployment], Iterator[Check]]] = {
    "setting": _setting,
    "last event": _hub,
    "app": _app,
    "permissions": _permissions,
    "queues": _queues,
    "subscriptions": _told,
    "alarms": _alarms,
    "clock": _clock,
}
"""The checks of the resource group, by the name that is shown."""
