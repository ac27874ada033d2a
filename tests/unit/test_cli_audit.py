"""``firstseen audit``: what it prints, where, and with which exit status."""

from __future__ import annotations

import argparse
import csv
import io
import json
import shlex
from pathlib import Path

import pytest

from firstseen.auditing.sections import SECTIONS
from firstseen.auditing.tables import Bounded
from firstseen.cli import main
from firstseen.cli.commands.audit import NAMES, arguments
from firstseen.cli.proving import Taking
from firstseen.cli.stores import open_store
from firstseen.deliveries import Delivery
from firstseen.findings.canaries import Tag
from firstseen.language.frontends.loading import build_pack
from firstseen.pipeline import Pipeline
from firstseen.sources.times import parse_time
from tests.unit.audit_samples import ACCOUNT, ADA, NOW, OWNER, SUBSCRIPTION, aws, azure, login


@pytest.fixture
def log(tmp_path: Path) -> Path:
    evil = {"type": "IAMUser", "arn": f"{ADA}\x1b[2J", "accountId": ACCOUNT}
    lines = [login("No"), aws("ssm:SendCommand", userIdentity=evil), aws("ssm:SendCommand", sourceIPAddress="=1+1")]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def _run(capfd: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    status = main(["audit", "--now", NOW, *map(str, words)])
    return status, *capfd.readouterr()


def test_all_sections_are_shown_and_nothing_of_an_event_reaches_the_terminal_as_it_is(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = _run(capfd, log)
    assert status == 0
    assert [name for name in NAMES if f"({name})" in out] == list(NAMES)
    assert "\x1b" not in out
    assert "ada\\x1b[2J" in out
    assert "3 events, from 2026-10-01 to 2026-10-01" in err
    assert "these logs go back 13 days: they cannot show what was unused for 90 days" in err


def test_csv_holds_no_formula_and_one_section(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = _run(capfd, "--section", "ran", "--format", "csv", log)
    table = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert [row["last_address"] for row in table] == ["'=1+1", "198.51.100.24"]
    assert _run(capfd, "--format", "csv", log)[0] == 2


def test_csv_of_all_sections_goes_into_a_folder(log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run(capfd, "--format", "csv", "--output", tmp_path / "out", log)[:2] == (0, "")
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == sorted(NAMES)
    assert _run(capfd, "--output", tmp_path / "out", log)[0] == 2


def test_json_has_every_section_with_its_rows(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(_run(capfd, "--format", "json", log)[1])
    assert [one["section"] for one in found] == list(NAMES)
    assert {one["section"]: len(one["rows"]) for one in found}["ran"] == 2
    assert all(one["left_out"] == 0 for one in found)


def test_a_full_table_is_told(log: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bounded.__init__, "__defaults__", (1,))
    assert "ran: the table is full, 1 events of further rows are not in it" in _run(capfd, log)[2]


def test_what_cannot_be_read_is_named_and_the_rest_is_counted(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with log.open("a", encoding="utf-8") as stream:
        stream.write("{\n")
    status, out, err = _run(capfd, "--section", "no-mfa", log)
    assert (status, "rejected" in err) == (1, True)
    assert "the AWS console" in out


@pytest.mark.parametrize("words", [[], ["--unused-days", "0", "x"], ["--key-days", "ten", "x"], ["/nowhere"]])
def test_unusable_arguments_are_an_error(
    words: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRSTSEEN_STATE", raising=False)
    try:
        status = _run(capfd, *words)[0]
    except SystemExit as exc:
        status = int(str(exc.code))
    assert status == 2


RULE_ID = "88888888-0000-4000-8000-000000000002"
RULE = """
title: Command by a new principal
id: 88888888-0000-4000-8000-000000000001
name: sent
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventSource: ssm.amazonaws.com, eventName: SendCommand}
    condition: selection
---
title: Command by a principal that is new
id: 88888888-0000-4000-8000-000000000002
correlation: {type: new_terms, rules: [sent], fields: [userIdentity.arn], timespan: 7d}
level: high
"""


def test_a_state_tells_of_what_made_findings_and_when_its_keys_were_last_seen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rule.yml").write_text(RULE, encoding="utf-8")
    log, state = tmp_path / "log.jsonl", f"sqlite:{tmp_path / 'state.db'}"
    events = [aws("ssm:SendCommand"), aws("ssm:SendCommand", "2026-10-06T10:00:00Z")]
    log.write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    assert main(["replay", "--rules", str(tmp_path / "rule.yml"), "--state", state, "--now", NOW, str(log)]) == 0
    capfd.readouterr()
    status, out, err = _run(capfd, "--state", state, "--format", "json", "--unused-days", "5")
    found = {one["section"]: one["rows"] for one in json.loads(out)}
    assert status == 0
    assert [(row["who"], row["times"]) for row in found["ran"]] == [(ADA, "1")]
    assert [(row["last_seen"], row["days_unused"]) for row in found["unused"]] == [("2026-10-06T10:00:00Z", "8")]
    assert "only the events that made findings are known" in err
    both = json.loads(_run(capfd, "--state", state, "--format", "json", log)[1])
    assert [row["times"] for one in both if one["section"] == "ran" for row in one["rows"]] == ["2"]


def test_every_section_of_the_command_exists() -> None:
    assert tuple(SECTIONS) == NAMES


def test_the_documentation_names_every_section_and_its_commands_can_be_typed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []
    parser = argparse.ArgumentParser()
    arguments(parser)
    typed = [line.removeprefix("$ firstseen audit ") for line in page.splitlines() if line.startswith("$ ")]
    assert len(typed) > 3
    for line in typed:
        assert parser.parse_args(shlex.split(line.partition(" >")[0])).now == "2026-10-15"


def test_canaries_are_nobodys_acts_and_nobodys_last_sight(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A deployment's state has them beside real findings: an example's principal may be somebody's."""
    (tmp_path / "rule.yml").write_text(RULE, encoding="utf-8")
    log, url = tmp_path / "log.jsonl", f"sqlite:{tmp_path / 'state.db'}"
    log.write_text(json.dumps(aws("ssm:SendCommand")) + "\n", encoding="utf-8")
    assert main(["replay", "--rules", str(tmp_path / "rule.yml"), "--state", url, "--now", NOW, str(log)]) == 0
    words = ("--state", url, "--format", "json", "--unused-days", "5")
    capfd.readouterr()
    before = _run(capfd, *words)
    at = "2026-10-12T10:00:00Z"
    store, at_us = open_store(url), parse_time(at) or 0
    pipeline = Pipeline(build_pack({"r.yml": RULE.encode()}), store, Taking(), owner="canary", clock=lambda: at_us)
    shown = json.dumps(aws("ssm:SendCommand", at)).encode()
    report = pipeline.process([Delivery("1", [shown], at_us, canary=Tag("a" * 32, RULE_ID))])
    store.close()
    assert [one.routing for one in report.findings] == ["canary"]
    assert _run(capfd, *words) == before
    assert ADA in before[1]


OVERLAY = f"""
accounts:
    '{ACCOUNT}': payments-prod
    {SUBSCRIPTION.rpartition("/")[2]}: {{name: "=shop", environment: test}}
"""


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Events of an account and of a subscription, and rules that name both."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rule.yml").write_text(RULE, encoding="utf-8")
    (tmp_path / "rules" / "rules.yaml").write_text(OVERLAY, encoding="utf-8")
    run = "Microsoft.Compute/virtualMachines/runCommand/action"
    scope = f"{SUBSCRIPTION}/resourceGroups/shop"
    owner = {"role": "Owner", "roleDefinitionId": OWNER, "principalId": "p", "roleAssignmentScope": scope}
    by_right = azure(run, "Start", identity={"authorization": {"evidence": owner}})
    events = [aws("ssm:SendCommand"), login("No"), azure(run, "Start"), by_right]
    path = tmp_path / "places.jsonl"
    path.write_text("\n".join(map(json.dumps, events)) + "\n", encoding="utf-8")
    return tmp_path / "rules", path


def test_people_read_an_accounts_name_beside_its_id(
    places: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    rules, log = places
    subscription = SUBSCRIPTION.rpartition("/")[2]
    status, out, _ = _run(capfd, "--rules", rules, log)
    assert status == 0
    assert f"payments-prod ({ACCOUNT})" in out
    assert f"=shop ({subscription})" in out
    assert f"=shop ({SUBSCRIPTION}/resourceGroups/shop)" in out
    table = list(
        csv.DictReader(io.StringIO(_run(capfd, "--section", "ran", "--format", "csv", log, "--rules", rules)[1]))
    )
    assert {row["account"] for row in table} == {f"payments-prod ({ACCOUNT})", f"'=shop ({subscription})"}
    assert "payments-prod" not in _run(capfd, log)[1]


def test_programs_read_the_id_as_it_was_and_the_name_apart(
    places: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    rules, log = places
    plain = json.loads(_run(capfd, "--format", "json", log)[1])
    named = json.loads(_run(capfd, "--format", "json", "--rules", rules, log)[1])
    rows = {one["section"]: one["rows"] for one in named}
    assert [(row["account"], row["account_name"]) for row in rows["no-mfa"]] == [(ACCOUNT, "payments-prod")]
    assert {row["where_name"] for row in rows["may"]} == {"=shop"}
    for one in named:
        for row in one["rows"]:
            row.pop("account_name", None)
            row.pop("where_name", None)
    assert named == plain


def test_a_state_brings_the_names_that_its_findings_have_and_rules_bring_newer_ones(
    places: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rules, log = places
    state = f"sqlite:{tmp_path / 'state.db'}"
    assert main(["replay", "--rules", str(rules), "--state", state, "--now", NOW, str(log)]) == 0
    capfd.readouterr()
    assert f"payments-prod ({ACCOUNT})" in _run(capfd, "--state", state)[1]
    (rules / "rules.yaml").write_text(OVERLAY.replace("payments-prod", "payments-old"), "utf-8")
    out = _run(capfd, "--state", state, "--rules", rules)[1]
    assert f"payments-old ({ACCOUNT})" in out
    assert "payments-prod" not in out
