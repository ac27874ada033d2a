"""``notify-test`` and ``sweep`` through an Event Grid topic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstseen.adapters.azure import topics
from firstseen.adapters.local.jsonl import JsonLinesSink
from firstseen.cli import main
from tests.contracts.azure_services import NoIdentity
from tests.contracts.event_grid_topic import KEY, Topic, topic
from tests.functions.fake_arm import entry, hub_record

RULES = """
title: A command was run
name: ran
id: 55555555-0000-4000-8000-000000000001
logsource: {product: azure, service: activitylogs}
detection:
    selection: {operationName: MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION}
    condition: selection
"""


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Iterator[Topic]:
    monkeypatch.setenv("AZURE_EVENTGRID_KEY", KEY)
    with topic() as made:
        yield made


def test_a_test_finding_arrives_marked_as_a_test(found: Topic, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify-test", "--sink", f"eventgrid:{found.url}", "--level", "high"]) == 0
    (got,) = found.taken
    assert got["type"] == "firstseen.test.high"
    assert got["id"] in capsys.readouterr().err


def test_without_a_key_whoever_is_signed_in_publishes(
    found: Topic, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is: nothing was sent, and it is said."""
    monkeypatch.delenv("AZURE_EVENTGRID_KEY")
    monkeypatch.setattr(topics, "credential", lambda _environment: NoIdentity())
    assert main(["notify-test", "--sink", f"eventgrid:{found.url}"]) == 1
    assert "was not sent (unavailable)" in capsys.readouterr().err
    assert found.taken == []


@pytest.mark.parametrize("sink", ["eventgrid:", "eventgrid:topic", "eventgrid:https://x/api/events?key=1", "grid:x"])
def test_what_is_no_sink_is_refused(sink: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify-test", "--sink", sink]) == 2
    assert "firstseen: " in capsys.readouterr().err


def test_the_sweep_sends_what_was_left_over_once(found: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay whose sink takes nothing leaves its finding pending."""
    rules, events = tmp_path / "rules.yml", tmp_path / "events.jsonl"
    rules.write_text(RULES, encoding="utf-8")
    events.write_text(json.dumps(hub_record(entry(1, "ada@contoso.example", "2026-03-01T10:00:00.0000000Z"))))
    words = ["--rules", str(rules), "--state", f"sqlite:{tmp_path / 'state.db'}"]
    with monkeypatch.context() as patch:
        patch.setattr(JsonLinesSink, "publish", lambda _, findings, **__: ["unavailable"] * len(findings))
        assert main(["replay", *words, "--format", "jsonl", str(events)]) == 1
    monkeypatch.setattr("firstseen.cli.commands.sweep.time.time_ns", lambda: 4_000_000_000_000_000_000)
    for _ in range(2):
        assert main(["sweep", *words, "--sink", f"eventgrid:{found.url}"]) == 0
        assert [one["source"] for one in found.taken] == ["/firstseen/azure.activitylogs"]
