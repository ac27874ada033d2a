"""Rules over derived names, from the rule's text to the finding: unusual hour, unexpected network, a new program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firstseen.adapters.local.addresses import VARIABLE, sources_for
from firstseen.adapters.local.memory import MemoryStore
from firstseen.cli import main
from firstseen.cli.proving import ask_of, findings_of
from firstseen.cli.ruleset import RuleSet, rule_set
from firstseen.deliveries import Delivery
from firstseen.errors import RuleError, SettingsError
from firstseen.findings.finding import Finding
from firstseen.language.checks.known_values import shape_of
from firstseen.language.derived_names import in_zone, locating
from firstseen.language.examples.events import Example, example
from firstseen.language.examples.search import Unsolved
from firstseen.language.examples.sequences import sequences
from firstseen.language.pack import Pack, dump, load
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base
from firstseen.pipeline import Pipeline
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source
from tests.unit.address_database import write_database

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
RULE = """
title: Anything
name: anything
id: 7f000000-0000-4000-8000-000000000001
logsource: {{product: aws, service: cloudtrail}}
detection: {{selection: {selection}, condition: selection}}
---
title: Something new
id: 7f000000-0000-4000-8000-000000000002
correlation:
    type: new_terms
    rules: [anything]
    fields: [{fields}]
    timespan: 30d
