"""Examples of base rules: an event that the compiled engine matches, near misses that it does not, or the reason."""

from __future__ import annotations

import orjson
import pytest

from firstseen.cli.exampling import Shown, examples_of
from firstseen.cli.ruleset import rule_set
from firstseen.language.examples.search import Unsolved
from firstseen.language.rules import Base

HEAD = """
title: Tried
id: 33333333-0000-4000-8000-000000000001
logsource: {logsource}
{more}detection:
    {detection}
"""
CLOUDTRAIL = "{product: aws, service: cloudtrail}"


def _base(detection: str, logsource: str = CLOUDTRAIL, more: str = "") -> Base:
    detection = "\n    ".join(detection.strip().splitlines())
    text = HEAD.replace("{logsource}", logsource).replace("{more}", more).replace("{detection}", detection)
    found = rule_set({"tried.yml": text.encode()}, {})
    assert not found.faults, [str(fault) for fault in found.faults]
    return found.bases[0]


def _examples(detection: str, logsource: str = CLOUDTRAIL, more: str = "") -> list[Shown] | Unsolved:
    return examples_of(_base(detection, logsource, more), None, {})


def _solved(detection: str, logsource: str = CLOUDTRAIL, more: str = "") -> list[Shown]:
    found = _examples(detection, logsource, more)
    assert not isinstance(found, Unsolved), found.reason
    return found


def _selection(text: str) -> str:
    return f"selection: {{{text}}}\ncondition: selection"


SOLVABLE = [
    "eventName: GetPasswordData",
    "eventName: [CreateUser, DeleteUser]",
    "eventName|contains: Password",
    "eventName|contains|all: [Pass, word, Data]",
    "eventName|startswith: Get",
    "eventName|endswith: Data, eventName|startswith: Get",
    "eventName: 'Get*Data?'",
    r"userIdentity.arn|re: '^arn:aws:iam::\d{12}:(user|role)/[a-z]+$'",
    r"userAgent|re: '(?i)kali|parrot|pentoo'",
    r"requestParameters.name|re: '[^a-z]{3,}x*(?:ab|cd)+\.\w$'",
    "sourceIPAddress|cidr: 10.20.0.0/16",
    "sourceIPAddress|cidr: '2001:db8::/32'",
    "requestParameters.port|gte: 1024, requestParameters.port|lt: 1026",
    "requestParameters.maxResults: 5",
    "readOnly: true",
    "readOnly: 'false'",
    "errorCode: null",
    "errorCode: '*'",
    "userIdentity.userName|exists: true",
    "tlsDetails|exists: false",
    "requestParameters|contains: 0.0.0.0/0",
    """requestParameters|contains: '"publiclyAccessible":true'""",
    "requestParameters|contains|all: [PUBLIC, READ]",
    "requestParameters.ipPermissions.items.ipRanges.items.cidrIp: 0.0.0.0/0",
    "requestParameters.tags|contains|all: [one, two]",
    "userIdentity.arn|fieldref: responseElements.user.arn",
    "eventTime|hour: 3",
    "eventTime|hour|gte: 22",
    "eventTime|month: 12, eventTime|day: 31",
    "eventTime|week: 1",
    "eventTime|year|lt: 2020",
    "requestParameters.script|base64offset|contains: '/bin/bash'",
    "requestParameters.command|windash|contains: ' -enc '",
    "eventName|cased: GetPasswordData",
    "eventName: ''",
    r"requestParameters.k|re: '(?P<a>x{2,3})(?i:Y)\x41[[:digit:]]\Q.*\E$'",
    "requestParameters.n: 99999999999999999999999",
]


@pytest.mark.parametrize("asked", SOLVABLE)
def test_a_rule_that_can_fire_has_an_example_and_a_near_miss(asked: str) -> None:
    """The engine confirms both: expected is 1 for the example, 0 for each near miss."""
    found = _solved(_selection(asked))
    assert found[0].expected == 1
    assert len(found) > 1
    assert all(one.expected == 0 for one in found[1:])


@pytest.mark.parametrize(
    "asked",
    [
        "action: 'iam:CreateUser'", "actor: 'arn:aws:iam::111122223333:role/admin'", "outcome: failure",
        "outcome: success", "account: '444455556666'", "source.ip|cidr: 10.0.0.0/8", "region: us-east-1",
        "resource|contains: secret", "action|startswith: 's3:Put'", "user_agent|contains: kali",
    ],
)  # fmt: skip
def test_computed_names_are_worked_backwards(asked: str) -> None:
    """The common vocabulary is made from several fields; the example sets those fields."""
    assert _solved(_selection(asked), "{category: audit}")[0].expected == 1


@pytest.mark.parametrize(
    "asked",
    [
        "event.action: CreateUser, event.outcome: success, event.provider: iam.amazonaws.com",
        "aws.cloudtrail.request_parameters: '*imageId=ami-1*'",
        "aws.cloudtrail.flattened.request_parameters.name: x",
        "source.ip: 192.0.2.7",
        "user.name: somebody",
        "aws.cloudtrail.console_login.additional_eventdata.mfa_used: false",
    ],
)
def test_ecs_names_are_worked_backwards(asked: str) -> None:
    assert _solved(_selection(asked), more="taxonomy: ecs\n")[0].expected == 1


