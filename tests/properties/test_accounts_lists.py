"""Value lists per account mean what a table of (account, value) means, however many accounts there are."""

from __future__ import annotations

import json

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstseen.cli.ruleset import RuleSet, rule_set
from firstseen.language.pack import dump, load
from firstseen.matching.engine import Engine
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from tests.properties.oracle import true_of

RULE = b"""
title: Created
id: 66666666-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: CreateUser}
    listed: {userIdentity.userName|expand: '%people%'}
    condition: selection and CONDITION
level: low
"""
IDS = [f"{number:012}" for number in range(40)]
LABELS = ("red", "blue")
USERS = ("ada", "eve", "kim")
users = st.lists(st.sampled_from(USERS), max_size=2, unique=True)
selectors = st.one_of(st.sampled_from(IDS), st.sampled_from(("colour=red", "colour=*", "n1*", "n7", "*")))


def _fits(selector: str, place: int) -> bool:
    """Account number n is called ``nN`` and red or blue in turn."""
    by_word = {"colour=red": place % 2 == 0, "colour=*": True, "*": True, "n7": place == 7}
    return by_word.get(selector, f"n{place}".startswith("n1") if selector == "n1*" else IDS[place] == selector)


def _rules(said: dict[str, list[str]], everywhere: list[str], condition: str) -> RuleSet:
    overlay = {
        "accounts": {one: {"name": f"n{place}", "colour": LABELS[place % 2]} for place, one in enumerate(IDS)},
        "lists": {"people": {"values": everywhere, "accounts": said}},
    }
    files = {"r.yml": RULE.replace(b"CONDITION", condition.encode())}
    return rule_set(files, {"rules.yaml": yaml.safe_dump(overlay).encode()}, documents=False)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    said=st.dictionaries(selectors, users, max_size=30),
    everywhere=users,
    condition=st.sampled_from(("listed", "not listed")),
    asked=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(USERS)), min_size=1, max_size=8),
)
def test_lists_of_accounts_hold_what_their_table_says(
    said: dict[str, list[str]], everywhere: list[str], condition: str, asked: list[tuple[int, str]]
) -> None:
    found = _rules(said, everywhere, condition)
    assert not found.faults
    pack = load(dump(found.pack()))
    engine = Engine(pack)
    decide = engine.matcher(CLOUDTRAIL)
    for place, user in asked:
        account = IDS[place] if place < len(IDS) else "999999999999"
        inside = any(user in values and place < len(IDS) and _fits(word, place) for word, values in said.items())
        expected = (inside or user in everywhere) is (condition == "listed")
        view = {
            **CLOUDTRAIL.sample,
            "eventName": "CreateUser",
            "recipientAccountId": account,
            "userIdentity": {"type": "IAMUser", "userName": user},
        }
        assert bool(engine.match_view(CLOUDTRAIL, view)) is expected
        assert bool(decide(json.dumps(view).encode())) is expected
        assert true_of(pack.bases[0].predicate, view, CLOUDTRAIL) is expected
