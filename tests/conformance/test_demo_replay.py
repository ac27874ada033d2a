"""The demo through the command line: exactly the findings that its story tells of."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from demo.delivery import write_trail
from demo.stories import expected
from firstseen.cli import main

RULES = str(Path(__file__).parents[2] / "shared" / "rules")
NOW = "2026-10-16T00:00:00Z"


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def _who(unmapped: dict[str, list[dict[str, str]]]) -> str:
    """The first term, or the first group value where a rule has no terms."""
    return (unmapped.get("terms") or unmapped["group"])[0]["value"]


@pytest.mark.parametrize("seed", [7, 8])
def test_the_demo_finds_what_its_story_tells_of_and_nothing_else(
    seed: int, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_trail(tmp_path, seed=seed)
    state = f"sqlite:{tmp_path}/state.db"
    words = ["replay", "--rules", RULES, "--state", state, "--format", "jsonl", "--now", NOW, str(tmp_path / "aws")]
    assert main(words) == 0
    documents = [json.loads(line) for line in capsysbinary.readouterr()[0].splitlines()]
    found = {
        (one["unmapped"]["rule_name"], _who(one["unmapped"]), one["time"])
        for one in documents
        if one["unmapped"]["kind"] == "finding"
    }
    told = {(one.rule, one.who, _milliseconds(one.when)) for one in expected() if one.routing == "send"}
    assert found == told
    (digest,) = (one["unmapped"] for one in documents if one["unmapped"]["kind"] == "digest")
    rest = [one for one in expected() if one.routing == "digest"]
    assert {one.rule for one in rest} == {digest["rule_name"]}
    assert digest["reason"].startswith(f"{len(rest)} findings of this rule")
    assert main(words) == 0
    assert capsysbinary.readouterr()[0] == b""