def test_what_is_excluded_is_respected() -> None:
    """Exceptions with several alternatives, and lists of values, leave an example outside all of them."""
    detection = """
selection: {eventSource: iam.amazonaws.com}
known:
    - userIdentity.arn|contains: deploy
    - userAgent|startswith: [aws-cli, aws-sdk]
calls: {eventName: [StopInstances, ListUsers]}
condition: selection and not known and not calls
"""
    view = _solved(detection)[0].views[0]
    assert "deploy" not in str(view["userIdentity"].get("arn"))
    assert view["eventName"] not in ("StopInstances", "ListUsers")
    assert not str(view.get("userAgent")).startswith("aws-")


def test_alternatives_are_tried_until_one_fits() -> None:
    """The first two alternatives contradict the condition beside them."""
    detection = """
call: {eventName: PutObject}
some:
    - eventName: GetObject
    - eventName|startswith: Delete
    - requestParameters.key: a
condition: call and some
"""
    view = _solved(detection)[0].views[0]
    assert (view["eventName"], view["requestParameters"]["key"]) == ("PutObject", "a")


def test_keywords_stand_in_some_value_and_can_be_kept_out() -> None:
    found = _solved("words: [mimikatz]\nno: [deploy]\ncondition: words and not no")
    text = orjson.dumps(found[0].views[0])
    assert b"mimikatz" in text
    assert b"deploy" not in text


def test_an_example_is_shaped_like_the_events_of_its_source_and_nothing_of_another_call_is_left() -> None:
    view = _solved(_selection("eventName: CreateUser, requestParameters.userName: eve"))[0].views[0]
    assert view["requestParameters"] == {"userName": "eve"}
    assert view["responseElements"] is None
    assert view["userIdentity"]["type"] == "AssumedRole"


def test_a_near_miss_differs_in_one_place() -> None:
    """Each of the three conditions is broken alone, the other two still hold."""
    first, *misses = _solved(
        _selection("eventSource: iam.amazonaws.com, eventName: CreateUser, userIdentity.type: Root")
    )
    example = first.views[0]
    assert len(misses) == 3
    for miss in misses:
        keys = {*example, *miss.views[0]}
        assert len([key for key in keys if example.get(key) != miss.views[0].get(key)]) == 1


def test_the_same_rule_gives_the_same_examples() -> None:
    asked = _selection("eventName|contains: Key, sourceIPAddress|cidr: 10.0.0.0/8")
    assert _solved(asked) == _solved(asked)


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        ("one: {eventName: A}\ntwo: {eventName: B}\ncondition: one and two", ('eventName is "A"', 'eventName is "B"')),
        (_selection("eventName: A, eventName|startswith: b"), ('eventName is "A"', 'eventName starts with "b"')),
        ("one: {errorCode: x}\ntwo: {errorCode: null}\ncondition: one and two", ("errorCode", "missing or null")),
        ("one: {eventName: A}\ncondition: one and not one", ('eventName is "A"', 'not (eventName is "A")')),
        ("one: {eventTime|hour: 3}\ntwo: {eventTime|hour: 4}\ncondition: one and two", ("hour", "3", "4")),
    ],
)
def test_a_contradiction_names_the_two_conditions(detection: str, reason: tuple[str, ...]) -> None:
    found = _examples(detection)
    assert isinstance(found, Unsolved)
    assert found.certain
    assert "contradict" in found.reason
    for part in reason:
        assert part in found.reason


def test_a_field_that_the_source_lacks_is_named_and_an_example_supposes_it() -> None:
    """``rules check`` reports it; ``rules example`` still shows what the rule is after, and says what it supposes."""
    found = _solved(_selection("eventName: X, status: success"))
    assert "supposing that aws.cloudtrail has status" in found[0].says
    assert found[0].views[0]["status"] == "success"


def test_a_field_that_the_source_lacks_may_be_asked_to_be_absent() -> None:
    assert "supposing" not in _solved(_selection("eventName: X, status: null"))[0].says


def test_a_search_is_bounded() -> None:
    """Eighty choices of which none fits end in a reason, soon."""
    choices = "\n".join(f"c{n}:\n    - eventName: a{n}\n    - eventSource: b{n}" for n in range(80))
    found = _examples(f"{choices}\ncondition: all of c*")
    assert isinstance(found, Unsolved)


def test_the_one_value_of_a_long_list_that_the_rest_allows_is_found() -> None:
    calls = ", ".join(f"Call{number}" for number in range(1_000))
    found = _solved(f"calls: {{eventName: [{calls}]}}\nlast: {{eventName|endswith: '999'}}\ncondition: calls and last")
    assert found[0].views[0]["eventName"] == "Call999"


@pytest.mark.parametrize(
    "detection",
    [
        r"one: {userAgent|re: '^(aa)+$'}" + "\n" + r"two: {userAgent|re: '^a{46}$'}" + "\ncondition: one and two",
        r"one: {eventName: getPASSWORDdata}" + "\n" + r"two: {eventName|re: 'DATA$'}" + "\ncondition: one and two",
    ],
)
def test_a_search_that_found_nothing_calls_nothing_impossible(detection: str) -> None:
    """An event exists, but none was proposed: that is a warning of the check, not an error."""
    found = _examples(detection)
    assert isinstance(found, list) or not found.certain
