"""Folders of rules: related to each other, all faults in one go, packed to the same bytes every time."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from firstseen.language import pack
from firstseen.language.frontends.loading import RuleFaults, build_pack, load_rules
from firstseen.language.predicates import And, Leaf, Not
from firstseen.language.rules import DAY_US, HOUR_US, Suppression

SHIPPED = Path(__file__).parents[2] / "shared" / "rules"

BASE = """\
title: A base rule
id: 0f3f0e58-8f83-4a53-9a83-8bdc9d6b2f10
name: base
status: stable
description: |
    What it says.
author: somebody
references: ['https://example.org/']
tags: [attack.t1078.004]
logsource: {product: aws, service: cloudtrail}
detection: {sel: {eventName: A}, condition: sel}
falsepositives: [None known]
level: high
"""
FILTER = """\
title: A filter
name: exception
logsource: {product: aws}
filter:
    rules: [base]
    known: {user: ada}
    condition: not known
"""
A, ADA = Leaf("eventName", "equals", "A"), Leaf("user", "equals", "ada")


def shipped() -> dict[str, bytes]:
    """The rules and the value lists beside them."""
    paths = [*SHIPPED.rglob("*.yml"), *SHIPPED.with_name("value_lists").glob("*.yml")]
    return {str(path.relative_to(SHIPPED.parent)): path.read_bytes() for path in sorted(paths)}


@cache
def built() -> pack.Pack:
    """The pack of what is shipped."""
    return build_pack(shipped())


def test_a_base_rule_reports_for_itself_with_all_that_it_says() -> None:
    loaded = load_rules({"base.yml": BASE.encode()})
    (correlation,) = loaded.correlations
    card = correlation.card
    assert (correlation.type, correlation.timespan_us) == ("match", 0)
    assert (card.id, card.name, card.title) == ("0f3f0e58-8f83-4a53-9a83-8bdc9d6b2f10", "base", "A base rule")
    assert (card.level, card.risk_score, card.status) == ("high", 73, "stable")
    assert (card.description, card.author) == ("What it says.", "somebody")
    assert (card.references, card.tags) == (("https://example.org/",), ("attack.t1078.004",))
    assert card.false_positives == ("None known",)
    assert loaded.bases[0].sources == ("aws.cloudtrail",)
    assert loaded.bases[0].vocabulary == "raw"


@pytest.mark.parametrize(
    ("level", "score"),
    [("informational", 5), ("low", 21), ("medium", 47), ("high", 73), ("critical", 99), ("HIGH", 73)],
)
def test_the_level_gives_the_risk_score(level: str, score: int) -> None:
    loaded = load_rules({"base.yml": BASE.replace("level: high", f"level: {level}").encode()})
    assert loaded.correlations[0].card.risk_score == score


def test_the_firstseen_mapping_is_read() -> None:
    extras = """\
firstseen:
    risk_score: 60
    triage: |
        Look here.

        Then there.
    response: [Stop it.]
    learning: 2d
    limit: 7
    enabled: false
    suppress: {fields: [actor], for: 6h, missing: separate}
