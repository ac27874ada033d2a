"""`firstseen match --format jsonl`: its lines are JSON whatever stands in ids and names, and it starts quickly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.cli import matchlines
from firstseen.cli.matchlines import Templates
from firstseen.language.pack import Pack, dump
from firstseen.language.predicates import Leaf
from firstseen.language.rules import Base
from firstseen.matching.engine import Hit

SHARED = Path(matchlines.__file__).parents[2]


def event(number: int, name: str = "StopInstances") -> bytes:
    fields = {
        "eventName": name, "eventSource": "ec2.amazonaws.com", "eventTime": "2026-03-02T09:15:02Z",
        "eventID": f"event-{number}", "userIdentity": {"type": "Root"},
    }  # fmt: skip
    return orjson.dumps(fields)


def lines(templates: Templates, *hits: Hit) -> list[dict[str, object]]:
    return [json.loads(line) for line in templates.lines(hits).decode().split("\n") if line]


@given(
    st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=8), st.integers(1, 10**9)), max_size=5),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
def test_lines_are_what_a_json_writer_would_write(events: list[tuple[str, int]], name: str) -> None:
    """Quotes, backslashes, line breaks and letters of any kind in ids and names come back as they were."""
    templates = Templates(['a"b', "c"], "aws.cloudtrail", os.fsdecode(name.encode()))
    hits: list[Hit] = [(place, b"", (0, 1), identity) for identity, place in events]
    assert lines(templates, *hits) == [
        {"rule_id": rule, "event_id": identity, "source": "aws.cloudtrail", "input": name, "line": place}
        for identity, place in events
        for rule in ('a"b', "c")
    ]


def test_a_rule_that_is_not_listed_has_no_line() -> None:
    templates = Templates(["a", None], "aws.cloudtrail", "x")
    found = lines(templates, (1, b"", (0, 1), "e-1"), (2, b"", (1,), "e-2"))
    assert [(one["rule_id"], one["line"]) for one in found] == [("a", 1)]


def test_the_name_of_a_file_need_not_be_text() -> None:
    (line,) = lines(Templates(["a"], "s", os.fsdecode(b"\xff.jsonl")), (1, b"", (0,), "e"))
    assert line["input"] == "\ufffd.jsonl"


def test_rules_that_hold_together_in_many_ways_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matchlines, "MAX_TEMPLATES", 4)
    templates = Templates([str(number) for number in range(40)], "s", "x")
    for _ in range(2):
        for number in range(39):
            found = lines(templates, (1, b"", (number, number + 1), "e"))
            assert [one["rule_id"] for one in found] == [str(number), str(number + 1)]
            assert len(templates._heads) <= 4


def test_a_built_pack_needs_no_front_end_and_nothing_that_makes_findings(tmp_path: Path) -> None:
    """They take longer to import than a small log takes to match. What comes out is right all the same."""
    pack = Pack.of([Base("r", "R", ("aws.cloudtrail",), "raw", Leaf("eventName", "equals", "StopInstances"))], [])
    (tmp_path / "rules.pack").write_bytes(dump(pack))
    (tmp_path / "log.jsonl").write_bytes(b"\n".join([event(1), event(2, "Other"), event(3), b""]))
    script = (
        "import sys; from firstseen.cli.main import main\n"
        "status = main(['match', '--format', 'jsonl', '--rules', 'rules.pack', 'log.jsonl'])\n"
        "wanted = {'sigma', 'yaml', 'lark', 'firstseen.pipeline', 'firstseen.findings.finding'} & sys.modules.keys()\n"
        "sys.exit(f'imported: {wanted}' if wanted else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(SHARED)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert [json.loads(line)["line"] for line in done.stdout.splitlines()] == [1, 3]