"""
DATABASE: Mapping[str, Mapping[str, object]] = {
    "198.51.100.0/25": {"autonomous_system_number": 64_500, "country": {"iso_code": "NO"}},
    "198.51.100.128/25": {"autonomous_system_number": 64_501, "country": {"iso_code": "NO"}},
    "203.0.113.0/24": {"autonomous_system_number": 64_501, "country": {"iso_code": "SE"}},
}


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> list[Any]:
        del deadline_us
        self.findings += findings
        return ["sent"] * len(findings)


def rules(fields: str, selection: str = "{eventName: StopInstances}", overlay: str = "") -> RuleSet:
    tuning = {"rules.yaml": overlay.encode()} if overlay else {}
    return rule_set({"a.yml": RULE.format(fields=fields, selection=selection).encode()}, tuning)


def found(pack: Pack, events: list[dict[str, object]], sources: Mapping[str, Source] = SOURCES) -> list[str]:
    """The ids of the events that opened findings."""
    sink = Kept()
    pipeline = Pipeline(pack, MemoryStore(), sink, owner="test", clock=lambda: 0, sources=sources)
    for number, parts in enumerate(events, 1):
        event = {**CLOUDTRAIL.sample, "eventID": f"event-{number}", **parts}
        raw = json.dumps(event).encode()
        # The first time the reader finds out whose event it is, later the source is given: both must mean the same.
        source = SOURCES["aws.cloudtrail"] if number > 1 else None
        report = pipeline.process([Delivery(str(number), [raw], 2**60, source)])
        assert not report.retry
        assert not report.rejects
    return [one.related[0].event_id for one in sink.findings]


def test_an_unusual_hour_is_a_finding() -> None:
    times = ("2026-03-02T09:15:00Z", "2026-03-03T09:59:59Z", "2026-03-04T03:00:00Z", "2026-03-05T03:30:00Z")
    pack = rules("userIdentity.sessionContext.sessionIssuer.arn, time.hour").pack()
    assert found(pack, [{"eventTime": time} for time in times]) == ["event-1", "event-3"]


def test_an_unexpected_network_is_a_finding() -> None:
    places = ("198.51.100.24", "198.51.100.200", "203.0.113.5", "ec2.amazonaws.com", "2001:db8::1", "2001:db8:0:9::2")
    pack = rules("actor, source.ip.network").pack()
    assert found(pack, [{"sourceIPAddress": place} for place in places]) == ["event-1", "event-3", "event-5"]


def test_the_first_use_of_the_command_line_is_a_finding() -> None:
    agents = ("console.amazonaws.com", "aws-cli/2.22.7", "aws-cli/2.23.0 md/x", "Boto3/1.40.45")
    asked = "{eventSource: ec2.amazonaws.com, user_agent.family: [aws-cli, boto3]}"
    pack = rules("actor, user_agent.family", asked).pack()
    assert found(pack, [{"userAgent": agent} for agent in agents]) == ["event-2", "event-4"]


def test_group_by_and_suppression_take_derived_names() -> None:
    text = RULE.format(fields="eventName", selection="{eventName: StopInstances}")
    text = text.replace("    timespan", "    group-by: [source.ip.network]\n    timespan")
    pack = rule_set({"a.yml": text.encode()}, {}).pack()
    assert found(pack, [{"sourceIPAddress": f"198.51.{n}.1"} for n in (100, 101, 100)]) == ["event-1", "event-2"]
    quiet = text + "firstseen: {suppress: {fields: [user_agent.family], for: 1h}}\n"
    pack = rule_set({"a.yml": quiet.encode()}, {}).pack()
    assert found(pack, [{"sourceIPAddress": f"198.51.{n}.1"} for n in (100, 101)]) == ["event-1"]


def test_the_recipes_of_the_documentation_are_rules_that_fire() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    text = page.partition("<!-- recipes -->\n```yaml\n")[2].partition("```")[0]
    made = rule_set({"recipes.yml": text.encode()}, {})
    assert not made.faults
    bases = {base.id: base for base in made.bases}
    titles = ["Unusual hour for this user", "Unexpected network for this user"]
    assert [one.card.title for one in made.correlations][:2] == titles
    for one in made.correlations:
        shown = sequences(one, bases, SOURCES, ask_of)
        assert not isinstance(shown, Unsolved), shown
        assert findings_of(bases)(one, shown[0]) == shown[0].expected == 1


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(write_database(tmp_path / "addresses.mmdb", DATABASE))


def test_a_database_of_addresses_tells_networks_and_countries(database: str) -> None:
    places = ("198.51.100.24", "198.51.100.90", "198.51.100.200", "203.0.113.5", "192.0.2.1", "2001:db8::1")
    events: list[dict[str, object]] = [{"sourceIPAddress": place} for place in places]
    by_number = rules("actor, source.as.number").pack()
    assert found(by_number, events, sources_for(by_number, {VARIABLE: database})) == ["event-1", "event-3"]
    by_land = rules("source.geo.country").pack()
    assert found(by_land, events, sources_for(by_land, {VARIABLE: database})) == ["event-1", "event-4"]
    swedish = rules("actor", "{source.geo.country: se}").pack()
    assert found(swedish, events, sources_for(swedish, {VARIABLE: database})) == ["event-4"]


def test_rules_that_need_a_database_are_not_run_without_one() -> None:
    pack = rules("actor, source.as.number").pack()
    assert locating(pack) == ["Something new"]
    with pytest.raises(RuleError, match="no database of addresses is given: Something new"):
        Pipeline(pack, MemoryStore(), Kept(), owner="test", clock=lambda: 0)
    with pytest.raises(SettingsError, match=f"{VARIABLE} names 0 files.*Something new"):
        sources_for(pack, {})
    other = rules("actor").pack()
    assert sources_for(other, {VARIABLE: "/nowhere"}) is SOURCES


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    pack = rules("actor, source.as.number").pack()
    (tmp_path / "a.mmdb").write_bytes(b"nothing of the kind")
    for name in (tmp_path / "a.mmdb", tmp_path / "b.mmdb"):
        with pytest.raises(SettingsError, match="cannot be read as a database"):
            sources_for(pack, {VARIABLE: str(name)})


def test_the_command_line_takes_the_database_from_its_variable(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yml").write_text(RULE.format(fields="source.geo.country", selection="{eventName: StopInstances}"))
    (tmp_path / "event.json").write_text(json.dumps(CLOUDTRAIL.sample))
    words = ["replay", "--rules", str(tmp_path / "a.yml"), "--format", "jsonl", str(tmp_path / "event.json")]
    monkeypatch.delenv(VARIABLE, raising=False)
    assert main(words) == 2
    assert VARIABLE in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, database)
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["unmapped"]["terms"] == [{"name": "source.geo.country", "value": "NO"}]


def test_the_time_zone_of_the_overlay_is_the_one_that_hours_are_read_in() -> None:
    events: list[dict[str, object]] = [{"eventTime": f"2026-03-02T{hour:02d}:30:00Z"} for hour in (22, 23, 0)]
    late = "{eventName: StopInstances, time.hour: [23, 0]}"
    assert found(rules("eventTime", late).pack(), events) == ["event-2", "event-3"]
    berlin = rules("eventTime", late, "time_zone: Europe/Berlin").pack()
    assert found(berlin, events) == ["event-1", "event-2"]
    assert found(load(dump(berlin)), events) == ["event-1", "event-2"]


def test_a_time_zone_begins_the_baselines_of_the_rules_that_read_clocks_anew_and_no_others() -> None:
    for fields, selection, changes in (
        ("actor, time.hour", "{eventName: StopInstances}", True),
        ("actor", "{time.weekday: sunday}", True),
        ("actor", "{eventName: StopInstances}", False),
    ):
        (utc,) = rules(fields, selection).correlations
        (berlin,) = rules(fields, selection, "time_zone: Europe/Berlin").correlations
        (again,) = rules(fields, selection, f"time_zone: '{BERLIN}'").correlations
        (named,) = rules(fields, selection, "time_zone: UTC").correlations
        assert (berlin.fingerprint != utc.fingerprint) is changes
        (tokyo,) = rules(fields, selection, "time_zone: Asia/Tokyo").correlations
        assert (tokyo.fingerprint != berlin.fingerprint) is changes
        assert (again.fingerprint, named.fingerprint) == (berlin.fingerprint, utc.fingerprint)
        assert berlin.fields == utc.fields


@pytest.mark.parametrize("text", ["time_zone: Europe/Atlantis", "time_zone: [1]"])
def test_a_time_zone_that_there_is_not_is_a_fault(text: str) -> None:
    (fault,) = rules("actor", overlay=text).faults
    assert "time" in str(fault)


def test_suppression_reads_the_clocks_of_the_zone() -> None:
    overlay = "time_zone: Europe/Berlin\nrules: {7f000000-0000-4000-8000-000000000002: {suppress: "
    (one,) = rules("actor", overlay=overlay + "{fields: [time.weekday, actor], for: 1h}}}").correlations
    assert one.suppression is not None
    assert one.suppression.fields == (f"time.weekday@{BERLIN}", "actor")


def test_a_zone_reaches_every_name_and_is_set_once() -> None:
    tree = And(
        (Leaf("time.hour", "gte", 20), Or((Not(Leaf("a", "same_as", "time.weekday")), Leaf(None, "equals", "x"))))
    )
    base = Base("a", "a", ("aws.cloudtrail",), "raw", tree)
    (zoned,), _ = in_zone([base], [], BERLIN)
    assert zoned.predicate == And(
        (
            Leaf(f"time.hour@{BERLIN}", "gte", 20),
            Or((Not(Leaf("a", "same_as", f"time.weekday@{BERLIN}")), Leaf(None, "equals", "x"))),
        )
    )
    assert in_zone([zoned], [], "JST-9")[0] == [zoned]
    with pytest.raises(RuleError, match="no time zone"):
        in_zone([base], [], "Europe/Berlin")


@pytest.mark.parametrize(
    "tree",
    [
        And((Leaf("eventName", "equals", "StopInstances"), Leaf("time.hour", "equals", 3))),
        And((Leaf("time.hour", "gte", 22), Leaf("time.weekday", "equals", "Sunday"))),
        Leaf(f"time.hour@{BERLIN}", "lt", 5),
        Leaf("user_agent.family", "equals", "terraform"),
        Not(Leaf("user_agent.family", "equals", "aws-cli")),
        Leaf("source.ip.network", "equals", "10.0.0.0/24"),
    ],
)
def test_examples_are_made_for_derived_names(tree: Predicate) -> None:
    base = Base("a", "a", ("aws.cloudtrail",), "raw", tree)
    assert isinstance(example(base, CLOUDTRAIL, ask_of(base, CLOUDTRAIL)), Example)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("time.hour", "23", "24"),
        (f"time.hour@{BERLIN}", "0", "-1"),
        ("time.weekday", "Sunday", "sun"),
        ("source.ip.network", "10.0.0.0/24", "10.0.0.0/8"),
        ("source.geo.country", "no", "Norway"),
    ],
)
def test_checks_know_what_values_derived_names_take(name: str, good: str, bad: str) -> None:
    shape = shape_of(CLOUDTRAIL, "raw", name)
    assert shape is not None
    assert shape.takes(good, cased=False)
    assert not shape.takes(bad, cased=False)


def test_a_source_with_readers_is_the_one_that_events_are_under_in_findings(database: str) -> None:
    """Matches that a spool read again carry the registry's source: names must still mean the pipeline's."""
    pack = rules("source.geo.country").pack()
    sources = sources_for(pack, {VARIABLE: database})
    assert sources["aws.cloudtrail"] == replace(CLOUDTRAIL, readers=sources["aws.cloudtrail"].readers)
    pipeline = Pipeline(pack, MemoryStore(), Kept(), owner="test", clock=lambda: 0, sources=sources)
    assert pipeline.engine.program(CLOUDTRAIL).source is sources["aws.cloudtrail"]
