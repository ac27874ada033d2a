"""How noisy rules would have been, and the small commands around sending."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.baseline.noise import Noise, RuleNoise, wide_bases
from firstseen.cli import main
from firstseen.cli.backtesting import _copy
from firstseen.cli.stores import open_store
from firstseen.findings.canaries import canary_state
from firstseen.language.pack import Pack
from firstseen.language.predicates import Leaf
from firstseen.language.rules import Base
from firstseen.store.state import KeyState
from firstseen.store.store import Change
from tests.unit.findings_samples import finding, rule

NEW = "22222222-0000-4000-8000-000000000002"

RULES = """
title: Asked
name: asked
id: 22222222-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: [NAMES]}
    condition: selection
---
title: Somebody new asked
id: 22222222-0000-4000-8000-000000000002
correlation: {type: new_terms, rules: [asked], fields: [userIdentity.userName], timespan: 3d}
"""


def event(number: int, who: str, day: int, name: str = "Ask") -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "eventID": f"event-{number}",
        "eventTime": f"2026-03-{day:02}T10:00:00Z",
        "eventSource": "example.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "userName": who, "arn": f"arn:aws:iam::111122223333:user/{who}"},
    }


def rules(folder: Path, name: str, names: str = "Ask") -> str:
    path = folder / name
    path.write_text(RULES.replace("NAMES", names), encoding="utf-8")
    return str(path)


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Five users on the first day, the same ones every two days; bob alone on the 8th; eve begs on the 5th."""
    events = [event(10 * day + n, f"user-{n}", day) for day in (1, 3, 5, 7, 9) for n in range(5)]
    events += [event(900, "bob", 8), event(901, "eve", 5, "Beg")]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
    return str(path)


