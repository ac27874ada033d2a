"""Baselines over files: what is built, what it changes for a live state, and what can be done with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.baseline import rows
from firstseen.cli import main
from firstseen.deliveries import Match, Report
from firstseen.errors import StoreUnavailable
from firstseen.findings.learning import RuleRow, rule_record
from firstseen.findings.rows import read_row
from firstseen.language.rules import DAY_US, HOUR_US
from firstseen.pipeline import Pipeline
from tests.unit.findings_samples import NOON_US, rule

NEW = "22222222-0000-4000-8000-000000000002"


def _rules(timespan: str = "7d", learning: str = "") -> str:
    extra = f"\nfirstseen: {{learning: {learning}}}" if learning else ""
    return f"""
title: Asked
name: asked
id: 22222222-0000-4000-8000-000000000001
logsource: {{product: aws, service: cloudtrail}}
detection:
    selection: {{eventName: Ask}}
    condition: selection
---
title: Somebody new asked
id: {NEW}
correlation: {{type: new_terms, rules: [asked], fields: [userIdentity.userName], timespan: {timespan}}}{extra}
"""


def event(number: int, who: str, day: int, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of an event
    return {
        "eventVersion": "1.11",
        "eventID": f"event-{number}",
        "eventTime": f"2026-03-{day:02}T10:00:00Z",
        "eventSource": "example.amazonaws.com",
        "eventName": "Ask",
        "awsRegion": "eu-central-1",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "userName": who, "arn": f"arn:aws:iam::111122223333:user/{who}"},
        **parts,
    }


class Place:
    """A folder with rules, logs and a state; runs commands there."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.state = f"sqlite:{folder / 'state.db'}"
        self.write_rules(_rules())

    def write_rules(self, text: str) -> None:
        (self.folder / "rules.yml").write_text(text, encoding="utf-8")

    @property
    def rules(self) -> str:
        return str(self.folder / "rules.yml")

    def log(self, name: str, *events: dict[str, Any]) -> str:
        path = self.folder / name
        path.write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
        return str(path)

    def run(self, *words: str, status: int = 0) -> str:
        self.capsys.readouterr()
        assert main(list(words)) == status
        return self.capsys.readouterr().out

    def build(self, *words: str, status: int = 0) -> str:
        return self.run("baseline", "build", "--rules", self.rules, "--state", self.state, *words, status=status)

    def replay(self, *logs: str) -> list[dict[str, Any]]:
        out = self.run("replay", "--rules", self.rules, "--state", self.state, "--format", "jsonl", *logs)
        return [json.loads(line) for line in out.splitlines()]

    def known(self, *words: str, state: str = "") -> list[dict[str, Any]]:
        out = self.run("baseline", "show", "--format", "jsonl", "--state", state or self.state, *words)
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    return Place(tmp_path, capsys)


def test_who_is_in_the_history_is_not_new_afterwards(place: Place) -> None:
    history = place.log("history.jsonl", *(event(day, "ada", day) for day in range(1, 15)))
    built = place.build("--from", history)
    assert "complete; 1 findings learnt" in built
    later = place.log("later.jsonl", event(20, "ada", 16), event(21, "bob", 16))
    found = place.replay(later)
    assert [one["finding_info"]["related_events"][0]["uid"] for one in found] == ["event-21"]
    assert place.known()[0]["baseline"] == "complete"


def test_the_history_s_own_findings_are_kept_as_learnt(place: Place) -> None:
    """An attack inside the history would otherwise vanish in the baseline."""
    history = place.log("history.jsonl", event(1, "ada", 1), event(2, "eve", 9))
    assert "findings learnt" in place.build("--from", history)
    assert len(place.run("findings", "list", "--state", place.state, "--routing", "learning").splitlines()) == 2
    assert not place.run("sweep", "--rules", place.rules, "--state", place.state)


def test_a_history_shorter_than_the_timespan_completes_nothing(place: Place) -> None:
    history = place.log("history.jsonl", event(1, "ada", 1), event(2, "ada", 5))
    assert "not complete: the history covers 4 days of the rule's 7d" in place.build("--from", history)
    assert place.known()[0]["baseline"] == "none"
    assert "complete;" in place.build("--from", history, "--since", "2026-02-01", "--now", "2026-03-06T00:00:00Z")


def test_building_twice_is_said_and_changes_nothing(place: Place) -> None:
    history = place.log("history.jsonl", event(1, "ada", 1), event(2, "bob", 9))
    place.build("--from", history)
    before = place.run("baseline", "export", "--state", place.state)
    assert "in the baseline already" in place.build("--from", history)
    assert "complete; 0 findings" in place.build("--from", history, "--again")
    assert place.run("baseline", "export", "--state", place.state) == before


