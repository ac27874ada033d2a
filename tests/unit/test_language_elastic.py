"""Elastic's rule files as they are: what they ask, what they tell, what is refused, where their faults lie."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.deliveries import Delivery
from firstseen.language import pack
from firstseen.language.frontends.elastic_guides import MAX_STEPS, read_guide
from firstseen.language.frontends.elastic_sources import by_index
from firstseen.language.frontends.loading import Loaded, build_pack, load_rules
from firstseen.language.predicates import And, Leaf, Not, Or
from firstseen.language.rules import DAY_US, HOUR_US, Base, Correlation, Suppression
from firstseen.matching.engine import Engine
from firstseen.pipeline import Pipeline
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL, SAMPLE
from firstseen.sources.source import Derived, Source
from firstseen.store.store import Query
from tests.faults.faulty import RecordingSink

FOLDER = Path(__file__).parents[1] / "data" / "elastic"
ISSUER = "aws.cloudtrail.user_identity.session_context.session_issuer.arn"
MINUTE_US = HOUR_US // 60

HEAD = """\
[rule]
name = "A rule"
rule_id = "r1"
risk_score = 47
severity = "medium"
"""
QUERY = 'type = "query"\n'
ASKS = 'query = "event.action: A"\n'
NEW_TERMS = """\
type = "new_terms"
query = "event.action: A"
[rule.new_terms]
field = "new_terms_fields"
value = ["user.id"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-10d"
"""
THRESHOLD = """\
type = "threshold"
query = "event.action: A"
[rule.threshold]
field = ["user.id", "cloud.region"]
value = 5
"""

OTHER = replace(
    CLOUDTRAIL,
    name="other.log",
    dataset="other.log",
    ecs=MappingProxyType({"event.dataset": Derived((), lambda _view: "other.log"), "event.action": ("call",)}),
)


def load(*texts: str, sources: tuple[Source, ...] = (CLOUDTRAIL,)) -> Loaded:
    files = {f"rules/{number}.toml": text.encode() for number, text in enumerate(texts)}
    return load_rules(files, sources=sources)


def one(text: str, **given: Any) -> tuple[Base, Correlation]:  # noqa: ANN401 - load's own
    loaded = load(text, **given)
    assert not loaded.faults, loaded.faults[0]
    assert not loaded.refusals, loaded.refusals[0]
    return loaded.bases[0], loaded.correlations[0]


def faults(text: str) -> list[str]:
    loaded = load(text)
    assert not loaded.bases
    assert not loaded.correlations
    assert not loaded.refusals
    return [str(fault) for fault in loaded.faults]


def refusal(text: str, **given: Any) -> str:  # noqa: ANN401 - load's own
    loaded = load(text, **given)
    assert not loaded.faults, loaded.faults[0]
    assert not loaded.bases
    return str(loaded.refusals[0])


def folder() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.toml"))}


def matches(query: str, view: Mapping[str, Any]) -> bool:
    text = HEAD + QUERY + f"query = '''{query}'''\n"
    built = build_pack({"r.toml": text.encode()})
    assert len(built.bases) == 1
    return bool(Engine(built).match_view(CLOUDTRAIL, view))


# ---- what a rule asks ---------------------------------------------------------------------------------------


def test_a_new_terms_rule_asks_for_a_term_not_seen_since_its_history_window_began() -> None:
    loaded = load_rules({"r.toml": folder()["password_data_new_role.toml"]}, sources=[CLOUDTRAIL])
    (base,), (rule,) = loaded.bases, loaded.correlations
    assert (rule.type, rule.timespan_us, rule.fields, rule.group_by) == ("new_terms", 7 * DAY_US, (ISSUER,), ())
    assert (rule.members[0].base_id, rule.members[0].fields) == (base.id, (ISSUER,))
    assert (base.vocabulary, base.sources, base.listed) == ("ecs", ("aws.cloudtrail",), False)
    assert base.predicate == And(
        tuple(
            Leaf(field, "equals", value, cased=True)
            for field, value in (
                ("event.dataset", "aws.cloudtrail"),
                ("event.provider", "ec2.amazonaws.com"),
                ("event.action", "GetPasswordData"),
                ("aws.cloudtrail.user_identity.type", "AssumedRole"),
                ("aws.cloudtrail.error_code", "Client.UnauthorizedOperation"),
            )
        )
    )


def test_a_query_rule_reports_each_operation_and_is_listed() -> None:
    loaded = load_rules({"r.toml": folder()["trail_stopped.toml"]})
    (base,), (rule,) = loaded.bases, loaded.correlations
    assert (rule.type, rule.timespan_us, rule.card.level, base.listed) == ("match", 0, "high", True)
    assert isinstance(base.predicate, And)
    assert base.predicate.parts[1:] == (
        Or(tuple(Leaf("event.action", "equals", name, cased=True) for name in ("StopLogging", "DeleteTrail"))),
        Not(Leaf("source.ip", "cidr", "10.0.0.0/8")),
    )


def test_a_threshold_counts_events_of_a_group_within_the_rules_look_back() -> None:
    base, rule = one(HEAD + 'from = "now-20m"\n' + THRESHOLD)
    groups = ("user.id", "cloud.region")
    assert (rule.type, rule.count, rule.group_by, rule.fields) == ("event_count", 5, groups, ())
    assert (rule.members[0].group_by, rule.timespan_us, base.listed) == (groups, 20 * MINUTE_US, False)
    assert one(HEAD + THRESHOLD)[1].timespan_us == 6 * MINUTE_US
    assert one(HEAD + THRESHOLD.replace('["user.id", "cloud.region"]', "[]"))[1].group_by == ()


def test_a_threshold_with_cardinality_counts_values() -> None:
    loaded = load_rules({"r.toml": folder()["many_refusals.toml"]})
    (rule,) = loaded.correlations
    assert (rule.type, rule.count, rule.group_by, rule.fields) == ("value_count", 3, ("user.id",), ("event.action",))
    assert rule.timespan_us == 15 * MINUTE_US
    more = '[[rule.threshold.cardinality]]\nfield = "event.id"\nvalue = 4\n'
    assert "5 events with 4 different values" in refusal(HEAD + THRESHOLD + more)
    assert one(HEAD + THRESHOLD + more.replace("4", "5"))[1].count == 5


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("now-90s", 90), ("now-5m", 300), ("now-12h", 43_200), ("now-2w", 1_209_600), ("now-1M", 2_629_746)],
)
def test_history_windows_are_read_in_elastics_units(written: str, seconds: int) -> None:
    assert one(HEAD + NEW_TERMS.replace("now-10d", written))[1].timespan_us == seconds * 1_000_000


def test_a_fingerprint_changes_with_the_question_only() -> None:
    def fingerprint(text: str) -> str:
        return one(text)[1].fingerprint

    same = fingerprint(HEAD + NEW_TERMS)
    assert fingerprint(HEAD.replace("A rule", "Another") + 'from = "now-1h"\n' + NEW_TERMS) == same
    assert fingerprint(HEAD + NEW_TERMS.replace("event.action: A", 'event.action: \\"A\\"')) == same
    assert fingerprint(HEAD + NEW_TERMS.replace("now-10d", "now-240h")) == same
    changed = {
        fingerprint(HEAD + text)
        for text in (
            NEW_TERMS,
            NEW_TERMS.replace(": A", ": a"),
            NEW_TERMS.replace("now-10d", "now-11d"),
            NEW_TERMS.replace("user.id", "user.name"),
            'index = ["logs-*"]\n' + NEW_TERMS,
        )
    }
    assert len(changed) == 5


def test_a_fingerprint_outlives_a_longer_table_of_names() -> None:
    text = HEAD + NEW_TERMS.replace("event.action: A", "event.*: A")
    longer = replace(CLOUDTRAIL, ecs=MappingProxyType({**CLOUDTRAIL.ecs, "event.more": ("more",)}))
    before, after = one(text), one(text, sources=(longer,))
    assert before[0].predicate != after[0].predicate
    assert before[1].fingerprint == after[1].fingerprint


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("event.dataset: aws.cloudtrail and event.action: StopInstances", True),
        ("event.action: stopinstances", False),
        ("event.outcome: success and aws.cloudtrail.read_only: false", True),
        ("event.module: aws and cloud.region: eu-*", True),
        ("source.ip: 198.51.100.0/24", True),
        ("source.ip: 198.51.101.0/24", False),
        ("aws.cloudtrail.error_code: *", False),
        ("not aws.cloudtrail.error_code: *", True),
        ("aws.cloudtrail.request_parameters: *instanceId=i-0a1b*", True),
        ("aws.cloudtrail.flattened.request_parameters.instancesSet.items.instanceId: i-0a1b2c3d4e5f60718", True),
        ("aws.cloudtrail.flattened.response_elements.instancesSet.items.currentState.code > 63", True),
        ("aws.cloudtrail.flattened.response_elements.instancesSet.items.currentState.code > 64", False),
        ("aws.*.arn: *assumed-role/deploy*", True),
        ("user_agent.original: (aws-cli* and not *boto*)", True),
        ("STOPINSTANCES", True),
        ("nowhere", False),
        ("*", True),
    ],
)
def test_a_query_holds_for_the_events_that_it_describes(query: str, *, expected: bool) -> None:
    assert matches(query, SAMPLE) is expected


def test_a_new_role_is_found_once_by_the_whole_pipeline() -> None:
    rules = build_pack({"r.toml": folder()["password_data_new_role.toml"]})
    store, sink = MemoryStore(), RecordingSink()
    pipeline = Pipeline(rules, store, sink, owner="test", clock=lambda: 0)
    event: dict[str, Any] = json.loads(json.dumps(dict(SAMPLE)))
    event |= {"eventName": "GetPasswordData", "errorCode": "Client.UnauthorizedOperation"}
    for day in (2, 5, 20):
        event |= {"eventID": f"e{day}", "eventTime": f"2026-03-{day:02}T09:15:02Z"}
        raw = json.dumps(event).encode()
        assert not pipeline.process([Delivery(str(day), [raw], 1_800_000_000_000_000)]).retry
    found = sorted(row.finding.time_us for row in store.scan_findings(Query()))
    assert [(time_us - found[0]) // DAY_US for time_us in found] == [0, 18]
    assert len(sink.uids) == 2


# ---- which logs it reads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), ["aws.cloudtrail", "other.log"]),
        (("filebeat-*",), ["aws.cloudtrail", "other.log"]),
        (("logs-aws.cloudtrail*",), ["aws.cloudtrail"]),
        (("logs-aws.cloudtrail-*", "logs-other.log-default"), ["aws.cloudtrail", "other.log"]),
        (("logs-*", "-logs-aws*"), ["other.log"]),
        (("elsewhere:logs-other*",), ["other.log"]),
        (("logs-endpoint.events.*", "winlogbeat-*"), []),
        (("logs-aws.cloudtrail",), []),
        (("logs-*aws*aws*",), []),
        (("logs-*a*a*default",), ["aws.cloudtrail"]),
    ],
)
def test_index_patterns_name_sources(patterns: tuple[str, ...], expected: list[str]) -> None:
    assert [source.name for source in by_index(patterns, (CLOUDTRAIL, OTHER))] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("event.action: A", ["aws.cloudtrail", "other.log"]),
        ("event.dataset: aws.cloudtrail and event.action: A", ["aws.cloudtrail"]),
        ('data_stream.dataset: "aws.cloudtrail"', ["aws.cloudtrail"]),  # the other log has no such name
        ("event.provider: A", ["aws.cloudtrail"]),
        ("event.provider: A or event.action: A", ["aws.cloudtrail", "other.log"]),
        ("event.action: A and not event.provider: A", ["aws.cloudtrail", "other.log"]),
        ("event.provider*: A", ["aws.cloudtrail", "other.log"]),
        ("event.provder: A", ["aws.cloudtrail", "other.log"]),  # a mistake, for a check to find
        ("event.dataset: other.log and event.provder: A", ["other.log"]),
        ("event.dataset: (aws.cloudtrail or other.log)", ["aws.cloudtrail", "other.log"]),
        ("event.dataset: other* or event.action: A and event.dataset: *.log", ["other.log"]),
        ("event.dataset: a*trail and event.action: A", ["aws.cloudtrail"]),
        ("not event.dataset: aws.*", ["other.log"]),
        ("event.dataset: *other* and event.dataset: *", ["other.log"]),
    ],
)
def test_the_dataset_in_the_query_narrows_the_sources(query: str, expected: list[str]) -> None:
    base, _ = one(HEAD + QUERY + f"query = '{query}'\n", sources=(CLOUDTRAIL, OTHER))
    assert list(base.sources) == expected


# ---- what it tells -------------------------------------------------------------------------------------------


def test_the_card_carries_all_that_the_rule_says_to_people() -> None:
    card = load_rules({"r.toml": folder()["password_data_new_role.toml"]}).correlations[0].card
    assert (card.id, card.level, card.risk_score) == ("5f1c2c1e-8f5f-4a86-9e0b-2b7f6f3b1c01", "medium", 55)
    assert (card.author, card.status) == ("The platform team, A friend of it", "stable")
    assert card.description.startswith("A role that was never seen")
    assert card.references == ("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetPasswordData.html",)
    assert card.tags == (
        "Domain: Cloud", "Tactic: Credential Access",
        "attack.credential-access", "attack.t1552.005", "attack.discovery", "attack.t1580",
    )  # fmt: skip
    assert card.triage == (
        "The role in the finding has not done this for a week.",
        "Who holds the role?",
        "  - Was it assumed from a known address?",
    )
    assert card.response == ("Take the session's permissions away.", "Replace the passwords.")
    assert card.false_positives == ("A new pipeline that rotates Windows passwords.", "A rotation that began today.")


def test_a_guide_is_cut_at_a_bound_and_says_so() -> None:
    guide = read_guide("\n".join(f"- step {number}" for number in range(MAX_STEPS + 3)))
    assert guide.triage[:2] == ("step 0", "step 1")
    assert guide.triage[-1] == "… and 3 more lines of the rule's guide"
    assert len(guide.triage) == MAX_STEPS + 1


def test_a_heading_inside_a_block_of_code_is_no_heading() -> None:
    guide = read_guide("look\n```\n# Response\n```\nagain\n# Response\nact")
    assert guide.triage == ("look", "```", "# Response", "```", "again")
    assert guide.response == ("act",)


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ("", "", "stable"),
        ('[metadata]\nmaturity = "production"\n', "", "stable"),
        ('[metadata]\nmaturity = "development"\n', "", "experimental"),
        ('[metadata]\nmaturity = "deprecated"\n', "", "deprecated"),
        ("", 'building_block_type = "default"\n', "experimental"),
    ],
)
def test_what_elastic_keeps_out_of_sight_is_experimental(before: str, after: str, status: str) -> None:
    assert one(before + HEAD + QUERY + ASKS + after)[1].card.status == status


def test_a_rule_without_severity_or_risk_has_the_usual_ones() -> None:
    bare = '[rule]\nname = "A"\nrule_id = "r"\n' + QUERY + ASKS
    assert (one(bare)[1].card.level, one(bare)[1].card.risk_score) == ("medium", 47)
    assert one(bare + 'severity = "critical"\n')[1].card.risk_score == 99
    assert one(bare + "enabled = false\n")[1].enabled is False


def test_alert_suppression_is_carried_over() -> None:
    loaded = load_rules(folder())
    suppressions = {rule.card.title: rule.suppression for rule in loaded.correlations}
    assert suppressions["A user is refused many different calls"] == Suppression(
        ("user.id",), 6 * HOUR_US, "group", "ecs"
    )
    run = Suppression(("user.id", "cloud.region"), 5 * MINUTE_US, "separate", "ecs")
    assert suppressions["A trail is stopped"] == run
    assert suppressions["EC2 password data refused to a role for the first time"] is None
    counted = THRESHOLD.replace('field = ["user.id", "cloud.region"]', "field = []")
    together = one(HEAD + 'interval = "1h"\n' + counted + "[rule.alert_suppression]\n")[1].suppression
    assert together == Suppression((), HOUR_US, "group", "ecs")


# ---- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ('type = "eql"\nlanguage = "eql"\n', "EQL"),
        ('type = "esql"\nlanguage = "esql"\n', "ES|QL"),
        ('type = "machine_learning"\n', "anomaly detection job"),
        ('type = "threat_match"\n' + ASKS, "index of indicators"),
        ('type = "saved_query"\n', "kept inside Elastic"),
        ('type = "query"\nlanguage = "lucene"\n' + ASKS, "Lucene"),
        (QUERY + ASKS + 'data_view_id = "x"\n', "data view"),
        (QUERY + ASKS + '[[rule.exceptions_list]]\nid = "x"\n', "exceptions"),
        (QUERY + ASKS + "[[rule.filters]]\n[rule.filters.query]\na = 1\n", "Kibana's filters"),
        (QUERY + ASKS + 'index = ["logs-endpoint.events.*"]\n', "none of the logs"),
        (QUERY + 'query = "event.dataset: okta.system"\n', "another dataset"),
        (QUERY + 'query = "a: { b: c }"\n', "nested"),
        (QUERY + 'query = "@timestamp > now-1d"\n', "ranges compare numbers"),
        (QUERY + ASKS + "alert_supression = 1\n", "did you mean 'alert_suppression'?"),
        (QUERY + ASKS + "from_the_future = 1\n", "may change what the rule asks"),
        ('to = "now-1h"\n' + THRESHOLD, "up to now"),
    ],
)
def test_a_rule_that_is_not_run_is_refused_with_the_reason_and_its_place(written: str, says: str) -> None:
    found = refusal(HEAD + written)
    assert says in found
    assert found.startswith("rules/0.toml:")
    assert found.splitlines()[-1].strip() == "^"


def test_another_toml_file_in_the_folder_is_left_out() -> None:
    assert "no [rule]" in refusal('[project]\nname = "something else"\n')


def test_refusals_stop_nothing() -> None:
    loaded = load_rules(folder())
    assert len(loaded.correlations) == 3
    assert [fault.place.file for fault in loaded.refusals if fault.place] == ["sequence.toml"]
    assert not loaded.faults
    assert len(build_pack(folder()).correlations) == 3


# ---- what is at fault ----------------------------------------------------------------------------------------


def test_a_fault_in_a_query_has_its_place_in_the_file() -> None:
    literal = HEAD + QUERY + "query = '''\na: 1\n  and b: arn:aws\n'''\n"
    (found,) = faults(literal)
    message, line, caret = found.splitlines()
    assert message.startswith("rules/0.toml:9:13: a ':' that follows no field's name")
    assert (line, caret) == ("      and b: arn:aws", " " * 16 + "^")


@pytest.mark.parametrize(
    ("query", "line", "column"),
    [
        ('query = "a: 1 b: 2"\n', 7, 16),
        ("query = 'a: 1 b: 2'\n", 7, 16),
        ('query="a: \\"x\\\\t\\" b: 2"\n', 7, 20),
        ('query = """\na: 1 \\\n     b: 2"""\n', 9, 7),
        ('query = """a: \\u0041 b: 2"""\r\n', 7, 23),
        ("query  =  '''a: 1 and\n\n b: c: 2''' # comment\n", 9, 6),
    ],
)
def test_places_in_a_query_survive_escapes_and_line_breaks(query: str, line: int, column: int) -> None:
    (place,) = [fault.place for fault in load(HEAD + QUERY + query).faults]
    assert place is not None
    assert (place.line, place.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (HEAD.replace("risk_score = 47", "risk_score = 101") + QUERY + ASKS, 4, "risk_score is a whole number"),
        (HEAD.replace("medium", "urgent") + QUERY + ASKS, 5, "severity is one of"),
        (HEAD + ASKS, 1, "the type of an Elastic rule is one of"),
        (HEAD + 'type = "other"\n' + ASKS, 6, "the type of an Elastic rule is one of"),
        (HEAD + QUERY, 1, "needs 'query'"),
        (HEAD + QUERY + "query = 5\n", 7, "query is text"),
        (HEAD + QUERY + ASKS + "index = [5]\n", 8, "index holds something that is not text"),
        (HEAD + NEW_TERMS.replace("now-10d", "2026-01-01"), 13, "a time before now"),
        (HEAD + NEW_TERMS.replace("now-10d", "now-99y"), 13, "a time before now"),
        (HEAD + NEW_TERMS.replace('["user.id"]', '["a", "b", "c", "d"]'), 10, "value is a list of 1 to 3 texts"),
        (HEAD + NEW_TERMS.replace("new_terms_fields", "x"), 9, "field is one of: new_terms_fields"),
        (HEAD + 'type = "new_terms"\n' + ASKS, 1, "needs 'new_terms'"),
        (HEAD + THRESHOLD.replace("value = 5", "value = 0"), 10, "value is a whole number"),
        (HEAD + QUERY + ASKS + "[rule.threshold]\nvalue = 1\n", 8, "a rule of the type query has no threshold"),
        (HEAD + QUERY + ASKS + "[rule.alert_suppression]\n", 8, "needs 'group_by'"),
        (HEAD + QUERY + ASKS + "threat = 5\n", 8, "threat is a list of tables"),
        (
            HEAD + QUERY + ASKS + '[[rule.threat]]\n[[rule.threat.technique]]\nid = "T15"\n',
            9,
            "'T15' is no ATT&CK technique",
        ),
        (HEAD + QUERY + ASKS + 'name = "again"\n', 8, "not TOML"),
        ("[rule\n", 1, "not TOML"),
        ("[rule]\na = '''", 2, "not TOML"),
        ("a = " + "[" * 100 + "]" * 100, 0, "nested deeper than 50 levels"),
        ("a" + ".a" * 200 + " = 1\n", 0, "more than 100 parts"),
        ("# " + "x" * 250_000, 0, "one file holds one rule"),
    ],
)
def test_a_fault_has_its_line_and_says_what_is_wanted(text: str, line: int, says: str) -> None:
    (fault,) = load(text).faults
    assert says in fault.message
    assert fault.place is not None
    assert (fault.place.file, fault.place.line) == ("rules/0.toml", line)


def test_all_faults_of_a_rule_are_found_at_once() -> None:
    text = HEAD.replace("medium", "urgent") + 'from = "yesterday"\n' + THRESHOLD.replace("event.action: A", "a: b: c")
    assert [line for line in faults(text) if line] == faults(text)
    assert [fault.place.line for fault in load(text).faults if fault.place] == [5, 6, 8]


def test_a_file_that_is_not_utf8_is_a_fault_with_its_line() -> None:
    (fault,) = load_rules({"r.toml": b"[rule]\nname = '\xff'\n"}).faults
    assert str(fault) == "r.toml:2: not UTF-8 text: save the file as UTF-8"


def test_two_rules_of_one_id_are_a_fault() -> None:
    loaded = load(HEAD + QUERY + ASKS, HEAD + THRESHOLD)
    (fault,) = loaded.faults
    assert str(fault).startswith("rules/1.toml:3:1: 'r1' names another rule as well, in rules/0.toml:3:1")


# ---- packs, and what loading costs ----------------------------------------------------------------------------


def test_a_pack_of_elastic_rules_is_read_as_it_was_written() -> None:
    built = build_pack(folder())
    assert pack.load(pack.dump(built)) == built
    assert build_pack(dict(reversed(folder().items()))) == built


def test_the_kql_parser_is_imported_for_toml_files_only() -> None:
    code = """
import sys
from firstseen.language.frontends.loading import load_rules
load_rules({"a.yml": b"title: x"})
assert "lark" not in sys.modules
load_rules({"a.toml": b"[rule]"})
assert "lark" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(Path(pack.__file__).parents[2])})
