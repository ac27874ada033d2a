"""What EventBridge hands over, as it is deployed: it follows from the shipped rules, and templates can hold it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstseen.cli import main
from firstseen.cli.commands import rules_build
from firstseen.cli.eventbridge import TARGETS
from firstseen.matching.patterns import UNATTENDED
from tests.infra.templates import CALLS, MEMBER, Template, written
from tests.shipped import RULES, shipped_rules

MAX_TEMPLATE_BYTES = 51_200
"""What CloudFormation takes in a call; more must lie in a bucket, which StackSets of the console need not have."""

ASKED = """
title: Asked
id: 11111111-0000-4000-8000-000000000001
name: asked
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventSource: ask.amazonaws.com, eventName: Ask}
    condition: selection
level: low
---
title: Came with curl
id: 11111111-0000-4000-8000-000000000002
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {userAgent|contains: curl}
    condition: selection
level: low
"""


@pytest.mark.parametrize(("file", "to"), [(CALLS, "queue"), (MEMBER, "bus")], ids=TARGETS)
def test_the_templates_are_what_the_shipped_rules_give(
    file: Path, to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command line makes them, with the rules that it would read again."""
    monkeypatch.setattr(rules_build, "read_rule_set", lambda *_, **__: shipped_rules())
    made = tmp_path / file.name
    assert main(["rules", "build", "--eventbridge", str(made), "--eventbridge-to", to, RULES]) == 0
    assert made.read_bytes() == file.read_bytes(), f"{file.name} is not of these rules: make patterns"


@pytest.mark.parametrize("file", [CALLS, MEMBER], ids=TARGETS)
def test_cloudformation_takes_the_templates_as_they_are(file: Path) -> None:
    """It refuses null anywhere."""
    assert file.stat().st_size < MAX_TEMPLATE_BYTES
    assert "null" not in json.dumps(written(file))


def patterns(template: Template) -> list[object]:
    resources = template["Resources"].items()
    return [one["Properties"]["EventPattern"] for name, one in resources if name.startswith("Calls")]


def test_both_templates_have_the_same_patterns_and_each_their_own_targets() -> None:
    queue, bus = written(CALLS), written(MEMBER)
    assert patterns(queue) == patterns(bus) != []
    (role,) = [one["Properties"] for one in bus["Resources"].values() if one["Type"] == "AWS::IAM::Role"]
    (allowed,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert (allowed["Action"], allowed["Resource"]) == ("events:PutEvents", {"Ref": "BusArn"})
    for template, arn in ((queue, "QueueArn"), (bus, "BusArn")):
        rules = [one["Properties"] for one in template["Resources"].values() if one["Type"] == "AWS::Events::Rule"]
        assert {json.dumps(rule["Targets"][0]["Arn"]) for rule in rules} == {json.dumps({"Ref": arn})}
        assert all("DeadLetterConfig" in rule["Targets"][0] for rule in rules)


def test_what_is_made_and_what_it_does_nothing_for_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, made, pack = tmp_path / "rules.yml", tmp_path / "calls.yaml", tmp_path / "rules.pack"
    rules.write_text(ASKED, encoding="utf-8")
    assert main(["rules", "build", "--eventbridge", str(made), str(rules)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "1 rule of EventBridge for 1 call",
        "by the trail alone, as it names no call: Came with curl",
    ]
    (pattern,) = patterns(written(made))
    assert pattern == {
        "source": [{"prefix": "aws."}],
        "detail-type": [{"suffix": " via CloudTrail"}],
        "detail": {
            "eventName": [{"equals-ignore-case": "Ask"}],
            "eventSource": [{"equals-ignore-case": "ask.amazonaws.com"}],
            "userIdentity": {"invokedBy": [{"exists": False}, {"anything-but": list(UNATTENDED)}]},
        },
    }
    assert main(["rules", "build", "--eventbridge", str(made), "-o", str(pack), str(rules)]) == 0
    assert pack.stat().st_size > 0


def test_rules_that_name_no_call_at_all_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(ASKED.split("---")[1], encoding="utf-8")
    assert main(["rules", "build", "--eventbridge", str(tmp_path / "calls.yaml"), str(rules)]) == 2
    assert "no rule names the calls" in capsys.readouterr().err


def test_a_rule_that_is_switched_off_asks_for_nothing(tmp_path: Path) -> None:
    rules, made = tmp_path / "rules.yml", tmp_path / "calls.yaml"
    second = (
        ASKED.split("---", maxsplit=1)[0].replace("000001", "000003").replace("Ask", "Beg").replace("asked", "begged")
    )
    rules.write_text(f"{ASKED}---{second}", encoding="utf-8")
    (tmp_path / "rules.yaml").write_text("rules:\n  begged: {enabled: false}\n", encoding="utf-8")
    assert main(["rules", "build", "--eventbridge", str(made), str(tmp_path)]) == 0
    assert "Ask" in made.read_text(encoding="utf-8")
    assert "Beg" not in made.read_text(encoding="utf-8")