def test_history_under_a_live_state_notifies_nobody_and_closes_the_gap(place: Place) -> None:
    """bob was found live on the 10th and 20th; the history shows him between: one episode, no notification."""
    live = place.log("live.jsonl", event(1, "bob", 10), event(2, "bob", 20))
    assert len(place.replay(live)) == 2
    history = place.log("history.jsonl", event(3, "bob", 15), event(4, "ada", 1))
    place.build("--from", history)
    (bob,) = place.known("--key", "bob")
    assert (bob["known_since"], bob["last_seen"]) == ("2026-03-10T10:00:00Z", "2026-03-20T10:00:00Z")
    assert not place.run("sweep", "--rules", place.rules, "--state", place.state)


def test_a_build_leaves_what_waits_to_be_sent_to_the_live_workers(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink takes nothing, history touches the same key, the sink is back: the finding is sent, once."""
    live = place.log("live.jsonl", event(1, "bob", 10))
    with monkeypatch.context() as patch:
        patch.setattr(
            "firstseen.adapters.local.jsonl.JsonLinesSink.publish", lambda _, found, **__: ["unavailable"] * len(found)
        )
        place.run("replay", "--rules", place.rules, "--state", place.state, "--format", "jsonl", live, status=1)
    place.build("--from", place.log("history.jsonl", event(2, "bob", 12)))
    assert place.run("findings", "list", "--state", place.state, "--status", "pending").count("\n") == 1
    monkeypatch.setattr("firstseen.cli.commands.sweep.time.time_ns", lambda: 4_000_000_000_000_000_000)
    sweep = ("sweep", "--rules", place.rules, "--state", place.state, "--sink", "jsonl:")
    assert "event-1" in place.run(*sweep)
    assert not place.run(*sweep)


def test_what_may_still_be_on_its_way_to_the_live_workers_is_news_to_them(place: Place) -> None:
    """History ends an hour before now: an attack of the last minutes is not learnt, but found."""
    log = place.log("log.jsonl", *(event(day, "ada", day) for day in range(1, 15)), event(90, "eve", 15))
    place.build("--from", log, "--now", "2026-03-15T10:59:59Z")
    found = place.replay(log)
    assert [one["finding_info"]["related_events"][0]["uid"] for one in found] == ["event-90"]


def test_a_rule_without_memory_is_not_touched_by_history(place: Place) -> None:
    """What it would have reported then, it reports when the event is delivered."""
    place.write_rules(_rules().partition("---")[0])
    log = place.log("log.jsonl", event(1, "ada", 1))
    assert not place.build("--from", log)
    assert place.known() == []
    assert len(place.replay(log)) == 1


def test_a_changed_rule_gets_a_baseline_of_its_own_while_the_old_one_works_on(place: Place) -> None:
    history = place.log("history.jsonl", *(event(day, "ada", day) for day in range(1, 20)))
    place.build("--from", history)
    old = place.known()
    place.write_rules(_rules(timespan="10d"))
    assert "complete; 1 findings" in place.build("--from", history)
    both = place.known()
    assert len(both) == 2
    assert old[0] in both
    assert place.run("baseline", "forget", "--stale", place.rules, "--state", place.state).startswith("1 key forgotten")


class _Stopping(MemoryStore):
    """Commits so many times, and never again."""

    left = 0

    def commit(self, changes: Sequence[Any]) -> Sequence[Any]:
        type(self).left -= 1
        if type(self).left <= 0:
            msg = "stopped by the test"
            raise StoreUnavailable(msg)
        return super().commit(changes)


def test_a_build_goes_on_where_it_stopped(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever batch fails: the second run passes over what is settled and ends with the same keys."""
    monkeypatch.setattr("firstseen.baseline.build.BATCH_MATCHES", 3)
    history = place.log("history.jsonl", *(event(n, f"user-{n % 5}", 1 + n) for n in range(20)))
    for failing in range(1, 8):
        store = MemoryStore()
        stopping = _Stopping(shared=store)
        _Stopping.left = failing
        monkeypatch.setattr("firstseen.cli.live.open_store", lambda _url, one=stopping: one)
        place.build("--from", history, status=2)
        settled: list[int] = []
        settle = Pipeline.settle

        def counting(
            self: Pipeline,
            matches: Sequence[Match],
            report: Report,
            settle: Callable[[Pipeline, Sequence[Match], Report], None] = settle,
            settled: list[int] = settled,
        ) -> None:
            settled.append(len(matches))
            settle(self, matches, report)

        again = MemoryStore(shared=store)
        with monkeypatch.context() as patch:
            patch.setattr(Pipeline, "settle", counting)
            patch.setattr("firstseen.cli.live.open_store", lambda _url, one=again: one)
            assert "complete" in place.build("--from", history)
        assert sum(settled) == 20 - 3 * (failing - 1)
        assert sum(1 for _ in store.scan_states()) == 5


def test_a_new_rule_is_silent_while_its_baseline_is_built_and_not_for_good() -> None:
    store, one = MemoryStore(), rule(timespan_us=7 * DAY_US)
    where = rule_record(one.card.id, one.fingerprint)
    rows.begin(store, [one], now_us=NOON_US)
    row = read_row(store.records([where])[where], RuleRow)
    assert row is not None
    assert row.baseline(NOON_US + 1) == "learning"
    assert row.baseline(NOON_US + rows.BUILDING_US) == "none"
    assert rows.finish(store, one, from_us=NOON_US - 7 * DAY_US, to_us=NOON_US, now_us=NOON_US + HOUR_US)
    done = read_row(store.records([where])[where], RuleRow)
    assert done is not None
    assert done.baseline(NOON_US + 1) == "complete"


def test_a_rule_that_has_worked_for_longer_than_its_timespan_stays_active_while_history_is_added() -> None:
    store, one = MemoryStore(), rule(timespan_us=DAY_US)
    where = rule_record(one.card.id, one.fingerprint)
    rows.begin(store, [one], now_us=NOON_US)
    rows.finish(store, one, from_us=NOON_US, to_us=NOON_US, now_us=NOON_US)
    rows.begin(store, [one], now_us=NOON_US + DAY_US)
    row = read_row(store.records([where])[where], RuleRow)
    assert row is not None
    assert row.building_until_us == 0


@pytest.mark.parametrize(
    ("first", "second", "known"),
    [
        ((0, 10), (5, 20), (0, 20)),
        ((5, 20), (0, 5), (0, 20)),
        ((0, 10), (11, 20), (11, 20)),
        ((11, 20), (0, 10), (11, 20)),
    ],
)
def test_histories_with_a_hole_between_them_are_not_one(
    first: tuple[int, int], second: tuple[int, int], known: tuple[int, int]
) -> None:
    store, one = MemoryStore(), rule(timespan_us=1_000)
    for from_us, to_us in (first, second):
        rows.finish(store, one, from_us=NOON_US + from_us, to_us=NOON_US + to_us, now_us=NOON_US)
    where = rule_record(one.card.id, one.fingerprint)
    row = read_row(store.records([where])[where], RuleRow)
    assert row is not None
    assert (row.known_from_us - NOON_US, row.known_to_us - NOON_US) == known


def test_an_export_makes_another_state_know_the_same(place: Place, tmp_path: Path) -> None:
    history = place.log("history.jsonl", *(event(n, f"user-{n % 3}", 1 + n) for n in range(12)))
    place.build("--from", history)
    file = str(tmp_path / "baseline.jsonl")
    place.run("baseline", "export", "--state", place.state, "-o", file)
    other = f"sqlite:{tmp_path / 'other.db'}"
    place.run("baseline", "import", file, "--state", other)
    assert place.known(state=other) == place.known()
    assert place.run("baseline", "export", "--state", other) == Path(file).read_text(encoding="utf-8")
    place.state = other
    assert place.replay(place.log("later.jsonl", event(30, "user-1", 12))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"key":"', b'"key":"0'),
        (b"user-1", b"user-2"),
        (b"\n", b""),
        (b'"firstseen_baseline":1', b'"firstseen_baseline":2'),
        (b'{"end"', b'{"and"'),
    ],
)
def test_an_export_that_was_edited_is_refused_as_a_whole(place: Place, tmp_path: Path, old: bytes, new: bytes) -> None:
    place.build("--from", place.log("history.jsonl", event(1, "user-1", 1), event(2, "user-1", 9)))
    file = tmp_path / "baseline.jsonl"
    place.run("baseline", "export", "--state", place.state, "-o", str(file))
    file.write_bytes(file.read_bytes().replace(old, new, 1))
    other = f"sqlite:{tmp_path / 'other.db'}"
    place.run("baseline", "import", str(file), "--state", other, status=2)
    assert place.known(state=other) == []


