"""What ``rules check`` finds: each check on a rule that has its fault, and none on a rule that has not."""

from __future__ import annotations

import pytest

from firstseen.cli.commands.rules_check import check_rules
from firstseen.cli.ruleset import rule_set
from firstseen.language.checks.issues import Issue

GOOD = """
title: Asked
id: 44444444-0000-4000-8000-000000000001
name: asked
logsource: {product: aws, service: cloudtrail}
detection:
    selection:
        eventSource: iam.amazonaws.com
        eventName: CreateUser
    condition: selection
falsepositives: [an administrator]
level: low
tags: [attack.persistence, attack.t1136.003]
firstseen:
    tests:
        - name: it matches
          events: [{eventID: a, eventTime: 2026-03-02T10:00:00Z, eventSource: iam.amazonaws.com, eventName: CreateUser}]
          expect: 1
"""


def _issues(*texts: str) -> list[Issue]:
    return check_rules(rule_set({f"r{number}.yml": text.encode() for number, text in enumerate(texts)}, {}))


def _of(check: str, *texts: str) -> list[Issue]:
    return [issue for issue in _issues(*texts) if issue.check == check]


def _with(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def _other(old: str = "", new: str = "") -> str:
    return GOOD.replace("-000000000001", "-000000000002").replace("name: asked", "name: other").replace(old, new)


def test_a_good_rule_has_no_issues() -> None:
    assert _issues(GOOD) == []


@pytest.mark.parametrize(
    ("check", "severity", "old", "new", "words", "line"),
    [
        ("syntax", "error", "eventName: C", "eventName|contain: C", "contains", 9),
        ("unknown-field", "error", "eventName: C", "eventNam: C", "eventName", 9),
        ("unknown-field", "error", "eventName: C", "userIdentity.sessionIssuer.arn: C", "sessionIssuer", 9),
        ("impossible-value", "error", "iam.amazonaws.com\n", "iam\n", "iam.amazonaws.com", 8),
        ("impossible-value", "error", "CreateUser\n    cond", "iam:CreateUser\n    cond", "write 'CreateUser'", 9),
        ("impossible-value", "error", "eventName: CreateUser\n", "userIdentity.type: AssumeRole\n", "AssumedRole", 9),
        ("impossible-value", "error", "eventName: CreateUser\n", "userIdentity.type|cased: root\n", "Root", 9),
        ("impossible-value", "error", "eventName: CreateUser\n", "sourceIPAddress: 10.0.0.0/8\n", "|cidr", 9),
        (
            "impossible-value",
            "error",
            "eventName: CreateUser\n",
            "recipientAccountId: 12345678901\n",
            "012345678901",
            9,
        ),
        ("cannot-fire", "error", "condition: selection", "condition: selection and not selection", "contradict", 6),
        ("missing-id", "warning", "id: 44444444-0000-4000-8000-000000000001\n", "", "UUID", 2),
        ("missing-level", "warning", "level: low\n", "", "level", 2),
        ("missing-false-positives", "warning", "falsepositives: [an administrator]\n", "", "falsepositives", 2),
        ("missing-tests", "warning", GOOD[GOOD.index("firstseen:") :], "", "--scaffold", 2),
        ("attack-tag", "warning", "attack.t1136.003", "attack.t1562.008", "attack.t1685.002", 13),
        ("attack-tag", "note", "attack.t1136.003", "attack.t9999", "T9999", 13),
        ("attack-tag", "warning", "attack.persistence", "attack.persistance", "attack.persistence", 13),
        ("attack-tag", "warning", "attack.persistence", "attack.defense-evasion", "attack.stealth", 13),
    ],
)
def test_each_fault_is_found_with_its_place_and_mend(  # noqa: PLR0913, PLR0917 - a row of the table
    check: str, severity: str, old: str, new: str, words: str, line: int
) -> None:
    found = _of(check, _with(old, new))
    assert [issue.severity for issue in found] == [severity]
    assert found[0].place is not None
    assert found[0].place.line == line
    assert words in f"{found[0].message} {found[0].mend}"


def test_a_file_with_a_fault_is_not_asked_for_what_its_rules_owe() -> None:
    """A base rule owes tests only if no correlation names it; which one does is not known while one is broken."""
    bare = GOOD[: GOOD.index("falsepositives")]
    newly = "correlation: {type: new_terms, rules: [asked], fields: [actor], timespan: 7}"
    broken = f"{bare}---\ntitle: N\nid: 44444444-0000-4000-8000-000000000003\n{newly}\n"
    assert [issue.check for issue in _issues(broken)] == ["syntax"]
    mended = broken.replace("timespan: 7", "timespan: 7d")
    assert {issue.check for issue in _issues(mended)} >= {"missing-level", "missing-tests", "missing-false-positives"}
    assert len(_of("missing-tests", broken, _other()[: GOOD.index("firstseen:")])) == 1, "another file is asked"


def test_open_fields_and_the_names_of_other_vocabularies_are_known() -> None:
    text = _with(
        "eventName: CreateUser\n",
        "requestParameters.a.b: x\n        actor|contains: y\n        event.action: CreateUser\n",
    )
    assert _of("unknown-field", text) == []


def test_fields_of_correlations_are_checked_where_they_are_written() -> None:
    text = f"""{GOOD}---
title: New
name: new
correlation: {{type: new_terms, rules: [asked], fields: [userIdentity.arm], timespan: 7d}}
"""
    found = _of("unknown-field", text)
    assert len(found) == 1
    assert found[0].place is not None
    assert found[0].place.text.startswith("correlation:")
    assert "userIdentity.arn" in found[0].mend


def test_rules_that_ask_the_same_are_duplicates_whatever_they_are_called() -> None:
    assert len(_of("duplicate", GOOD, _other("title: Asked", "title: Another"))) == 1
    assert _of("duplicate", GOOD, _other("eventName: CreateUser\n    c", "eventName: DeleteUser\n    c")) == []


@pytest.mark.parametrize(
    "wider",
    [
        "eventName|startswith: Create",
        "eventName: [CreateUser, DeleteUser]",
        "eventName|contains: User",
        "awsRegion: '*'",
    ],
)
def test_a_rule_whose_events_another_reports_too_is_shadowed(wider: str) -> None:
    wide = _other("eventName: CreateUser\n    c", f"{wider}\n    c")
    if "awsRegion" in wider:
        assert _of("shadowed", GOOD, wide) == []
    else:
        found = _of("shadowed", GOOD, wide)
        assert [issue.rule_id[-1] for issue in found] == ["1"]


def test_all_faults_of_all_files_come_in_one_run_in_order() -> None:
    found = _issues("title: [", _with("eventName: C", "eventNam: C"), "\t- x", _other("level: low\n", "level: huge\n"))
    assert [issue.place.file for issue in found if issue.severity == "error" and issue.place] == [
        "r0.yml", "r1.yml", "r2.yml", "r3.yml",
    ]  # fmt: skip


def test_a_correlation_that_cannot_fire_is_an_error() -> None:
    """Each base rule can, but never for one and the same group."""
    text = f"""{GOOD}---
title: B
name: b
logsource: {{product: aws, service: cloudtrail}}
detection: {{s: {{eventName: Go, awsRegion: eu-west-1}}, condition: s}}
---
title: C
name: c
logsource: {{product: aws, service: cloudtrail}}
detection: {{s: {{eventName: Come, awsRegion: eu-west-2}}, condition: s}}
---
title: D
name: d
correlation: {{type: temporal, rules: [b, c], group-by: [awsRegion], timespan: 1h}}
"""
    found = _of("cannot-fire", text)
    assert [issue.severity for issue in found] == ["error"]
    assert "eu-west-1" in found[0].message
    assert "eu-west-2" in found[0].message


def test_ids_that_are_not_unique_are_errors() -> None:
    assert any("names another rule as well" in issue.message for issue in _of("syntax", GOOD, GOOD))


# ---- alternatives, keys, places --------------------------------------------------------------------------


def test_a_value_that_is_impossible_beside_a_possible_one_is_a_warning_and_alone_an_error() -> None:
    beside = _of("impossible-value", _with("iam.amazonaws.com\n", "[iam.amazonaws.com, ec2]\n"))
    assert [(issue.severity, issue.mend) for issue in beside] == [("warning", "write 'ec2.amazonaws.com'")]
    neither = _of("impossible-value", _with("iam.amazonaws.com\n", "[iam, ec2]\n"))
    assert [issue.severity for issue in neither] == ["error", "error"]


def _elastic(query: str) -> list[Issue]:
    text = f'''[rule]
name = "Elastic's"
rule_id = "e1"
severity = "low"
type = "query"
query = """
event.dataset: aws.cloudtrail and
  {query}
"""
'''
    return check_rules(rule_set({"e.toml": text.encode()}, {}))


@pytest.mark.parametrize(
    ("query", "severities"),
    [
        ("event.outcome:(success or Success)", []),
        ("event.outcome:(Success or success or unknown)", []),
        ("event.outcome:Success", ["error"]),
        ("event.outcome:(Success or FAILURE)", ["error", "error"]),
        ("event.outcome:(success or done)", ["warning"]),
    ],
)
def test_other_spellings_of_a_possible_value_are_no_fault_beside_it(query: str, severities: list[str]) -> None:
    found = [issue for issue in _elastic(query) if issue.check == "impossible-value"]
    assert [issue.severity for issue in found] == severities


@pytest.mark.parametrize(
    ("query", "check", "place"),
    [
        ("event.outcome: Success", "impossible-value", "e.toml:8:18"),
        ("event.outcom: success", "unknown-field", "e.toml:8:3"),
        ("event.outcome: success and event.outcome: failure", "cannot-fire", "e.toml:6:1"),
    ],
)
def test_issues_of_elastic_rules_show_the_place_in_the_query(query: str, check: str, place: str) -> None:
    assert [str(issue.place) for issue in _elastic(query) if issue.check == check] == [place]


def test_a_misspelt_key_is_told_the_nearest_and_keys_of_ones_own_are_let_be() -> None:
    (issue,) = _of("unknown-key", _with("falsepositives:", "x-team: ours\nfalsepostives:"))
    assert (issue.mend, str(issue.place)) == ("did you mean 'falsepositives'?", "r0.yml:12:1")


def test_the_caret_stands_at_the_value_where_the_value_is_at_fault() -> None:
    (issue,) = _of("impossible-value", _with("iam.amazonaws.com\n", "iam\n"))
    assert str(issue.place) == "r0.yml:8:22"
    (second,) = _of("syntax", _with("eventName: CreateUser", "eventName|re: [a, '(']"))
    assert str(second.place) == "r0.yml:9:27"