"""
    (found,) = load_rules({"base.yml": (BASE + extras).encode()}).correlations
    assert found.card.risk_score == 60
    assert found.card.triage == ("Look here.", "Then there.")
    assert found.card.response == ("Stop it.",)
    assert (found.learning_us, found.limit, found.enabled) == (2 * DAY_US, 7, False)
    assert found.suppression == Suppression(("actor",), 6 * HOUR_US, "separate")


@pytest.mark.parametrize(
    ("extras", "place", "words"),
    [
        ("{risk_score: 101}", "14:25", "from 0 to 100"),
        ("{risk_score: true}", "14:25", "from 0 to 100"),
        ("{risk_scor: 5}", "14:13", "did you mean 'risk_score'?"),
        ("[a]", "14:1", "is a mapping"),
        ("{learning: 5}", "14:23", "a number with a unit"),
        ("{when: sometimes}", "14:19", "one of: never, returning, any"),
        ("{when: any}", "14:13", "new_terms"),
        ("{enabled: 1}", "14:22", "true or false"),
        ("{suppress: {fields: [a]}}", "14:13", "needs 'for'"),
        ("{suppress: {fields: [a], for: 1h, missing: drop}}", "14:55", "one of: group, separate"),
        ("{triage: {a: b}}", "14:21", "a list of"),
        ("{tests: {a: b}}", "14:13", "a list of"),
        ("{tests: [{name: x, events: []}]}", "14:21", "needs 'expect'"),
        ("{tests: [{name: x, events: [1], expect: 1}]}", "14:31", "whole events"),
    ],
)
def test_a_fault_in_the_firstseen_mapping_shows_its_place(extras: str, place: str, words: str) -> None:
    (fault,) = load_rules({"base.yml": f"{BASE}firstseen: {extras}\n".encode()}).faults
    assert words in fault.message
    assert str(fault.place) == f"base.yml:{place}"


@pytest.mark.parametrize("files", [{"a.yml": f"{BASE}---\n{FILTER}"}, {"f.yml": FILTER, "z.yml": BASE}])
def test_a_filter_is_joined_as_it_stands(files: dict[str, str]) -> None:
    loaded = load_rules({name: text.encode() for name, text in files.items()})
    assert not loaded.faults
    assert loaded.bases[0].predicate == And((A, Not(ADA)))


def test_a_filter_for_any_rule_keeps_to_its_log_source() -> None:
    for_all = FILTER.replace("[base]", "any")
    other = for_all.replace("product: aws", "product: azure")
    assert load_rules({"b.yml": f"{BASE}---\n{for_all}".encode()}).bases[0].predicate == And((A, Not(ADA)))
    assert load_rules({"b.yml": f"{BASE}---\n{other}".encode()}).bases[0].predicate == A


COUNT = "title: C\nname: c\ncorrelation: {type: event_count, rules: base, timespan: 1h, condition: {gte: 2}}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FILTER, "not among the files given: name the file or folder that it lies in, too"),
        (f"{BASE}---\n{FILTER.replace('[base]', '[bass]')}", "did you mean 'base'?"),
        (f"{BASE}---\n{FILTER.replace('aws', 'azure')}", "has no effect"),
        (f"{BASE}---\n{COUNT}---\n{FILTER.replace('[base]', '[c]')}", "names the correlation 'c'"),
        (f"{BASE}---\n{FILTER.replace('    rules: [base]', '    ruled: [base]')}", "needs 'rules'"),
        (f"{BASE}---\n{FILTER.replace('not known', '[known]')}", "needs one condition"),
        (
            f"{BASE}---\n{BASE.replace('name: base', 'name: other')}",
            "names another rule as well, in b.yml:1:1",
        ),
        (
            BASE.replace("cloudtrail", "nosuch"),
            "no log source is {product: aws, service: nosuch}; there are:",
        ),
        (BASE.replace("cloudtrail", "cloudtrial"), "did you mean {product: aws, service: cloudtrail}? there are:"),
        (BASE.replace("logsource", "logsources"), "needs a logsource"),
        (BASE.replace("level: high", "level: huge"), "it is informational, low, medium, high or critical"),
        (BASE.replace("status: stable", "status: fresh"), "status"),
        (BASE.replace("title: A base rule", "title: [x]"), "title"),
        (BASE.replace("[attack.t1078.004]", "attack"), "tags"),
        (BASE.replace("0f3f0e58", "xyz"), "UUID"),
        (BASE.replace("name: base", "name: 5"), "the name is text"),
        ("title: Nothing\n", "a detection, a correlation or a filter"),
    ],
)
def test_what_does_not_fit_together_is_a_fault(text: str, words: str) -> None:
    faults = load_rules({"b.yml": text.encode()}).faults
    assert any(words in fault.message for fault in faults), faults


def test_all_faults_of_all_files_are_told_at_once_in_order() -> None:
    files = {
        "b.yml": BASE.replace("level: high", "level: huge").replace("eventName", "eventName|nope").encode(),
        "a.yml": b"title: [\n",
        "c.yml": FILTER.replace("base", "gone").encode(),
    }
    faults = load_rules(files).faults
    assert [str(fault.place).split(":")[0] for fault in faults] == ["a.yml", "b.yml", "b.yml", "c.yml"]
    with pytest.raises(RuleFaults) as caught:
        build_pack(files)
    assert str(caught.value) == "\n".join(str(fault) for fault in faults)


def test_what_refers_to_a_broken_rule_adds_no_fault_of_its_own() -> None:
    broken = BASE.replace("level: high", "level: huge")
    assert len(load_rules({"b.yml": f"{broken}---\n{COUNT}---\n{FILTER}".encode()}).faults) == 1


def test_global_and_repeat_documents_complete_the_rules_after_them() -> None:
    text = """\
