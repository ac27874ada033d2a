"""Where to look closer: links and commands, only from values that are safe to click and to paste.



An event's id and region come from the event. One with any other character than such ids have gets no link
and no command: a command that an attacker wrote must not reach an on-call's shell.
"""

from __future__ import annotations

import re

from firstseen.findings.finding import Finding

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]{2,10}){1,2}-\d{1,2}")

_CONSOLES = (("cn-", "console.amazonaws.cn"), ("us-gov-", "console.amazonaws-us-gov.com"))


def event_id(finding: Finding) -> str:
    """The triggering event's id, or "" when it has none that may stand in a command."""
    found = finding.related[0].event_id if finding.related else ""
    return found if _ID.fullmatch(found) else ""


def region(finding: Finding) -> str:
    """The event's region, or "" when it is none that may stand in a command."""
    found = finding.fact("region")
    return found if _REGION.fullmatch(found) else ""


def console_link(finding: Finding) -> str:
    """The event in its provider's console; "" where there is no page for one event."""
    if finding.source == "aws.cloudtrail" and event_id(finding) and region(finding):
        return aws_event_link(region(finding), event_id(finding))
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
    elif finding.kind == "summary":
        commands.append(f"firstseen findings list --rule {finding.card.id} --routing learning")
    elif finding.source == "aws.cloudtrail" and event_id(finding):
        where = f" --region {region(finding)}" if region(finding) else ""
        asked = f"AttributeKey=EventId,AttributeValue={event_id(finding)}"
        commands.append(f"aws cloudtrail lookup-events{where} --lookup-attributes {asked}")
    return tuple(command for command in commands if _pasteable(command))


def mark_expected(finding: Finding) -> str:
    """The command that says: this is known, for thirty days."""
    return f'firstseen expect {finding.uid} --for 30d --reason "…"'


_COMMAND = re.compile(r"[A-Za-z0-9 =,_.:/-]+")


def _pasteable(command: str) -> bool:
    return _COMMAND.fullmatch(command) is not None
