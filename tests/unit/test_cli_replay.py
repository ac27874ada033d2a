"""What replay says when something goes wrong late, and what it carries into a finding."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from firstseen.cli import main
from firstseen.cli.spool import Spool
from firstseen.deliveries import Match
from firstseen.errors import InputError, StoreUnavailable
from firstseen.findings.build import facts
from firstseen.findings.text import to_text
from firstseen.pipeline import Pipeline
from firstseen.sources.event import Event
from firstseen.sources.reading import read_event
from tests.faults.world import RULES, START_US, event
from tests.unit.findings_samples import finding

HOUR_US = 3_600_000_000


def read(raw: bytes, received_us: int = START_US + 2 * HOUR_US) -> Event:
    found = read_event(raw, received_us=received_us)
    assert isinstance(found, Event)
    return found


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    (tmp_path / "a.json").write_bytes(event(1, 0, call="Remove"))
    return ["replay", "--rules", str(tmp_path / "rules.yml"), "--format", "jsonl", str(tmp_path / "a.json")]


def test_what_was_done_is_said_also_when_the_state_does_not_answer_at_the_end(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(_: Pipeline, **__: int) -> None:
        msg = "the table is away"
        raise StoreUnavailable(msg)

    monkeypatch.setattr(Pipeline, "sweep", away)
    assert main(words) == 2
    said = capsys.readouterr()
    assert "1 events, 3 rules, 1 findings (1 send), 1 notifications" in said.err
    assert said.err.index("1 events") < said.err.index("the table is away")


def test_a_match_that_cannot_be_got_out_of_the_spool_again_is_an_error_not_a_match_less() -> None:
    found = read(event(1, 0))
    with Spool() as spool:
        spool.add(Match(found, (0,), "a", "a:1"))
        spool.add(Match(replace(found, raw=b'{"eventID":'), (0,), "a", "a:2"))
        with pytest.raises(InputError, match="a:2: its event was read once and cannot be read again"):
            list(spool.in_order(START_US))


def test_what_comes_out_of_the_spool_is_what_was_put_in_also_from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the view is made again: ids, the corrected time and remarks are those that were read."""
    monkeypatch.setattr("firstseen.cli.spool.RUN_MATCHES", 2)
    late = read(event(3, 7_200), received_us=START_US)
    assert late.remarks
    odd = read(event(2, 0).replace(b'"eventID":"', b'"eventID":"\\ud800'))
    put_in = [Match(one, (0,), "a", f"a:{place}") for place, one in enumerate((late, odd, read(event(1, 0))), 1)]
    with Spool() as spool:
        for match in put_in:
            spool.add(replace(match, event=replace(match.event, received_us=START_US)))
        found = list(spool.in_order(START_US))
    order = sorted(put_in, key=lambda match: (match.event.time_us, match.event.id))
    assert found == [replace(match, event=replace(match.event, received_us=START_US)) for match in order]


def test_a_finding_says_that_the_time_of_its_event_was_corrected(
    words: list[str], tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Promised in the rules about clocks: whoever weighs the finding must not take the time for the log's own."""
    (tmp_path / "a.json").write_bytes(event(1, 300, call="Remove"))
    assert main([*words, "--now", "2026-03-02T01:00:00Z"]) == 0
    (line,) = capsysbinary.readouterr()[0].splitlines()
    remark = json.loads(line)["evidences"][0]["data"]["facts"]["remark"]
    assert remark == "its time lies more than an hour after it was received: taken as received"


def test_the_text_form_shows_remarks_and_only_where_there_are_any() -> None:
    odd = dict(facts(read(event(1, 300))))
    assert "remark" not in dict(facts(read(event(1, 0))))
    sample = finding()
    assert "Remark:" not in to_text(sample)
    shown = to_text(replace(sample, facts=(*sample.facts, ("remark", odd["remark"]))))
    assert "Remark:   its time lies more than an hour after it was received" in shown