action: global
title: Shared
logsource: {product: aws, service: cloudtrail}
---
name: first
detection: {sel: {eventName: A}, condition: sel}
---
action: repeat
name: second
detection: {sel: {user: ada}}
---
action: reset
---
title: Own
logsource: {category: audit}
detection: {sel: {actor: x}, condition: sel}
"""
    loaded = load_rules({"b.yml": text.encode()})
    assert not loaded.faults
    assert [base.title for base in loaded.bases] == ["Shared", "Shared", "Own"]
    assert [base.predicate for base in loaded.bases[:2]] == [A, And((A, ADA))]
    assert loaded.bases[2].vocabulary == "common"


def test_a_pack_has_the_same_bytes_whatever_the_order_of_files_and_is_read_back() -> None:
    assert pack.dump(build_pack(dict(reversed(shipped().items())))) == pack.dump(built())
    assert pack.load(pack.dump(built())) == built()


def test_a_pack_is_taken_in_place_of_its_rules() -> None:
    assert build_pack({"rules.pack": pack.dump(built())}) == built()
    assert load_rules({"rules.pack": b'{"firstseen_pack": 0}'}).faults[0].place is not None


def test_tests_are_read_and_kept_out_of_packs() -> None:
    test = "firstseen: {tests: [{name: it matches, events: [{a: 1}, {b: [x]}], expect: 1}]}\n"
    loaded = load_rules({"b.yml": (BASE + test).encode()})
    (found,) = loaded.tests
    assert (found.rule_id, found.name, found.expected) == (loaded.bases[0].id, "it matches", 1)
    assert [json.loads(event) for event in found.events] == [{"a": 1}, {"b": ["x"]}]
    assert build_pack({"b.yml": (BASE + test).encode()}) == build_pack({"b.yml": BASE.encode()})


def test_the_hash_changes_with_whatever_the_rule_says() -> None:
    def digest(text: str) -> str:
        return load_rules({"b.yml": text.encode()}).correlations[0].card.hash

    assert digest(BASE) == digest(BASE.replace("[None known]", "['None known']"))
    assert digest(BASE) != digest(BASE.replace("somebody", "somebody else"))


def test_the_shipped_rules_are_complete() -> None:
    loaded = load_rules(shipped())
    assert not loaded.faults, loaded.faults[0]
    named = {one.card.name: one for one in loaded.correlations}
    tested = {test.rule_id for test in loaded.tests}
    assert {base.id for base in loaded.bases} | {one.card.id for one in loaded.correlations} == tested
    for one in loaded.correlations:
        card = one.card
        told = (
            card.description,
            card.references,
            card.false_positives,
            card.tags,
            card.triage,
            card.response,
        )
        assert all(told), card.title
    for name in ("ec2_password_data_new_role", "ec2_password_data_refused_new_role"):
        one = named[name]
        assert (one.type, one.timespan_us, one.learning_us) == ("new_terms", 7 * DAY_US, 7 * DAY_US)
        assert {"attack.t1552.005", "attack.t1078.004"} <= set(one.card.tags)
