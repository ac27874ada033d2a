"""Looking at findings and expecting them: what the commands printed in a finding do when they are pasted."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from firstseen.cli import main
from firstseen.cli.tables import cell

RULES = """
title: Asked
name: asked
id: 22222222-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: Ask}
    condition: selection
---
title: Somebody new asked
name: new_asker
id: 22222222-0000-4000-8000-000000000002
correlation:
    type: new_terms
    rules: [asked]
    fields: [userIdentity.userName]
    timespan: 7d
level: high
---
title: Told
name: told
id: 22222222-0000-4000-8000-000000000003
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: Tell}
    condition: selection
level: low
"""

NEW, TOLD = "22222222-0000-4000-8000-000000000002", "22222222-0000-4000-8000-000000000003"


def event(number: int, who: str, at: str = "2026-03-02T10:00:00Z", **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of an event
    return {
        "eventVersion": "1.11",
        "eventID": f"event-{number}",
        "eventTime": at,
        "eventSource": "example.amazonaws.com",
        "eventName": "Ask",
        "awsRegion": "eu-central-1",
        "recipientAccountId": "111122223333",
        "sourceIPAddress": "192.0.2.1",
        "userIdentity": {"type": "IAMUser", "userName": who, "arn": f"arn:aws:iam::111122223333:user/{who}"},
        **parts,
    }


def write(path: Path, *events: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
    return str(path)


@pytest.fixture
def rules(tmp_path: Path) -> str:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "asked.yml").write_text(RULES, encoding="utf-8")
    return str(tmp_path / "rules")


@pytest.fixture
def state(tmp_path: Path, rules: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A state with three findings: ada and =bob asked, ada told."""
    monkeypatch.delenv("FIRSTSEEN_STATE", raising=False)
    url = f"sqlite:{tmp_path / 'state.db'}"
    log = write(
        tmp_path / "log.jsonl",
        event(1, "ada"),
        event(2, "=bob", "2026-03-04T10:00:00Z"),
        event(3, "ada", "2026-03-05T10:00:00Z", eventName="Tell"),
    )
    assert main(["replay", "--rules", rules, "--state", url, log]) == 0
    capsys.readouterr()
    return url


