"""Examples of correlations: sequences whose expected findings the whole engine confirms."""

from __future__ import annotations

import pytest

from firstseen.cli.exampling import Shown, examples_of
from firstseen.cli.ruleset import rule_set
from firstseen.language.examples.search import Unsolved

BASES = """
title: Asked
name: asked
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: Ask, eventSource: iam.amazonaws.com}, condition: s}
---
title: Granted
name: granted
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName|startswith: Grant}, condition: s}
---
title: At night
name: night
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventTime|hour: 2, requestParameters.kind: [a, b, c]}, condition: s}
---
"""


def _examples(correlation: str, more: str = "") -> list[Shown] | Unsolved:
    text = f"{BASES}title: Tried\nname: tried\ncorrelation: {{{correlation}}}\n{more}"
    rules = rule_set({"tried.yml": text.encode()}, {})
    assert not rules.faults, [str(fault) for fault in rules.faults]
    return examples_of(None, rules.find("tried")[1], {base.id: base for base in rules.bases})


WHO = "userIdentity.arn"
CASES = [
    (f"type: new_terms, rules: [asked], fields: [{WHO}], timespan: 7d", "", [1, 1, 2]),
    (
        f"type: new_terms, rules: [asked, granted], fields: [{WHO}, awsRegion], group-by: [actor], timespan: 1h",
        "",
        [1, 1, 2],
    ),
    (f"type: new_terms, rules: [asked], fields: [{WHO}], timespan: 7d", "firstseen: {when: never}", [1, 1, 1]),
    (f"type: new_terms, rules: [asked], fields: [{WHO}], timespan: 7d", "firstseen: {when: returning}", [1, 0]),
    (
        "type: new_terms, rules: [asked], fields: [requestParameters.x], timespan: 7d",
        "firstseen: {learning: 7d}",
        [1, 1, 2],
    ),
    ("type: event_count, rules: [asked], timespan: 5m, condition: {gte: 5}", "", [1, 0]),
    ("type: event_count, rules: [asked], timespan: 1s, condition: {gt: 20}", "", [1, 0]),
    ("type: event_count, rules: [night], group-by: [awsRegion], timespan: 3h, condition: {gte: 100}", "", [1, 0]),
    ("type: value_count, rules: [asked], timespan: 1h, condition: {gte: 12, field: sourceIPAddress}", "", [1, 0, 0]),
    ("type: value_count, rules: [asked], timespan: 1h, condition: {gte: 3, field: recipientAccountId}", "", [1, 0, 0]),
    (
        "type: value_count, rules: [night], timespan: 1h, condition: {gte: 3, field: requestParameters.kind}",
        "",
        [1, 0, 0],
    ),
    (f"type: temporal, rules: [asked, granted, night], group-by: [{WHO}], timespan: 1h", "", [1, 0]),
    (f"type: temporal_ordered, rules: [asked, granted], group-by: [{WHO}], timespan: 10m", "", [1, 0, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("correlation", "more", "expected"), CASES)
def test_the_first_sequence_fires_and_the_others_show_where_it_ends(
    correlation: str, more: str, expected: list[int]
) -> None:
    found = _examples(correlation, more)
    assert not isinstance(found, Unsolved), found.reason
    assert [one.expected for one in found] == expected


def test_members_of_a_group_share_its_value_where_one_rule_decides_it() -> None:
    """Only the second rule says who it must be; the search looks for a value that both can have."""
    text = f"""{BASES}title: By eve
name: by_eve
logsource: {{product: aws, service: cloudtrail}}
detection: {{s: {{eventName: Go, userIdentity.userName: eve}}, condition: s}}
---
title: Tried
name: tried
correlation: {{type: temporal, rules: [asked, by_eve], group-by: [userIdentity.userName], timespan: 1h}}
"""
    rules = rule_set({"tried.yml": text.encode()}, {})
    found = examples_of(None, rules.find("tried")[1], {base.id: base for base in rules.bases})
    assert not isinstance(found, Unsolved), found.reason
    assert [view["userIdentity"]["userName"] for view in found[0].views] == ["eve", "eve"]


@pytest.mark.parametrize(
    ("correlation", "reason"),
    [
        (
            "type: value_count, rules: [night], timespan: 1h, condition: {gte: 9, field: requestParameters.kind}",
            "no sequence",
        ),
        ("type: new_terms, rules: [asked], fields: [eventName2], timespan: 1h", "supposing"),
        ("type: event_count, rules: [asked], timespan: 1h, condition: {gte: 100000}", "100,000 events"),
    ],
)  # fmt: skip
def test_what_has_no_example_says_why(correlation: str, reason: str) -> None:
    found = _examples(correlation)
    if isinstance(found, Unsolved):
        assert reason in found.reason
    else:
        assert reason == "supposing"  # rules check reports the unknown field
