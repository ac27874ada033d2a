"""``firstseen rules …`` and ``match --explain``: what they print, where, and with which exit status."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml

from firstseen.cli import main

RULE = """
title: Asked
id: 66666666-0000-4000-8000-000000000001
name: asked
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventSource: iam.amazonaws.com, eventName: [CreateUser, DeleteUser]}
    condition: selection
falsepositives: [an administrator]
level: low
firstseen:
    tests:
        - name: a creation matches
          events: [{eventID: a, eventTime: 2026-03-02T10:00:00Z, eventSource: iam.amazonaws.com, eventName: CreateUser}]
          expect: 1
---
title: =Newly asked
id: 66666666-0000-4000-8000-000000000002
name: newly
correlation: {type: new_terms, rules: [asked], fields: [userIdentity.arn], timespan: 7d}
falsepositives: [a new administrator]
level: high
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "asked.yml").write_text(RULE, encoding="utf-8")
    return folder


def _run(capfd: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    status = main([str(word) for word in words])
    return status, *capfd.readouterr()


def _edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "asked.yml").read_text(encoding="utf-8")
    assert old in text
    (folder / "asked.yml").write_text(text.replace(old, new), encoding="utf-8")


def test_check_says_what_is_missing_and_passes(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = _run(capfd, "rules", "check", rules)
    assert status == 0
    assert "warning: the rule has no tests" in out
    assert "2 base rules" not in err
    assert "0 errors, 1 warning, 0 notes" in err


def test_check_exits_with_2_on_errors_and_shows_the_line_with_a_caret(
    rules: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _edit(rules, "eventSource: iam.amazonaws.com, eventName: [", "eventSource: iam, eventNam: [")
    status, out, _ = _run(capfd, "rules", "check", rules)
    assert status == 2
    assert "asked.yml:7:" in out
    assert "^" in out
    assert "write 'iam.amazonaws.com'" in out
    assert "did you mean eventName?" in out


def test_strict_counts_warnings(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run(capfd, "rules", "check", "--strict", rules)[0] == 2


def test_check_as_json_has_one_record_an_issue(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _run(capfd, "rules", "check", "--format", "json", rules)
    body = json.loads(out)
    assert body["counts"] == {"error": 0, "warning": 1, "note": 0}
    assert body["issues"][0]["check"] == "missing-tests"
    assert body["issues"][0]["line"] == 17


def test_check_as_sarif_has_what_the_standard_requires(
    rules: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SARIF 2.1.0: version, runs, tool.driver.name, a message in each result, indices and lines that are right."""
    (rules / "broken one.yml").write_text("title: [\n", encoding="utf-8")
    monkeypatch.chdir(rules.parent)
    _, out, _ = _run(capfd, "rules", "check", "--format", "sarif", "rules")
    body: dict[str, Any] = json.loads(out)
    assert body["version"] == "2.1.0"
    (run,) = body["runs"]
    driver = run["tool"]["driver"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert driver["name"] == "firstseen"
    assert len(ids) == len(set(ids))
    uris = set()
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["region"]["startLine"] >= 1
        uris.add(place["artifactLocation"]["uri"])
    assert uris == {"rules/asked.yml", "rules/broken%20one.yml"}


SARIF_SCHEMA = (
    Path(__file__)
    .parents[2]
    .joinpath("node_modules", "@microsoft", "jest-sarif", "lib", "schemas", "sarif-2.1.0-rtm.5.json")
)


@pytest.mark.skipif(not SARIF_SCHEMA.exists(), reason="SARIF's schema is not installed: make node_modules/.installed")
def test_check_as_sarif_keeps_the_standards_schema(
    rules: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (rules / "broken one.yml").write_text("title: [\n", encoding="utf-8")
    (rules / "misspelt.yml").write_text("titel: x\ndetection: {a: {b: c}, condition: a}\n", encoding="utf-8")
    monkeypatch.chdir(rules.parent)
    validator = jsonschema.Draft4Validator(json.loads(SARIF_SCHEMA.read_text(encoding="utf-8")))
    body: dict[str, Any] = {}
    for path in ("rules/asked.yml", "rules", str(rules)):
        _, out, _ = _run(capfd, "rules", "check", "--format", "sarif", path)
        body = json.loads(out)
        assert [error.message for error in validator.iter_errors(body)] == []
    body["runs"][0]["results"][0]["level"] = "fatal"
    assert list(validator.iter_errors(body)), "the schema is one that refuses something"


def test_tests_that_rules_carry_are_run_and_rules_without_are_named(
    rules: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = _run(capfd, "rules", "test", rules)
    assert status == 0
    assert "no tests  =Newly asked" in out
    assert out.endswith("1 passed, 0 failed; 1 rules carry no tests\n")


def test_a_failing_test_says_what_was_expected_and_where(
    rules: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _edit(rules, "expect: 1", "expect: 0")
    status, out, _ = _run(capfd, "rules", "test", "--junit", tmp_path / "tests.xml", rules)
    assert status == 1
    assert "FAILED  Asked: a creation matches" in out
    assert "asked.yml:13" in out
    assert "expected 0 events match, got 1" in out
    suites = ET.parse(tmp_path / "tests.xml").getroot()  # noqa: S314 - written by ourselves
    assert (suites.get("tests"), suites.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suites.iter("testcase")] == ["a creation matches", "has tests"]
    assert len(list(suites.iter("failure"))) == 1
    assert len(list(suites.iter("skipped"))) == 1


def test_an_event_that_cannot_be_read_fails_its_test(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _edit(rules, "eventTime: 2026-03-02T10:00:00Z, ", "")
    status, out, _ = _run(capfd, "rules", "test", rules)
    assert status == 1
    assert "event 1:" in out
    assert "eventTime" in out


@pytest.mark.parametrize("name", ["asked", "newly"])
def test_a_scaffold_pasted_into_the_rule_passes(name: str, rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = _run(capfd, "rules", "test", "--scaffold", name, rules)
    assert status == 0
    documents = list(yaml.safe_load_all((rules / "asked.yml").read_text(encoding="utf-8")))
    made = yaml.safe_load(out)["firstseen"]["tests"]
    assert made
    documents[["asked", "newly"].index(name)]["firstseen"] = {"tests": made}
    (rules / "asked.yml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    status, out, _ = _run(capfd, "rules", "test", rules)
    assert (status, "0 failed" in out) == (0, True)


def test_list_shows_what_an_overlay_changes(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (rules / "rules.yaml").write_text("rules: {newly: {enabled: false, level: low}}\n", encoding="utf-8")
    status, out, _ = _run(capfd, "rules", "list", rules)
    assert status == 0
    line = next(line for line in out.splitlines() if "Newly" in line)
    assert "enabled: yes → no" in line
    assert "level: high → low" in line
    _, out, _ = _run(capfd, "rules", "list", "--format", "json", rules)
    (row,) = json.loads(out)
    assert row["tuned"][0] == {"what": "enabled", "before": "yes", "after": "no"}
    assert row["sources"] == ["aws.cloudtrail"]


def test_list_as_csv_is_no_formula(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _run(capfd, "rules", "list", "--format", "csv", rules)
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["title"] == "'=Newly asked"


def test_build_and_replay_take_the_overlay_among_the_rules(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (rules / "rules.yaml").write_text("rules: {newly: {limit: 3}}\n", encoding="utf-8")
    status, out, _ = _run(capfd, "rules", "build", rules)
    assert status == 0
    assert json.loads(out)["correlations"][0]["limit"] == 3
    (rules / "rules.yaml").write_text("rules: {nobody: {limit: 3}}\n", encoding="utf-8")
    status, _, err = _run(capfd, "replay", "--rules", rules, "--state", "memory:", rules / "asked.yml")
    assert status == 2
    assert "there is no rule 'nobody'" in err


def test_show_prints_what_is_evaluated_for_each_source(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = _run(capfd, "rules", "show", "newly", rules)
    assert status == 0
    assert "userIdentity.arn has a value not seen for 7d" in out
    assert "on aws.cloudtrail:" in out
    assert 'eventName is any of "createuser", "deleteuser"' in out


def test_example_prints_events_that_the_rule_matches(
    rules: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = _run(capfd, "rules", "example", "asked", rules)
    assert status == 0
    (tmp_path / "events.jsonl").write_text(out, encoding="utf-8")
    _, out, _ = _run(capfd, "match", "--rules", rules, "--format", "jsonl", tmp_path / "events.jsonl")
    assert [json.loads(line)["rule_id"][-1] for line in out.splitlines()] == ["1"]


def test_near_misses_match_nothing(rules: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, out, err = _run(capfd, "rules", "example", "--near-miss", "asked", rules)
    assert "no longer so: eventSource" in err
    (tmp_path / "events.jsonl").write_text(out, encoding="utf-8")
    status, out, _ = _run(capfd, "match", "--rules", rules, tmp_path / "events.jsonl")
    assert (status, out) == (0, "")


def test_example_of_a_rule_that_cannot_fire_says_why(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _edit(rules, "condition: selection", "other: {eventName: X}\n    condition: selection and other")
    status, out, err = _run(capfd, "rules", "example", "asked", rules)
    assert (status, out) == (2, "")
    assert "contradict" in err


def test_an_unknown_rule_is_answered_with_a_near_name(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, _, err = _run(capfd, "rules", "show", "newl", rules)
    assert status == 2
    assert "did you mean 'newly'?" in err


def test_match_explains_each_condition_with_the_values_it_saw(
    rules: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With ``--only`` events that do not match are explained as well: that is the question people have."""
    event = {
        "eventID": "a",
        "eventTime": "2026-03-02T10:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "Ask",
    }
    (tmp_path / "events.jsonl").write_text(json.dumps(event) + "\n", encoding="utf-8")
    words = ("match", "--explain", "--rules", rules)
    assert _run(capfd, *words, tmp_path / "events.jsonl")[1] == ""
    status, out, _ = _run(capfd, *words, "--only", "newly", tmp_path / "events.jsonl")
    assert status == 0
    assert "does not match" in out
    assert '+ eventSource is "iam.amazonaws.com": "iam.amazonaws.com"' in out
    assert '- eventName is "CreateUser": "Ask"' in out
    _, out, _ = _run(capfd, *words, "--only", "newly", "--format", "jsonl", tmp_path / "events.jsonl")
    assert json.loads(out)["matches"] is False
    status, _, err = _run(capfd, *words, "--only", "newlyy", tmp_path / "events.jsonl")
    assert (status, "did you mean 'newly'?" in err) == (2, True)
