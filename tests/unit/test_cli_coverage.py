"""``firstseen coverage`` and ``firstseen rules doc``: what is covered, what is not, and what pages say of rules."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.cli import main
from firstseen.cli.markdown import block, code, plain, steps

RULES = """
title: Command
id: 77777777-0000-4000-8000-000000000001
name: command
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventSource: ssm.amazonaws.com, eventName: SendCommand}
    condition: selection
---
title: 'Command | by *somebody* <b>new</b>'
id: 77777777-0000-4000-8000-000000000002
name: command_new
description: Runs a command.
tags: [attack.execution, attack.t1651]
correlation: {type: new_terms, rules: [command], fields: [userIdentity.arn], timespan: 7d}
falsepositives: [an administrator]
level: high
firstseen:
    level_reason: It is a shell
    observes: [run_command]
    triage: ['Look at `aws ssm list-commands --filters <x>` and <script>']
    response: [Stop it]
    queries: {athena: "SELECT '```' FROM logs"}
---
title: Switched off
id: 77777777-0000-4000-8000-000000000003
name: asleep
tags: [attack.t1578.002]
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventSource: ec2.amazonaws.com, eventName: RunInstances, userIdentity.arn|expand: '%nobody%'}
    condition: selection
level: low
firstseen: {enabled: false}
---
title: Command in Azure
id: 77777777-0000-4000-8000-000000000004
name: azure_command
tags: [attack.t1651]
logsource: {product: azure, service: activitylogs}
detection:
    selection: {operationName: MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION}
    condition: selection
level: high
---
name: nobody
values: []
"""
NAMED = """
- technique: T1651
  title: Cloud Administration Command
  rows:
      run_command: A command is run
      webhook: A web address starts one
