"""Where to look closer: links and commands, only from values that are safe to click and to paste.

An event's id, region and resource come from the event. One with any other character than such names have gets no link
and no command: a command that an attacker wrote must not reach an on-call's shell.
"""

from __future__ import annotations

import re

from firstseen.findings.finding import Finding
from firstseen.findings.times import HOUR_US, SECOND_US, iso

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]{2,10}){1,2}-\d{1,2}")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,62}")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_RESOURCE = re.compile(rf"/subscriptions/{_GUID.pattern}(/[A-Za-z0-9_.-]{{1,120}}){{0,30}}", re.IGNORECASE)
MAX_RESOURCE_CHARS = 1_000
_OURS = "sha256-"
"""Where an event has no id, a hash of its content serves, which its provider does not know."""

_CONSOLES = (("cn-", "console.amazonaws.cn"), ("us-gov-", "console.amazonaws-us-gov.com"))

_GRAPH = "az rest --method get --url https://graph.microsoft.com/v1.0/auditLogs"


def event_id(finding: Finding) -> str:
    """The triggering event's id, or "" when it has none of its own, or none that may stand in a command."""
    found = finding.related[0].event_id if finding.related else ""
    return found if _ID.fullmatch(found) and not found.startswith(_OURS) else ""


def region(finding: Finding) -> str:
    """The event's region, or "" when it is none that may stand in a command."""
    found = finding.fact("region")
    return found if _REGION.fullmatch(found) else ""


def console_link(finding: Finding) -> str:
    """The event in its provider's console; on Azure, which has no page for one, the resource or whoever signed in.

    "" where there is no such page, or nothing that may stand in a link.
    """
    match finding.source:
        case "aws.cloudtrail" if event_id(finding) and region(finding):
            return aws_event_link(region(finding), event_id(finding))
        case "azure.activitylogs":
            resource = finding.fact("resource")
            fits = len(resource) <= MAX_RESOURCE_CHARS and _RESOURCE.fullmatch(resource)
            return f"https://portal.azure.com/#resource{resource}" if fits else ""
        case "azure.signinlogs" if _GUID.fullmatch(finding.fact("user_id")):
            blade = "#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/SignIns"
            return f"https://entra.microsoft.com/{blade}/userId/{finding.fact('user_id')}"
    return ""


def aws_event_link(aws_region: str, cloudtrail_event_id: str) -> str:
    """CloudTrail's page of one event (management events of the last 90 days). Both must be safe to paste."""
    host = next((host for prefix, host in _CONSOLES if aws_region.startswith(prefix)), "console.aws.amazon.com")
    return f"https://{aws_region}.{host}/cloudtrailv2/home?region={aws_region}#/events/{cloudtrail_event_id}"


def look_closer(finding: Finding) -> tuple[str, ...]:
    """Commands that show more, the shortest way first."""
    commands = [f"firstseen findings show {finding.uid}"]
    if finding.kind == "digest":
        commands.append(f"firstseen findings list --rule {finding.card.id} --routing digest")
    elif finding.kind == "summary" and finding.card.id.startswith("firstseen."):
        commands.append("firstseen findings list --kind summary")
    elif finding.kind == "summary":
        commands.append(f"firstseen findings list --rule {finding.card.id} --routing learning")
    elif event_id(finding):
        commands.append(_provider_command(finding))
    return tuple(command for command in commands if _pasteable(command))


def _provider_command(finding: Finding) -> str:
    """The event by its provider's own tool; "" where there is none."""
    event = event_id(finding)
    own_id = event.partition(":")[0]  # what follows is ours
    match finding.source:
        case "aws.cloudtrail":
            where = f" --region {region(finding)}" if region(finding) else ""
            asked = f"AttributeKey=EventId,AttributeValue={event}"
            return f"aws cloudtrail lookup-events{where} --lookup-attributes {asked}"
        case "azure.activitylogs" if _GUID.fullmatch(own_id):
            account = finding.fact("account")
            where = f" --subscription {account}" if _GUID.fullmatch(account) else ""
            since = iso((finding.time_us - HOUR_US) // SECOND_US * SECOND_US)  # and six hours on, which is its default
            return f"az monitor activity-log list{where} --correlation-id {own_id} --start-time {since}"
        case "azure.signinlogs" if _GUID.fullmatch(own_id):
            return f"{_GRAPH}/signIns/{own_id}"
        case "azure.auditlogs":
            return f"{_GRAPH}/directoryAudits/{event}"
        case "gcp.audit" if _PROJECT.fullmatch(finding.fact("account")):
            # An id that begins with a hyphen is none here: it would have to stand in quotes.
            where = f" --project {finding.fact('account')}"
            return f"gcloud logging read insertId={own_id}{where} --freshness 30d --format json"
    return ""


def mark_expected(finding: Finding) -> str:
    """The command that says: this is known, for thirty days."""
    return f'firstseen expect {finding.uid} --for 30d --reason "…"'


_COMMAND = re.compile(r"[A-Za-z0-9 =,_.:/-]+")


def _pasteable(command: str) -> bool:
    return _COMMAND.fullmatch(command) is not None
