"""The runbook has a section for each alarm of both clouds, and the dashboard shows what is there."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

from firstseen.cli.main import COMMANDS
from tests.emulators import ROOT
from tests.infra.bicep_files import files, resources
from tests.infra.templates import TEMPLATE, needs_infra, transformed

pytestmark = needs_infra

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")

PARTS = ("Means", "Look", "Mend", "Meanwhile")


def sections(cloud: str) -> dict[str, str]:
    """Heading → text, of one cloud's part."""
    part = re.split(r"^## ", RUNBOOK.partition(f"\n## {cloud}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.split(r"^### `(\w+)`$", part, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


@cache
def made() -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = transformed()["Resources"]
    return resources


def aws_alarms() -> list[str]:
    return [name for name, one in made().items() if one["Type"] == "AWS::CloudWatch::Alarm"]


def azure_alarms() -> list[str]:
    """Those of the two lists, and the rules that stand alone."""
    tree = files()["modules/alerts.bicep"]
    listed = [one["name"] for name in ("alarms", "topicAlarms") for one in tree["variables"][name]["value"]]
    kinds = ("Microsoft.Insights/scheduledQueryRules", "Microsoft.Insights/metricAlerts")
    rules = [symbol for kind in kinds for symbol in resources("modules/alerts.bicep", kind)]
    assert set(rules) == {"findings", "alarmRules", "topicAlarmRules"}, (
        "another rule: give it a section, and name it here"
    )
    return [*listed, "Findings"]


def test_each_alarm_of_aws_has_its_section() -> None:
    assert sorted(sections("AWS")) == sorted(aws_alarms())


def test_each_alarm_of_azure_has_its_section() -> None:
    assert sorted(sections("Azure")) == sorted(azure_alarms())


@pytest.mark.parametrize("cloud", ["AWS", "Azure"])
def test_each_section_says_what_it_means_where_to_look_how_to_mend_it_and_what_happens_until_then(cloud: str) -> None:
    for name, text in sections(cloud).items():
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, flags=re.MULTILINE) == list(PARTS), name


def test_the_commands_in_it_exist() -> None:
    named = set(re.findall(r"\bfirstseen ([a-z-]+)", re.sub(r"lines? `firstseen[^`]*`|`firstseen`", "", RUNBOOK)))
    assert named <= set(COMMANDS) | {"reads"}, named - set(COMMANDS)
    assert "doctor" in named


def test_the_rights_that_doctor_needs_are_those_of_its_calls() -> None:
    folder = ROOT / "shared" / "firstseen" / "adapters" / "aws"
    code = "".join(
        (folder / f"{name}.py").read_text(encoding="utf-8") for name in ("deployment", "doctor", "doctor_ways")
    )
    calls = re.findall(r'\bask\.(?:ask|each)\(\s*"([a-z0-9]+)",\s*"([a-z_0-9]+)"', code)
    assert len(calls) == len(re.findall(r"\bask\.(?:ask|each)\(", code)) > 20
    actions = {f"{service}:{operation.title().replace('_', '')}" for service, operation in calls}
    actions = {{"s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification"}.get(one, one) for one in actions}
    said = re.search(r"at the least:\n\n```\n(.*?)```", RUNBOOK, flags=re.DOTALL)
    assert said is not None
    assert set(said[1].split()) == actions


# ---- the dashboard ---------------------------------------------------------------------------------------------------


def widgets() -> list[dict[str, Any]]:
    """With names in place of what CloudFormation puts in."""
    body, values = made()["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name in values:
        body = body.replace(f"${{{name}}}", "")
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def test_the_dashboard_shows_every_alarm() -> None:
    _, values = made()["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = set(re.findall(r"\$\{(\w+Alarm)\.Arn\}", json.dumps(widgets()) + json.dumps(values)))
    assert shown == set(aws_alarms())


def test_the_dashboard_names_metrics_that_are_written_and_parts_that_are_there() -> None:
    handlers = "".join(
        (ROOT / "functions" / "aws" / name).read_text(encoding="utf-8") for name in ("ingest.py", "sweep.py")
    )
    seen = 0
    for one in widgets():
        above: list[Any] = []
        for row in one["properties"].get("metrics", []):
            whole = [above[at] if part == "." else part for at, part in enumerate(row) if not isinstance(part, dict)]
            namespace, metric, _, value = above = whole
            seen += 1
            if namespace == "firstseen":
                assert f'"{metric}"' in handlers or metric.startswith("state_"), metric
                assert value == "${AWS::StackName}"
            else:
                assert value.strip("${}").partition(".")[0] in made(), value
    assert seen > 15


def test_no_two_parts_of_the_dashboard_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for one in widgets():
        cells = {(one["x"] + x, one["y"] + y) for x in range(one["width"]) for y in range(one["height"])}
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells


def test_the_template_points_to_the_runbook() -> None:
    assert "docs/runbook.md" in TEMPLATE.read_text(encoding="utf-8")
