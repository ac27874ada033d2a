"""Value lists that hold more in some accounts: how that is said, and what it comes to wherever rules are looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from firstseen.cli.exampling import examples_of
from firstseen.cli.ruleset import RuleSet, rule_set
from firstseen.cli.trees import evaluated_lines
from firstseen.language.accounts import MAX_ID_CHARACTERS
from firstseen.language.examples.search import Unsolved
from firstseen.language.frontends.in_accounts import BRANCHES, FIELD, any_account
from firstseen.language.frontends.loading import load_rules
from firstseen.language.frontends.overlay_lists import MAX_SUGGESTIONS
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate, count_leaves
from firstseen.matching.engine import Engine
from firstseen.matching.explain import explain
from firstseen.matching.patterns import patterns_for
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source
from tests.properties.oracle import true_of

RULE = """
title: Created
id: 66666666-0000-4000-8000-000000000001
name: created
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: CreateUser}
    listed: {WHO}
    condition: selection and CONDITION
level: low
"""
LIST = b"name: people\ndescription: d\nexamples: [eve]\nvalues: [central]\n"
USER = "userIdentity.userName|expand: '%people%'"
A, B, C = "111122223333", "222233334444", "333344445555"
ACCOUNTS = f"accounts: {{'{A}': payments-prod, '{B}': {{name: payments-test, environment: Test}}, '{C}': logs}}\n"


def _set(people: str, *, who: str = USER, condition: str = "not listed", more: str = ACCOUNTS) -> RuleSet:
    rule = RULE.replace("WHO", who).replace("CONDITION", condition)
    overlay = f"{more}lists: {{people: {people}}}\n"
    return rule_set({"r.yml": rule.encode(), "l.yml": LIST}, {"rules.yaml": overlay.encode()})


def _event(account: str, user: str, **more: object) -> dict[str, object]:
    """A CloudTrail event."""
    return {
        **CLOUDTRAIL.sample,
        "eventName": "CreateUser",
        "recipientAccountId": account,
        "userIdentity": {"type": "IAMUser", "userName": user, "accountId": account},
        **more,
    }


def _holds(rules: RuleSet, account: str, user: str) -> bool:
    """By the engine, from the event's bytes and from its view; and so says the plain evaluator."""
    assert not rules.faults, [str(fault) for fault in rules.faults]
    view = _event(account, user)
    engine = Engine(rules.pack())
    rows = engine.match_view(CLOUDTRAIL, view)
    assert engine.matcher(CLOUDTRAIL)(json.dumps(view).encode()) == rows
    assert true_of(rules.bases[0].predicate, view, CLOUDTRAIL) is bool(rows)
    return bool(rows)


@pytest.mark.parametrize(
    ("selector", "excused"),
    [
        (f"'{A}'", {A}),
        ("payments-prod", {A}),
        ("Payments-*", {A, B}),
        ("environment=test", {B}),
        ("environment=*", {B}),
        ("'*'", {A, B, C}),
        ("'999988887777'", {"999988887777"}),
    ],
)
def test_accounts_are_meant_by_id_name_or_label_and_what_they_hold_comes_beside(
    selector: str, excused: set[str]
) -> None:
    rules = _set(f"{{accounts: {{{selector}: [ada]}}}}")
    accounts = {A, B, C, "999988887777"}
    assert {one for one in accounts if not _holds(rules, one, "ada")} == excused
    assert not any(_holds(rules, one, "central") for one in accounts), "what holds everywhere still does"
    assert all(_holds(rules, one, "eve") for one in accounts)


def test_values_for_all_accounts_are_said_beside_those_for_some() -> None:
    placed = _set(f"{{values: [boss], accounts: {{'{A}': [ada]}}}}")
    assert [_holds(placed, A, who) for who in ("boss", "ada", "central")] == [False, False, True]
    added = _set(f"{{add: [boss], accounts: {{'{A}': [ada]}}}}")
    assert [_holds(added, A, who) for who in ("boss", "ada", "central")] == [False, False, False]
    none = _set(f"{{values: [], accounts: {{'{A}': ['*']}}}}")
    assert [_holds(none, one, "eve") for one in (A, B)] == [False, True]