def test_a_key_that_is_not_that_of_its_values_is_refused_even_when_the_file_is_whole(
    place: Place, tmp_path: Path
) -> None:
    place.build("--from", place.log("history.jsonl", event(1, "user-1", 1), event(2, "user-1", 9)))
    lines = place.run("baseline", "export", "--state", place.state).encode().splitlines(keepends=True)[:-1]
    body = b"".join(lines).replace(b"user-1", b"user-2")
    end = {"end": {"lines": len(lines), "sha256": hashlib.sha256(body).hexdigest()}}
    (tmp_path / "edited.jsonl").write_bytes(body + orjson.dumps(end) + b"\n")
    place.run(
        "baseline", "import", str(tmp_path / "edited.jsonl"), "--state", f"sqlite:{tmp_path / 'other.db'}", status=2
    )


def test_what_is_forgotten_entirely_is_new_again(place: Place) -> None:
    place.build("--from", place.log("history.jsonl", event(1, "ada", 1), event(2, "bob", 9)))
    assert "1 key would be forgotten" in place.run(
        "baseline", "forget", "--key", "ADA", "--dry-run", "--state", place.state
    )
    assert "1 key forgotten entirely" in place.run(
        "baseline", "forget", "--entirely", "--key", "ADA", "--state", place.state
    )
    found = place.replay(place.log("later.jsonl", event(3, "ada", 3), event(4, "bob", 10)))
    assert [one["finding_info"]["related_events"][0]["uid"] for one in found] == ["event-3"]
    place.run("baseline", "forget", "--state", place.state, status=2)