def listed(capsys: pytest.CaptureFixture[str], state: str, *words: str) -> list[dict[str, Any]]:
    assert main(["findings", "list", "--state", state, "--format", "jsonl", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def uids(found: list[dict[str, Any]]) -> list[str]:
    return [one["finding_info"]["uid"] for one in found]


def test_findings_are_listed_oldest_first_one_a_line(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["findings", "list", "--state", state]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:10] for line in lines] == ["2026-03-02", "2026-03-04", "2026-03-05"]
    assert "sent" in lines[0]
    assert "Somebody new asked" in lines[0]


@pytest.mark.parametrize(
    ("words", "days"),
    [
        (["--since", "2026-03-04"], ["04", "05"]),
        (["--until", "2026-03-04T10:00:00Z"], ["02"]),
        (["--rule", NEW], ["02", "04"]),
        (["--rule", "new_asker"], ["02", "04"]),
        (["--rule", "Told"], ["05"]),
        (["--principal", "ADA"], ["02", "05"]),
        (["--routing", "learning"], []),
        (["--status", "sent", "--rule", TOLD], ["05"]),
    ],
)
def test_filters_hold_together(
    state: str, capsys: pytest.CaptureFixture[str], words: list[str], days: list[str]
) -> None:
    assert main(["findings", "list", "--state", state, *words]) == 0
    assert [line[8:10] for line in capsys.readouterr().out.splitlines()] == days


def test_csv_holds_no_formula(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["findings", "list", "--state", state, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 3
    assert rows[0]["rule_id"] == NEW
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\uff1d1", "|calc", "%x"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(value: str) -> None:
    assert not cell(value).lstrip().startswith(("=", "+", "-", "@", "|", "%", "\uff1d"))
    assert "\n" not in cell(f"{value}\n=2")


def test_a_finding_is_shown_in_full_with_its_event(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    uid = uids(listed(capsys, state))[0]
    assert main(["findings", "show", uid, "--state", state, "--raw"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("HIGH  Somebody new asked")
    assert "send, sent" in shown
    assert '"eventID":"event-1"' in shown.replace('": "', '":"')


def test_the_environment_may_name_the_state_so_that_printed_commands_can_be_pasted(
    state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = uids(listed(capsys, state))[0]
    monkeypatch.setenv("FIRSTSEEN_STATE", state)
    assert main(["findings", "show", uid]) == 0
    assert f'firstseen expect {uid} --for 30d --reason "' in capsys.readouterr().out
    assert main(["expect", uid, "--for", "30d", "--reason", "known"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["findings", "list"], "which state?"),
        (["findings", "list", "--state", "memory:"], "keeps nothing"),
        (["findings", "list", "--state", "sqlite:/nowhere/at/all.db"], "no such file"),
        (["expect", "list", "--state", "dragons:x"], "dragons:x"),
    ],
)
def test_a_state_that_is_not_there_is_named(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRSTSEEN_STATE", raising=False)
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_looking_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "mistyped.db"
    assert main(["findings", "list", "--state", f"sqlite:{path}"]) == 2
    assert not path.exists()


def test_an_unknown_finding_and_an_impossible_time_are_refused(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["findings", "show", "0" * 32 + "-0", "--state", state]) == 2
    assert "no finding" in capsys.readouterr().err
    assert main(["findings", "list", "--since", "yesterday", "--state", state]) == 2
    assert "--since 'yesterday'" in capsys.readouterr().err
    assert main(["findings", "list", "--since", "1d", "--until", "2d", "--state", state]) == 2
    assert "not before" in capsys.readouterr().err


def test_what_is_expected_is_kept_and_not_sent_again_until_it_ends(
    state: str, rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """ada's first finding is expected: asking again after more than the timespan is recorded only."""
    uid = uids(listed(capsys, state))[0]
    assert main(["expect", uid, "--for", "30d", "--reason", "her new job", "--state", state]) == 0
    capsys.readouterr()
    later = write(tmp_path / "later.jsonl", event(4, "ada", "2026-04-02T10:00:00Z"))
    assert main(["replay", "--rules", rules, "--state", state, later]) == 0
    assert not capsys.readouterr().out
    assert len(listed(capsys, state, "--routing", "expected")) == 1

    assert main(["expect", "list", "--state", state, "--format", "jsonl"]) == 0
    (kept,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (kept["uid"], kept["reason"], kept["what"]) == (uid, "her new job", "userIdentity.userName=ada")
    assert kept["who"]

    assert main(["expect", "end", uid, "--state", state]) == 0
    assert main(["expect", "list", "--state", state]) == 0
    assert "nothing is expected (1 ended: --all)" in capsys.readouterr().out
    assert main(["expect", "list", "--all", "--state", state]) == 0
    assert "her new job" in capsys.readouterr().out
    assert main(["expect", "end", uid, "--state", state]) == 2


@pytest.mark.parametrize("rule", [NEW, TOLD])
def test_an_exported_expectation_excludes_the_same_as_a_rule(
    state: str, rules: str, rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the filter beside the rules, what was expected no longer makes findings; everything else does."""
    before = listed(capsys, state)
    uid = next(one for one in uids(before) if one in uids(listed(capsys, state, "--rule", rule)))
    assert main(["expect", uid, "--for", "30d", "--reason", "fine", "--state", state]) == 0
    capsys.readouterr()
    assert main(["expect", "export", "--state", state]) == 0
    exported = capsys.readouterr().out
    assert yaml.safe_load(exported)["filter"]["condition"] == "not selection"
    (tmp_path / "rules" / "expected.yml").write_text(exported, encoding="utf-8")
    assert main(["replay", "--rules", rules, "--format", "jsonl", str(tmp_path / "log.jsonl")]) == 0
    left = uids([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    assert sorted(left) == sorted(set(uids(before)) - {uid})


def test_a_value_with_wildcards_is_exported_as_itself(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:{tmp_path / 'wild.db'}"
    log = write(tmp_path / "wild.jsonl", event(1, "a*b\\?"), event(2, "axxb\\c"))
    assert main(["replay", "--rules", rules, "--state", url, log]) == 0
    capsys.readouterr()
    uid = next(one["finding_info"]["uid"] for one in listed(capsys, url) if "a*b" in json.dumps(one))
    assert main(["expect", uid, "--for", "30d", "--reason", "fine", "--state", url]) == 0
    capsys.readouterr()
    assert main(["expect", "export", "--state", url]) == 0
    (tmp_path / "rules" / "expected.yml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["replay", "--rules", rules, "--format", "jsonl", log]) == 0
    found = capsys.readouterr().out
    assert "axxb" in found
    assert "a*b" not in found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["UID", "--reason", "x"], "for how long"),
        (["UID", "--for", "30d"], "say why"),
        (["UID", "--for", "30d", "--reason", " "], "say why"),
        (["UID", "--for", "2w3", "--reason", "x"], "not a span"),
        (["UID", "--for", "800d", "--reason", "x"], "within a year"),
        (["UID", "--until", "2020-01-01", "--reason", "x"], "within a year"),
        (["list", "--for", "1d"], "do not go with list"),
        (["end"], "end needs"),
        (["end", "UID", "--all"], "go with list"),
    ],
)
def test_an_expectation_without_its_parts_is_refused(
    state: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    uid = uids(listed(capsys, state))[0]
    asked = [uid if word == "UID" else word for word in words]
    assert main(["expect", *asked, "--state", state]) == 2
    assert said in capsys.readouterr().err