def test_several_words_that_fit_an_account_are_joined_in_whichever_order() -> None:
    either = _set(f"{{accounts: {{payments-*: [ada], '{A}': [eve]}}}}")
    other = _set(f"{{accounts: {{'{A}': [eve], payments-*: [ada]}}}}")
    for rules in (either, other):
        assert not _holds(rules, A, "ada")
        assert not _holds(rules, A, "eve")
        assert _holds(rules, B, "eve")


@pytest.mark.parametrize(
    ("people", "words", "place"),
    [
        ("{accounts: {payment-prod: [a]}}", "did you mean 'payments-prod'?", "rules.yaml:2:29"),
        ("{accounts: {environment=live: [a]}}", "name it under accounts", "rules.yaml:2:29"),
        ("{accounts: {owner=*: [a]}}", "name it under accounts", "rules.yaml:2:29"),
        ("{accounts: [a]}", "accounts is a mapping", "rules.yaml:2:28"),
        (f"{{accounts: {{'{A}': a}}}}", "is a list of at most", "rules.yaml:2:29"),
        (f"{{accounts: {{'{A}': [true]}}}}", "not text", "rules.yaml:2:46"),
        ("{values: [a], add: [b]}", "keep one", "rules.yaml:2:31"),
        ("{account: {}}", "did you mean 'accounts'?", "rules.yaml:2:18"),
        ("{}", "says nothing", "rules.yaml:2:9"),
    ],
)
def test_what_cannot_be_said_of_accounts_shows_its_place(people: str, words: str, place: str) -> None:
    (fault,) = _set(people).faults
    assert words in fault.message
    assert str(fault.place) == place


def test_of_many_words_that_mean_no_account_the_first_are_told_which_one_is_near() -> None:
    """Each look among the names of thousands of accounts takes a while."""
    words = ", ".join(f"payments-prd{number}: [eve]" for number in range(MAX_SUGGESTIONS + 5))
    faults = _set(f"{{accounts: {{{words}}}}}").faults
    mends = [fault.message.partition(": ")[2] for fault in faults]
    assert mends == ["did you mean 'payments-prod'?"] * MAX_SUGGESTIONS + ["name it under accounts"] * 5


def test_what_holds_in_an_account_is_asked_in_all_forms_of_a_placeholder() -> None:
    people = f"{{values: [], accounts: {{'{A}': [10.0.0.0/8]}}}}"
    in_a = Leaf(FIELD, "equals", A)
    call = Leaf("eventName", "equals", "CreateUser")
    for who, leaf in (
        ("sourceIPAddress|cidr|expand: '%people%'", Leaf("sourceIPAddress", "cidr", "10.0.0.0/8")),
        ("userAgent|contains|expand: '%people%'", Leaf("userAgent", "contains", "10.0.0.0/8")),
        ("userAgent|re|expand: '^%people%$'", Leaf("userAgent", "regex", "^10.0.0.0/8$", cased=True)),
        ("userAgent|expand: 'a %people%'", Leaf("userAgent", "equals", "a 10.0.0.0/8")),
    ):
        rules = _set(people, who=who)
        assert not rules.faults, [str(fault) for fault in rules.faults]
        assert rules.bases[0].predicate == And((call, Not(And((in_a, leaf))))), who


def test_a_value_of_two_lists_holds_in_an_account_where_either_has_more_there() -> None:
    overlay = f"lists: {{a: {{values: [x], accounts: {{'{A}': [y]}}}}, b: {{values: [1], accounts: {{'{A}': [2]}}}}}}"
    rule = RULE.replace("WHO", "userAgent|expand: '%a%%b%'").replace("CONDITION", "listed").encode()
    rules = rule_set({"r.yml": rule}, {"rules.yaml": overlay.encode()})
    said = [{"x1"}, {"x1", "x2", "y1", "y2"}]
    for account, expected in zip((B, A), said, strict=True):
        views = {text: _event(account, "u", userAgent=text) for text in ("x1", "x2", "y1", "y2")}
        assert {t for t, one in views.items() if true_of(rules.bases[0].predicate, one, CLOUDTRAIL)} == expected
    assert count_leaves(rules.bases[0].predicate) == 1 + 1 + 1 + 3, "what holds everywhere is not said again"


