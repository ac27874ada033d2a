"""The command line over a table: the state that the functions keep, from a laptop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstseen.adapters.aws.clients import dynamodb_client
from firstseen.adapters.aws.schema import create_table
from firstseen.cli import main
from tests.emulators import environment, moto_server
from tests.faults.world import RULES, event


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A table in moto's server, which the environment points to."""
    with moto_server() as url:
        for name, value in environment({"AWS_ENDPOINT_URL": url}).items():
            monkeypatch.setenv(name, value)
        create_table(dynamodb_client(), "firstseen")
        yield "firstseen"


def test_replay_keeps_its_state_in_the_table(
    table: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    rules, events = tmp_path / "rules.yml", tmp_path / "events.jsonl"
    rules.write_text(RULES, encoding="utf-8")
    events.write_bytes(b"\n".join([event(1, 0), event(2, 1, who="bob"), event(3, 2, call="Remove")]))
    words = ["replay", "--rules", str(rules), "--state", f"dynamodb:{table}", "--format", "jsonl", str(events)]
    assert main(words) == 0
    found = [json.loads(line)["finding_info"]["uid"] for line in capsysbinary.readouterr()[0].splitlines()]
    assert len(found) == 3
    assert main(words) == 0
    assert capsysbinary.readouterr()[0] == b""
    assert main(["findings", "list", "--state", f"dynamodb:{table}", "--format", "jsonl"]) == 0
    listed = [json.loads(line)["finding_info"]["uid"] for line in capsysbinary.readouterr()[0].splitlines()]
    assert sorted(listed) == sorted(found)


def test_a_table_that_is_not_there_is_named_with_the_mend(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del table
    rules, events = tmp_path / "rules.yml", tmp_path / "events.jsonl"
    rules.write_text(RULES, encoding="utf-8")
    events.write_bytes(event(1, 0))
    assert main(["replay", "--rules", str(rules), "--state", "dynamodb:absent", str(events)]) == 2
    assert "absent" in capsys.readouterr()[1]