"""
AWS = "run_command: [command_new]\nwebhook: {not_observable: there is none}\n"
AZURE = "run_command: [azure_command]\nwebhook: {not_observable: there is none}\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "all.yml").write_text(RULES, encoding="utf-8")
    return folder


@pytest.fixture
def named(tmp_path: Path) -> Path:
    folder = tmp_path / "coverage"
    folder.mkdir()
    for name, text in (("named", NAMED), ("aws", AWS), ("azure", AZURE)):
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def _run(capfd: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    status = main([str(word) for word in words])
    return status, *capfd.readouterr()


def _data(capfd: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(capfd, "coverage", *words)[1])
    return found


def test_the_table_counts_rules_by_technique_and_cloud_and_names_gaps(
    rules: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = _run(capfd, "coverage", "--rules", rules)
    assert (status, err) == (0, "")
    assert re.search(r"^T1651 Cloud Administration Command +1 +1$", out, re.MULTILINE)
    assert re.search(r"^T1578.002 Create Cloud Instance +1 +-$", out, re.MULTILINE)
    assert "T1578.002 Create Cloud Instance: none on Azure and Entra ID" in out


def test_every_row_of_the_table_has_rules_or_a_reason(
    rules: Path, named: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = _data(capfd, "--rules", rules, "--named", named, "--format", "json")
    assert [(one["row"], one["clouds"]["aws"]) for one in found["named"]] == [
        ("run_command", {"rules": ["command_new"], "missing": False}),
        ("webhook", {"not_observable": "there is none"}),
    ]
    assert found["faults"] == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("aws", "run_command: [command_new]\n", "aws has no answer for the row webhook (T1651)"),
        ("aws", AWS.replace("command_new", "command_nwe"), "no rule 'command_nwe' that makes findings; did you mean"),
        ("aws", AWS.replace("command_new", "command"), "no rule 'command' that makes findings"),
        ("aws", AWS.replace("command_new", "azure_command"), "reads no log of aws"),
        ("aws", AWS + "webhok: [command_new]\n", "aws.yml:3:1: named.yml has no row 'webhok'"),
        ("aws", AWS + "webhook: [command_new]\n", "aws.yml:3:1"),
        ("aws", AWS.replace("[command_new]", "[]"), "write a list of rule names, or {not_observable: the reason}"),
        ("aws", AWS.replace("there is none", "' '"), "write a list of rule names"),
        ("aws", AWS.replace("[command_new]", "command_new"), "write a list of rule names"),
        ("named", NAMED.replace("T1651", "T1562.008"), "named.yml:2:14: ATT&CK v19 has no technique T1562.008: it is"),
        ("named", NAMED + NAMED, "there is another row 'run_command' above"),
        ("named", "a: b\n", "named.yml"),
        ("named", "", "named.yml: it lists no technique"),
        ("named", NAMED.replace("title", "titel"), "each entry has technique, title, rows"),
    ],
)
def test_a_table_that_is_not_true_is_an_error(  # noqa: PLR0913, PLR0917 - the cases and where they go
    rules: Path, named: Path, capfd: pytest.CaptureFixture[str], file: str, text: str, said: str
) -> None:
    (named / f"{file}.yml").write_text(text, encoding="utf-8")
    status, _, err = _run(capfd, "coverage", "--rules", rules, "--named", named)
    assert status == 2
    assert said in err


def test_a_cell_without_an_answer_is_shown_as_missing(
    rules: Path, named: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (named / "azure.yml").write_text("run_command: [azure_command]\n", encoding="utf-8")
    page = _run(capfd, "coverage", "--rules", rules, "--named", named, "--format", "markdown")[1]
    assert "| A web address starts one | not observable: there is none | **MISSING** |" in page
    assert "| missing, of 2 detections | 0 | 1 |" in page


def test_a_folder_without_a_table_or_that_is_none_is_an_error(
    rules: Path, named: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (named / "named.yml").unlink()
    assert "the folder has no named.yml" in _run(capfd, "coverage", "--rules", rules, "--named", named)[2]
    status, _, err = _run(capfd, "coverage", "--rules", rules, "--named", named / "none")
    assert (status, "cannot be read" in err) == (2, True)


def test_the_layer_has_what_the_navigator_asks_for(rules: Path, named: Path, capfd: pytest.CaptureFixture[str]) -> None:
    layer = _data(capfd, "--rules", rules, "--named", named, "--format", "layer", "--name", "ours")
    assert (layer["name"], layer["domain"]) == ("ours", "enterprise-attack")
    assert layer["versions"]["attack"] == "19"
    assert layer["versions"]["layer"] == "4.5"
    assert tuple(map(int, layer["versions"]["navigator"].split("."))) >= (4, 9, 0)
    techniques = {one["techniqueID"]: one for one in layer["techniques"]}
    assert list(techniques) == ["T1578", "T1578.002", "T1651"]
    assert techniques["T1578"] == {"techniqueID": "T1578", "enabled": True, "showSubtechniques": True}
    assert techniques["T1651"]["score"] == 2
    assert "Command in Azure" in techniques["T1651"]["comment"]
    assert "Switched off (off)" in techniques["T1578.002"]["comment"]
    assert layer["gradient"]["maxValue"] > layer["gradient"]["minValue"]
    assert all(isinstance(one["value"], str) for each in techniques.values() for one in each.get("metadata", []))


def test_a_named_technique_that_no_rule_sees_has_score_0(
    rules: Path, named: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (named / "named.yml").write_text(NAMED.replace("T1651", "T1578.004"), encoding="utf-8")
    for cloud in ("aws", "azure"):
        text = "run_command: {not_observable: never}\nwebhook: {not_observable: never}\n"
        (named / f"{cloud}.yml").write_text(text, encoding="utf-8")
    layer = _data(capfd, "--rules", rules, "--named", named, "--format", "layer")
    assert {one["techniqueID"]: one.get("score") for one in layer["techniques"]}["T1578.004"] == 0


def test_the_index_lists_each_rule_with_its_default_and_the_list_it_waits_for(
    rules: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = _run(capfd, "rules", "doc", rules)
    assert status == 0
    assert "| [Switched off](detections-aws.md#asleep) | low, 21 | **off**; needs `nobody` |" in out
    assert r"[Command \| by \*somebody\* \<b\>new\</b\>](detections-aws.md#command_new)" in out
    assert "](detections-azure.md#azure_command)" in out
    assert "(detections-aws.md#command)" not in out, "a base rule that only a correlation uses is no detection"


def test_a_clouds_page_has_everything_about_its_rules(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = _run(capfd, "rules", "doc", "--cloud", "aws", "--links-from", rules.parent, rules)
    assert status == 0
    assert "[`command_new`](rules/all.yml)" in out
    assert "high, risk score 73: It is a shell" in out
    assert "`userIdentity.arn` when it was not seen for 7d" in out
    assert "1. Look at `aws ssm list-commands --filters <x>` and &lt;script&gt;" in out
    assert "````sql\nSELECT '```' FROM logs\n````" in out
    assert "`nobody` (**empty: cannot fire**)" in out
    assert "azure_command" not in out


def test_a_page_is_written_to_a_file_and_faults_are_told(
    rules: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (rules / "broken.yml").write_text("title: [", encoding="utf-8")
    status, out, err = _run(capfd, "rules", "doc", "-o", tmp_path / "page.md", rules)
    assert (status, out) == (2, "")
    assert "broken.yml" in err
    assert "Command in Azure" in (tmp_path / "page.md").read_text(encoding="utf-8")


@given(st.text())
def test_plain_text_holds_no_markup_and_no_line_breaks(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_<>|\[\]]", shown)
    assert not re.match(r"[-+=#]|\d+[.)]", shown)


@given(st.text(alphabet="`<a |\n\\"))
def test_a_step_gives_html_no_way_out_of_code(text: str) -> None:
    """Outside of code, which a run of backticks opens and only the same run closes, no ``<`` stands as it is."""
    left = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", steps(text))
    assert "<" not in left


@given(st.lists(st.text(alphabet="`a"), max_size=4))
def test_nothing_in_a_block_closes_it(lines: list[str]) -> None:
    found = block("\n".join(lines))
    assert found[0] == found[-1]
    assert all(found[0] not in line for line in found[1:-1])


def test_code_with_backticks_is_fenced_by_more_of_them() -> None:
    assert code("a``b") == "```a``b```"
    assert code("`a") == "`` `a ``"
    assert code("a|b") == "`a\\|b`"