def test_an_exception_by_a_filter_document_holds_in_its_accounts() -> None:
    rule = RULE.replace("WHO", "eventID: '*'").replace("CONDITION", "listed")
    rule += "---\ntitle: f\nlogsource: {product: aws, service: cloudtrail}\n"
    rule += f"filter: {{rules: any, s: {{{USER}}}, condition: not s}}\n"
    overlay = f"lists: {{people: {{accounts: {{'{A}': [ada]}}}}}}"
    rules = rule_set({"r.yml": rule.encode(), "l.yml": LIST}, {"rules.yaml": overlay.encode()})
    assert not _holds(rules, A, "ada")
    assert _holds(rules, B, "ada")


def test_what_accounts_hold_resets_no_baseline_and_no_test_of_a_rule_sees_it() -> None:
    plain, inside = _set("{add: [boss]}"), _set(f"{{add: [boss], accounts: {{'{A}': ['*']}}}}")
    assert plain.correlations[0].fingerprint == inside.correlations[0].fingerprint
    assert plain.pack().version != inside.pack().version
    assert inside.listed is not None
    (base,) = inside.bases
    assert (
        inside.listed.for_test(base.id, {}).predicate
        == load_rules({"r.yml": RULE.replace("WHO", USER).replace("CONDITION", "not listed").encode(), "l.yml": LIST})
        .bases[0]
        .predicate
    )


def test_a_list_that_only_accounts_fill_is_not_empty_and_its_number_counts_all() -> None:
    rules = _set(f"{{values: [], accounts: {{'{A}': [ada], '{B}': [ada, eve]}}}}", condition="listed")
    assert rules.needed_by(rules.correlations[0]) == ()
    assert rules.list_sizes([rules.bases[0].id]) == {"people": 2}
    assert rules.stand_ins(rules.bases[0].id) == {}


def test_a_rule_is_shown_explained_proved_by_an_example_and_handed_over_without_a_special_case() -> None:
    rules = _set(f"{{values: [], accounts: {{'{A}': [ada], '{B}': [eve]}}}}", condition="listed")
    (base,) = rules.bases
    shown = "\n".join(evaluated_lines(base, CLOUDTRAIL))
    assert f'account (made from recipientAccountId, userIdentity) is "{A}"' in shown
    view = _event(B, "eve")
    assert explain(base, CLOUDTRAIL, view).holds is True
    assert explain(base, CLOUDTRAIL, _event(A, "eve")).holds is False
    found = examples_of(base, None, {base.id: base})
    assert not isinstance(found, Unsolved)
    assert any(true_of(base.predicate, one, CLOUDTRAIL) for one in found[0].views)
    patterns = patterns_for([base], CLOUDTRAIL)
    assert not patterns.broad
    envelope: Any = {"source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "detail": view}
    assert any(EventPattern.load(json.dumps(one)).matches_event(envelope) for one in patterns.patterns)


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda one: one.name)
@pytest.mark.parametrize("vocabulary", ["raw", "common", "ecs"])
def test_the_account_of_an_event_has_one_name_in_every_source_and_vocabulary(source: Source, vocabulary: str) -> None:
    assert source.accessor(FIELD, vocabulary=vocabulary) == source.common[FIELD]


def test_an_event_is_asked_for_few_of_many_accounts() -> None:
    """Of 500 accounts a tree of 16 branches asks about at most 16 + 16 + 2."""
    inside: list[tuple[tuple[str, ...], Predicate]] = [
        ((f"{number:012}",), Leaf("userAgent", "equals", str(number))) for number in range(500)
    ]
    parts = any_account(inside)
    assert len(parts) <= BRANCHES
    for asked in (0, 255, 499):
        assert _asked(Or(tuple(parts)), f"{asked:012}") <= 2 * BRANCHES + 3


def _asked(tree: Predicate, account: str) -> int:
    """How many sets of accounts are looked at until the branch of this one is found."""
    if isinstance(tree, Or):
        number = 0
        for part in tree.parts:
            assert isinstance(part, And)
            number += 1
            if _is_of(part.parts[0], account):
                return number + _asked(part.parts[1], account)
        return number
    return 0


def _is_of(tree: Predicate, account: str) -> bool:
    leaves = tree.parts if isinstance(tree, Or) else (tree,)
    return any(isinstance(leaf, Leaf) and leaf.value == account for leaf in leaves)


def test_an_id_of_any_length_that_is_named_is_meant() -> None:
    project = "p" * MAX_ID_CHARACTERS
    rules = _set(f"{{accounts: {{{project}: [ada]}}}}", more=f"accounts: {{{project}: play}}\n")
    assert not _holds(rules, project, "ada")
