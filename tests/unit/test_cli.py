"""The command line over files: what it prints, where, and with which exit status."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firstseen.cli import main

RULE = """
title: Asked
name: asked
id: 22222222-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: Ask}
    condition: selection
level: low
---
title: Somebody new asked
id: 22222222-0000-4000-8000-000000000002
correlation:
    type: new_terms
    rules: [asked]
    fields: [userIdentity.userName]
    timespan: 7d
level: high
"""


def _event(number: int, who: str = "ada", at: str = "2026-03-02T10:00:00Z", **parts: object) -> dict[str, Any]:
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


@pytest.fixture
def rules(tmp_path: Path) -> str:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "asked.yml").write_text(RULE, encoding="utf-8")
    return str(folder)


def _write(path: Path, *events: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
    return str(path)


ENVELOPES = {
    "lines": lambda events: "".join(json.dumps(one) + "\n" for one in events).encode(),
    "array": lambda events: json.dumps(events).encode(),
    "records": lambda events: json.dumps({"Records": events}).encode(),
    "pretty": lambda events: json.dumps({"Records": events}, indent=2).encode(),
    "gzip": lambda events: gzip.compress(json.dumps({"Records": events}).encode()),
    "eventbridge": lambda events: "".join(
        json.dumps(
            {
                "version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
                "account": "111122223333", "time": one["eventTime"], "region": "eu-central-1", "detail": one,
            }
        ) + "\n"
        for one in events
    ).encode(),
    "lookup": lambda events: json.dumps(
        {"Events": [{"EventId": one["eventID"], "CloudTrailEvent": json.dumps(one)} for one in events]}
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_every_envelope_gives_the_same_matches(
    envelope: str, rules: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "events"
    path.write_bytes(ENVELOPES[envelope]([_event(1), _event(2, "bob"), _event(3, eventName="Other")]))
    assert main(["match", "--rules", rules, "--format", "jsonl", str(path)]) == 0
    out, err = capsysbinary.readouterr()
    matches = [json.loads(line) for line in out.splitlines()]
    assert [one["event_id"] for one in matches] == ["event-1", "event-2"]
    assert matches[0] == {
        "rule_id": "22222222-0000-4000-8000-000000000001",
        "event_id": "event-1",
        "source": "aws.cloudtrail",
        "input": str(path),
        "line": matches[0]["line"],
    }
    assert err == b""


def test_a_second_replay_into_the_same_file_finds_nothing_new(
    rules: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    events = _write(tmp_path / "a.jsonl", _event(1), _event(2, "bob"), _event(3, at="2026-03-20T10:00:00Z"))
    words = ["replay", "--rules", rules, "--state", f"sqlite:{tmp_path}/s.db", "--format", "jsonl", events]
    assert main(words) == 0
    first, _ = capsysbinary.readouterr()
    assert len(first.splitlines()) == 3
    assert main(words) == 0
    second, said = capsysbinary.readouterr()
    assert second == b""
    assert b"0 findings" in said


def test_a_second_replay_finds_nothing_new_although_a_key_has_many_episodes(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    rule = tmp_path / "r.yml"
    rule.write_text(RULE.replace("timespan: 7d", "timespan: 1h"), encoding="utf-8")
    events = _write(
        tmp_path / "a.jsonl", *(_event(n, at=f"2026-03-{2 + n // 8:02}T{n % 8 * 3:02}:00:00Z") for n in range(40))
    )
    words = ["replay", "--rules", str(rule), "--state", f"sqlite:{tmp_path}/s.db", "--format", "jsonl", events]
    assert main(words) == 0
    assert len(capsysbinary.readouterr()[0].splitlines()) == 40
    assert main(words) == 0
    assert capsysbinary.readouterr()[0] == b""


LEARNING = RULE.replace("level: high", "level: high\nfirstseen: {learning: 2d}")


def _replayed(folder: Path, *events: dict[str, Any]) -> list[str]:
    (folder / "learning.yml").write_text(LEARNING, encoding="utf-8")
    path = _write(folder / "l.jsonl", *events)
    return ["replay", "--rules", str(folder / "learning.yml"), "--format", "jsonl", path]


def test_one_ancient_event_does_not_end_the_learning_of_all_others(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    ancient = _event(9, "old", at="1999-01-01T00:00:00Z")
    assert main(_replayed(tmp_path, ancient, _event(1), _event(2, "bob", at="2026-03-03T10:00:00Z"))) == 0
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert b"3 learning" in err
    assert b"odd " in err


def test_learning_ends_with_the_log_and_not_with_its_last_match(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    other = _event(2, eventName="Other", at="2026-03-09T10:00:00Z")
    assert main(_replayed(tmp_path, _event(1), other)) == 0
    kinds = [json.loads(line)["unmapped"]["kind"] for line in capsysbinary.readouterr()[0].splitlines()]
    assert kinds == ["summary"]


def test_a_folder_of_logs_that_holds_a_rule_is_an_input(
    rules: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    _write(folder / "a.jsonl", _event(1))
    (folder / "notes.yml").write_text("a: b", encoding="utf-8")
    assert main(["match", "--rules", rules, str(folder), "--format", "jsonl"]) == 1
    assert len(capsysbinary.readouterr()[0].splitlines()) == 1


def test_a_full_disk_is_named_and_ends_with_two(rules: str, tmp_path: Path) -> None:
    events = _write(tmp_path / "a.jsonl", *(_event(number) for number in range(1000)))
    words = [sys.executable, "-m", "firstseen.cli", "match", "--rules", rules, events]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_files_are_stepped_in_event_time_order_whatever_their_names(
    rules: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = tmp_path / "trail"
    folder.mkdir()
    _write(folder / "a.jsonl", _event(2, at="2026-03-04T10:00:00Z"))
    _write(folder / "b.jsonl", _event(1, at="2026-03-02T10:00:00Z"))
    assert main(["replay", "--rules", rules, "--format", "jsonl", str(folder)]) == 0
    findings = [json.loads(line) for line in capsysbinary.readouterr()[0].splitlines()]
    assert [one["finding_info"]["related_events"][0]["uid"] for one in findings] == ["event-1"]


def test_text_is_plain_in_a_pipe(rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = _write(tmp_path / "a.jsonl", _event(1))
    assert main(["replay", "--rules", rules, events]) == 0
    out, err = capsys.readouterr()
    assert "Somebody new asked" in out
    assert "\x1b" not in out
    assert "1 events, 1 rules, 1 findings" in err


def test_bad_lines_are_named_and_everything_else_is_processed(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mixed.jsonl"
    deep = b"[" * 200 + b"]" * 200
    lines = [
        json.dumps(_event(1)).encode(),
        b"not json",
        b'{"eventName": "Ask"',
        b"[1, 2, 3]",
        b'{"hello": "world"}',
        json.dumps({**_event(2), "eventTime": None}).encode(),
        json.dumps({**_event(3, "bob"), "requestParameters": {"deep": 0}}).encode().replace(b"0}", deep + b"}"),
        json.dumps(_event(4, "eve", userAgent="a" * 10_000_000)).encode(),
        json.dumps(_event(5, "kim"))
        .encode()
        .replace(b'"eventVersion"', b'"userAgent": "\\ud800\\u0000", "eventVersion"'),
        b"\x00\x01\x02",
        json.dumps({**_event(6, "lee"), "userIdentity": None}).encode(),
    ]
    path.write_bytes(b"\n".join(lines))
    assert main(["match", "--rules", rules, "--format", "jsonl", str(path)]) == 1
    out, err = capsys.readouterr()
    assert {json.loads(line)["event_id"] for line in out.splitlines()} >= {"event-1", "event-3", "event-4", "event-5"}
    for line in (2, 3, 5, 6, 10):
        assert f"rejected {path}:{line}: " in err


def test_an_empty_file_and_one_that_is_no_log_lose_nothing_else(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "empty.json").touch()
    (folder / "README.md").write_text("# notes\n" * 100, encoding="utf-8")
    _write(folder / "z.jsonl", _event(1))
    assert main(["match", "--rules", rules, "--format", "jsonl", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    named, counted = err.splitlines()
    assert "README.md: not a log" in named
    assert counted == "1 rejected"


def test_a_truncated_gzip_gives_what_can_be_read_and_says_so(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.compress("".join(json.dumps(_event(n)) + "\n" for n in range(2000)).encode())
    path = tmp_path / "cut.gz"
    path.write_bytes(whole[: len(whole) // 2])
    assert main(["match", "--rules", rules, "--format", "jsonl", str(path)]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) > 100
    assert "cut.gz" in err


def test_a_gzip_bomb_is_refused_with_a_message(rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b" " * 300_000_000, compresslevel=9))
    assert main(["match", "--rules", rules, str(path)]) == 1
    assert "bomb.gz" in capsys.readouterr()[1]


@pytest.mark.parametrize(
    ("arrange", "says"),
    [
        (lambda path: path.write_bytes(b"hello, I am a text file, not a database" * 10), "not"),
        (lambda path: sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.commit(), "another program"),
        (lambda path: path.mkdir(), "s.db"),
    ],
)
def test_a_state_that_is_not_ours_is_left_alone(
    arrange: Callable[[Path], object], says: str, rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.db"
    arrange(path)
    before = path.read_bytes() if path.is_file() else None
    events = _write(tmp_path / "a.jsonl", _event(1))
    assert main(["replay", "--rules", rules, "--state", f"sqlite:{path}", events]) == 2
    err = capsys.readouterr()[1]
    assert says in err
    assert str(path) in err
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_faulty_rule_shows_file_line_and_caret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = tmp_path / "r.yml"
    rule.write_text(RULE.replace("type: new_terms", "type: old_terms"), encoding="utf-8")
    events = _write(tmp_path / "a.jsonl", _event(1))
    assert main(["replay", "--rules", str(rule), events]) == 2
    err = capsys.readouterr()[1]
    first, shown, caret, *_ = err.splitlines()
    assert first.startswith(f"{rule}:14:5: ")
    assert shown.strip() == "type: old_terms"
    assert caret.index("^") == shown.index("type")


def test_a_pack_runs_like_the_rules_that_it_was_built_from(
    rules: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    events, pack = _write(tmp_path / "a.jsonl", _event(1), _event(2, "bob")), tmp_path / "rules.pack"
    assert main(["rules", "build", "-o", str(pack), rules]) == 0
    capsysbinary.readouterr()
    outputs = []
    for source in (rules, str(pack)):
        assert main(["replay", "--rules", source, "--format", "jsonl", "--now", "2026-03-03T00:00:00Z", events]) == 0
        outputs.append(capsysbinary.readouterr()[0])
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == 2


def test_a_future_event_is_taken_as_received_and_an_ancient_one_is_read(
    rules: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    events = _write(
        tmp_path / "a.jsonl", _event(1, at="2999-01-01T00:00:00Z"), _event(2, "bob", at="1999-01-01T00:00:00Z")
    )
    now = "2026-03-03T00:00:00Z"
    assert main(["replay", "--rules", rules, "--format", "jsonl", "--now", now, events]) == 0
    times = [json.loads(line)["time"] for line in capsysbinary.readouterr()[0].splitlines()]
    assert times == [915148800000, 1772496000000]


@pytest.mark.parametrize(
    "words",
    [
        ["replay", "--rules", "RULES", "--state", "etcd:here", "EVENTS"],
        ["replay", "--rules", "RULES", "no-such-file"],
        ["replay", "--rules", "no-such-rules", "--format", "jsonl", "EVENTS"],
        ["replay", "--rules", "RULES", "--now", "tomorrow", "EVENTS"],
        ["replay", "--rules", "RULES"],
    ],
)
def test_unusable_arguments_end_with_two_and_one_clear_line(
    words: list[str], rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = _write(tmp_path / "a.jsonl", _event(1))
    known = {"RULES": rules, "EVENTS": events}
    assert main([known.get(word, word) for word in words]) == 2
    err = capsys.readouterr()[1]
    assert err.startswith("firstseen: ")
    assert len(err.splitlines()) == 1