def data(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["backtest", "--format", "json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_rule_s_numbers_are_told_by_day(tmp_path: Path, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "--rules", rules(tmp_path, "a.yml"), log)
    assert (found["events"], found["first_day"], found["last_day"]) == (27, "2026-03-01", "2026-03-09")
    (one,) = found["rules"]
    assert (one["matches"], one["findings"], one["notifications"], one["keys"]) == (26, 6, 6, 6)
    assert one["by_routing"] == {"send": 6}
    assert one["settled_after_days"] == 1
    assert len(one["examples"]) == 3
    assert one["days"][0] == {"day": "2026-03-01", "matches": 5, "findings": 5, "notifications": 5}
    assert sum(day["findings"] for day in one["days"]) == 6


def test_two_versions_are_compared_by_what_they_find(
    tmp_path: Path, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The new version also takes Beg and so finds eve; the other way round, it is lost."""
    narrow, wide = rules(tmp_path, "a.yml"), rules(tmp_path, "b.yml", "Ask, Beg")
    gained = data(capsys, "--rules", wide, "--against", narrow, log)["against"]
    assert (gained["gained"], gained["lost"], gained["complete"]) == (1, 0, True)
    assert "eve" in gained["gained_examples"][0]
    lost = data(capsys, "--rules", narrow, "--against", wide, log)["against"]
    assert (lost["gained"], lost["lost"]) == (0, 1)
    same = data(capsys, "--rules", narrow, "--against", narrow, log)["against"]
    assert (same["gained"], same["lost"]) == (0, 0)


def test_a_copy_of_live_state_is_used_and_the_live_state_is_not_touched(
    tmp_path: Path, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state, one = f"sqlite:{tmp_path / 'state.db'}", rules(tmp_path, "a.yml")
    assert main(["replay", "--rules", one, "--state", state, log]) == 0
    assert main(["baseline", "export", "--state", state, "-o", str(tmp_path / "before")]) == 0
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps(event(1000, "user-1", 10)) + "\n" + json.dumps(event(1001, "zoe", 10)) + "\n")
    (found,) = data(capsys, "--rules", one, "--from-state", state, str(more))["rules"]
    assert found["findings"] == 1
    assert main(["baseline", "export", "--state", state, "-o", str(tmp_path / "after")]) == 0
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()


def test_keys_of_canaries_are_not_copied(tmp_path: Path) -> None:
    """They expire, and no rule has them: a copy would only hold them longer."""
    url, copy = f"sqlite:{tmp_path / 'state.db'}", MemoryStore()
    live = open_store(url)
    mine = KeyState("rule", "meaning")
    live.commit([Change("a" * 32, None, mine)])
    live.commit([Change("b" * 32, None, canary_state("c" * 32, KeyState("rule", "meaning")))])
    live.close()
    _copy(url, copy)
    assert [one.state for _, one in copy.scan_states()] == [mine]


def test_the_table_names_what_it_counts(tmp_path: Path, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    one = rules(tmp_path, "a.yml")
    assert main(["backtest", "--rules", one, "--days", "--against", one, log]) == 0
    shown = capsys.readouterr().out
    assert "27 events, matches from 2026-03-01 to 2026-03-09" in shown
    assert "2026-03-08  1        1         1" in shown
    assert "0 findings gained, 0 lost" in shown


def test_standard_input_cannot_be_read_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = rules(tmp_path, "a.yml")
    assert main(["backtest", "--rules", one, "--against", one, "-"]) == 2
    assert "twice" in capsys.readouterr().err


def test_an_empty_history_has_no_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.jsonl").write_text("")
    found = data(capsys, "--rules", rules(tmp_path, "a.yml"), str(tmp_path / "log.jsonl"))
    assert (found["events"], found["first_day"], found["rules"][0]["days"]) == (0, None, [])


@pytest.mark.parametrize(
    ("by_day", "settled"),
    [
        ([0, 0, 0], 0),
        ([1, 1, 1], 0),
        ([30, 0, 0], 1),
        ([30, 20, 3, 2, 3], 2),
        ([30, 20, 3, 2, 4], None),
        ([0, 0, 0, 9], None),
    ],
)
def test_a_baseline_has_settled_when_days_stay_below_a_tenth_of_the_busiest(
    by_day: list[int], settled: int | None
) -> None:
    noise = RuleNoise(rule())
    for day, number in enumerate(by_day, 100):
        noise.findings[(day, "send")] = number
    assert noise.settled_after(100, 100 + len(by_day) - 1) == settled


def test_a_rule_that_takes_a_large_share_of_all_events_is_named() -> None:
    bases = [Base(name, name, ("aws.cloudtrail",), "raw", Leaf("eventName", "equals", "X")) for name in ("all", "few")]
    pack = Pack.of(bases, [])
    assert [one.base_id for one in wide_bases(pack, {"all": 51, "few": 50}, 1_000)] == ["all"]
    assert wide_bases(pack, {"all": 999}, 999) == []


def test_findings_beyond_the_bound_are_not_compared_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firstseen.baseline.noise.MAX_COMPARED", 2)
    one = rule()
    noise = Noise(Pack((), (one,)))
    for number in range(3):
        noise.found(finding(number, card=one.card, related=()))
    assert noise.rules[one.card.id].by_routing() == {"send": 3}
    assert (len(noise.seen), noise.cut) == (2, True)


def test_a_test_finding_says_that_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify-test", "--sink", "jsonl:", "--level", "high", "--note", "hello"]) == 0
    sent = json.loads(capsys.readouterr().out)
    assert sent["finding_info"]["title"].startswith("TEST") or "Test of the way" in sent["finding_info"]["title"]
    assert sent["severity"] == "High"
    assert "hello" in json.dumps(sent)


def test_two_test_findings_have_different_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """A receiver that drops copies must show the second test, too."""
    uids = set()
    for _ in range(2):
        assert main(["notify-test", "--sink", "jsonl:"]) == 0
        uids.add(json.loads(capsys.readouterr().out)["finding_info"]["uid"])
    assert len(uids) == 2


@pytest.mark.parametrize("url", ["carrier-pigeon:", "sns:", "sns:nonsense", "terminal:x", ""])
def test_a_sink_that_cannot_be_used_is_refused(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert main(["notify-test", "--sink", url]) == 2
    assert "sns" in capsys.readouterr().err


def test_a_sweep_sends_what_is_left_over(
    tmp_path: Path, log: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay whose sink takes nothing leaves its findings pending; the sweep sends each once."""
    state, one = f"sqlite:{tmp_path / 'state.db'}", rules(tmp_path, "a.yml")
    with monkeypatch.context() as patch:
        patch.setattr(
            "firstseen.adapters.local.jsonl.JsonLinesSink.publish", lambda _, found, **__: ["unavailable"] * len(found)
        )
        assert main(["replay", "--rules", one, "--state", state, "--format", "jsonl", log]) == 1
    capsys.readouterr()
    monkeypatch.setattr("firstseen.cli.commands.sweep.time.time_ns", lambda: 4_000_000_000_000_000_000)
    assert main(["sweep", "--rules", one, "--state", state, "--sink", "jsonl:"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert main(["sweep", "--rules", one, "--state", state, "--sink", "jsonl:"]) == 0
    assert not capsys.readouterr().out


def test_an_experimental_rule_is_counted_and_promoted_in_its_file(
    tmp_path: Path, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its findings were recorded and not sent; promoting changes one line of its file, and then they are sent."""
    path = Path(rules(tmp_path, "a.yml"))
    text = path.read_text().replace(f"id: {NEW}", f"id: {NEW}\nstatus: experimental # until it is quiet")
    path.write_text(text)
    state = f"sqlite:{tmp_path / 'state.db'}"
    assert main(["replay", "--rules", str(path), "--state", state, log]) == 0
    assert not capsys.readouterr().out
    words = ["rules", "promote", str(path), "--state", state, "--since", "2026-03-01"]
    assert main(words) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[2].split()[:4] == ["6", "6", "5", NEW]
    assert path.read_text() == text
    assert main([*words, "--write", NEW]) == 0
    assert path.read_text() == text.replace("status: experimental #", "status: test #")
    capsys.readouterr()
    assert main(["replay", "--rules", str(path), "--format", "jsonl", log]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert main([*words, "--write", NEW]) == 2


def test_only_experimental_rules_can_be_promoted(tmp_path: Path, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    state, one = f"sqlite:{tmp_path / 'state.db'}", rules(tmp_path, "a.yml")
    assert main(["replay", "--rules", one, "--state", state, log]) == 0
    capsys.readouterr()
    assert main(["rules", "promote", one, "--state", state]) == 0
    assert capsys.readouterr().out == "no rule is experimental\n"
    assert main(["rules", "promote", one, "--state", state, "--write", NEW]) == 2
