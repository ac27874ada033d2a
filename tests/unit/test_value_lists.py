"""Value lists: how they are found and filled, what an empty one means, and who is told that a rule needs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstseen.cli import main
from firstseen.cli.ruleset import RuleSet, read_rule_set, rule_set
from firstseen.language.frontends.loading import load_rules
from firstseen.language.predicates import NEVER, And, Leaf, Not, Or

EVENT = (
    "{eventID: a, eventTime: 2026-03-02T10:00:00Z, eventSource: iam.amazonaws.com, eventName: CreateUser, "
    "sourceIPAddress: 198.51.100.24, userIdentity: {type: IAMUser, arn: 'arn:aws:iam::111122223333:user/eve'}}"
)
RULE = """
title: Created
id: 66666666-0000-4000-8000-000000000001
name: created
logsource: {{product: aws, service: cloudtrail}}
detection:
    selection: {{eventName: CreateUser}}
    listed: {{{listed}}}
    condition: {condition}
falsepositives: [an administrator]
level: low
firstseen: {{tests: [{{name: n, events: [{event}], expect: {expect}{lists}}}]}}
"""
PEOPLE, NETWORKS = "userIdentity.arn|expand: '%people%'", "sourceIPAddress|cidr|expand: '%nets%'"
NEITHER, ONLY = "selection and not listed", "selection and listed"
LIST = "name: {name}\ndescription: d\nexamples: {examples}\nvalues: {values}\n"
EVE, ADA = "arn:aws:iam::111122223333:user/eve", "arn:aws:iam::111122223333:user/ada"


def _rule(listed: str, condition: str, expect: int = 1, lists: str = "") -> bytes:
    return RULE.format(
        listed=listed, condition=condition, expect=expect, lists=f", lists: {lists}" if lists else "", event=EVENT
    ).encode()


def _list(name: str, *values: str, examples: str = "[]") -> bytes:
    return LIST.format(name=name, values=json.dumps(values), examples=examples).encode()


def _set(rule: bytes, *lists: bytes, overlay: str = "") -> RuleSet:
    files = {"r.yml": rule, **{f"l{number}.yml": data for number, data in enumerate(lists)}}
    return rule_set(files, {"rules.yaml": overlay.encode()} if overlay else {})


def _predicate(rules: RuleSet) -> object:
    assert not rules.faults, [str(fault) for fault in rules.faults]
    return rules.bases[0].predicate


CALL = Leaf("eventName", "equals", "CreateUser")


def test_a_list_among_the_files_fills_the_placeholder() -> None:
    filled = _set(_rule(PEOPLE, ONLY), _list("people", EVE, f"{ADA}*"))
    who = Or((Leaf("userIdentity.arn", "equals", EVE), Leaf("userIdentity.arn", "startswith", ADA)))
    assert _predicate(filled) == And((CALL, who))


def test_an_empty_list_matches_nothing_and_leaves_nothing_out() -> None:
    assert _predicate(_set(_rule(PEOPLE, ONLY), _list("people"))) == NEVER
    assert _predicate(_set(_rule(PEOPLE, NEITHER), _list("people"))) == CALL
    assert _predicate(_set(_rule(PEOPLE, "selection or listed"), _list("people"))) == CALL


def test_networks_come_from_lists() -> None:
    filled = _set(_rule(NETWORKS, NEITHER), _list("nets", "10.0.0.0/8", "192.0.2.1", "2001:db8::/48"))
    nets = [Leaf("sourceIPAddress", "cidr", text) for text in ("10.0.0.0/8", "192.0.2.1/32", "2001:db8::/48")]
    assert _predicate(filled) == And((CALL, Not(Or(tuple(nets)))))
    other_order = _set(_rule("sourceIPAddress|expand|cidr: '%nets%'", NEITHER), _list("nets", "10.0.0.0/8"))
    assert _predicate(other_order) == And((CALL, Not(nets[0])))


@pytest.mark.parametrize(
    ("value", "words"), [("10.*", "without wildcards"), ("office", "is no network"), ("10.1.2.3/8", "host bits")]
)
def test_what_is_no_network_in_a_list_is_a_fault_of_the_rule_that_asks_for_one(value: str, words: str) -> None:
    (fault,) = _set(_rule(NETWORKS, NEITHER), _list("nets", value)).faults
    assert words in fault.message
    assert str(fault.place) == "r.yml:8:43"


def test_networks_cannot_be_joined_with_parts_of_texts() -> None:
    (fault,) = _set(_rule("sourceIPAddress|cidr|contains|expand: '%nets%'", ONLY), _list("nets")).faults
    assert "cannot be joined with |contains" in fault.message


def test_a_placeholder_without_a_list_names_the_nearest() -> None:
    (fault,) = _set(_rule("userIdentity.arn|expand: '%peopel%'", ONLY), _list("people")).faults
    assert "did you mean %people%?" in fault.message
    assert str(fault.place) == "r.yml:8:39"


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("name: a b\nvalues: []\n", "letters, digits", "l.yml:1:7"),
        ("values: []\n", "it needs 'name'", "l.yml:1:1"),
        ("name: a\nvalues: {b: c}\n", "values is a list", "l.yml:2:1"),
        ("name: a\nvalues: [x, true]\n", "not text", "l.yml:2:13"),
        ("name: a\nvalues: ['']\n", "not text", "l.yml:2:10"),
        ("name: a\nvalue: [b]\nvalues: []\n", "did you mean 'values'?", "l.yml:2:1"),
    ],
)
def test_what_a_list_cannot_be_shows_its_place(text: str, words: str, place: str) -> None:
    (fault,) = load_rules({"l.yml": text.encode()}).faults
    assert words in fault.message
    assert str(fault.place) == place


def test_two_lists_of_one_name_are_a_fault_in_the_second() -> None:
    (fault,) = load_rules({"a.yml": _list("people", EVE), "b.yml": _list("people", ADA)}).faults
    assert str(fault.place) == "b.yml:1:7"
    assert "another list 'people' in a.yml:1:1" in fault.message


# ---- overlays --------------------------------------------------------------------------------------------


def test_an_overlay_takes_the_place_of_a_list_or_adds_to_it() -> None:
    def values(overlay: str) -> tuple[str, ...]:
        rules = _set(_rule(PEOPLE, ONLY), _list("people", EVE), overlay=overlay)
        assert not rules.faults
        assert rules.listed is not None
        return rules.listed.lists["people"].values

    assert values(f"lists: {{people: ['{ADA}']}}") == (ADA,)
    assert values(f"lists: {{people: {{add: ['{ADA}', '{EVE}']}}}}") == (EVE, ADA)
    assert values("lists: {people: []}") == ()


@pytest.mark.parametrize("entry", ["{more: [a]}", "{add: a}", "text", "[true]"])
def test_an_overlay_says_nothing_else_about_a_list(entry: str) -> None:
    assert len(_set(_rule(PEOPLE, ONLY), _list("people"), overlay=f"lists: {{people: {entry}}}").faults) == 1


def test_fingerprints_and_hashes_do_not_depend_on_what_lists_hold() -> None:
    empty = _set(_rule(NETWORKS, NEITHER), _list("nets"))
    filled = _set(_rule(NETWORKS, NEITHER), _list("nets", "10.0.0.0/8"))
    one, other = empty.correlations[0], filled.correlations[0]
    assert (one.fingerprint, one.card.hash) == (other.fingerprint, other.card.hash)
    assert empty.pack().version != filled.pack().version


# ---- who is told -----------------------------------------------------------------------------------------


def _needs(rule: bytes, *lists: bytes) -> tuple[str, ...]:
    rules = _set(rule, *lists)
    assert not rules.faults
    return rules.needs(rules.bases[0].id)


def test_a_rule_needs_a_list_only_where_it_cannot_hold_without() -> None:
    assert _needs(_rule(PEOPLE, ONLY), _list("people")) == ("people",)
    assert _needs(_rule(PEOPLE, ONLY), _list("people", EVE)) == ()
    assert _needs(_rule(PEOPLE, NEITHER), _list("people")) == ()
    both = f"{PEOPLE}, {NETWORKS}"
    assert _needs(_rule(both, ONLY), _list("people"), _list("nets")) == ("people", "nets")
    assert _needs(_rule(both, ONLY), _list("people", EVE), _list("nets")) == ("nets",)
    either = "userIdentity.arn|expand: ['%people%', '%robots%']"
    assert _needs(_rule(either, ONLY), _list("people"), _list("robots")) == ("people", "robots")
    assert _needs(_rule(either, ONLY), _list("people"), _list("robots", EVE)) == ()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder ``rules`` in a house, with ``value_lists`` beside it."""
    (tmp_path / "rules" / "aws").mkdir(parents=True)
    (tmp_path / "value_lists").mkdir()
    (tmp_path / "value_lists" / "people.yml").write_bytes(_list("people", examples=f"['{ADA}']"))
    rule = _rule(PEOPLE, ONLY, lists=f"{{people: ['{EVE}']}}")
    (tmp_path / "rules" / "aws" / "created.yml").write_bytes(rule)
    return tmp_path


def test_check_and_list_say_which_list_a_rule_needs_and_nothing_is_an_error(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "check", str(house / "rules")]) == 0
    out = capsys.readouterr().out
    assert "warning: the rule needs the list people, which is empty; fill it in rules.yaml" in out
    assert out.count(": warning:") == 1
    assert main(["rules", "list", "--format", "json", str(house / "rules")]) == 0
    assert json.loads(capsys.readouterr().out)[0]["needs"] == ["list people"]
    assert main(["rules", "show", "created", str(house / "rules")]) == 0
    assert "value list people: empty: the rule cannot fire" in capsys.readouterr().out


def test_a_rule_is_tested_with_the_lists_that_its_test_states_whatever_an_overlay_holds(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "test", str(house / "rules")]) == 0
    (house / "rules" / "rules.yaml").write_text(f"lists: {{people: ['{ADA}']}}\n", encoding="utf-8")
    assert main(["rules", "test", str(house / "rules")]) == 0
    (house / "rules" / "aws" / "created.yml").write_bytes(_rule(PEOPLE, ONLY))
    (house / "rules" / "rules.yaml").write_text(f"lists: {{people: ['{EVE}']}}\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["rules", "test", str(house / "rules")]) == 1, "without lists of its own it has those of the files"
    assert "expected 1 events match, got 0" in capsys.readouterr().out


def test_an_example_stands_in_for_an_empty_list_and_a_scaffold_states_it(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "example", "created", str(house / "rules")]) == 0
    assert json.loads(capsys.readouterr().out)["userIdentity"]["arn"] == ADA
    assert main(["rules", "test", "--scaffold", "created", str(house / "rules")]) == 0
    scaffold = capsys.readouterr().out
    assert f"lists:\n      people:\n      - {ADA}" in scaffold
    text = (house / "rules" / "aws" / "created.yml").read_text(encoding="utf-8").partition("firstseen:")[0]
    (house / "rules" / "aws" / "created.yml").write_text(text + scaffold, encoding="utf-8")
    assert main(["rules", "test", str(house / "rules")]) == 0


def test_an_overlay_that_fills_a_list_nobody_uses_is_told_the_nearest() -> None:
    from firstseen.cli.commands.rules_check import check_rules  # noqa: PLC0415 - the others need the command line only

    rules = _set(_rule(PEOPLE, NEITHER), _list("people"), overlay="lists: {peeple: [a], other: [b]}")
    said = {issue.message: issue.mend for issue in check_rules(rules) if issue.check == "unused-list"}
    assert [mend for _, mend in sorted(said.items())] == ["leave it out", "did you mean people?"]


def test_a_sequence_over_a_rule_that_needs_a_list_needs_it_too_and_is_tested_with_it() -> None:
    text = (
        _rule(PEOPLE, ONLY).decode()
        + f"""
---
title: Created by two
id: 66666666-0000-4000-8000-000000000002
correlation:
    type: event_count
    rules: [created]
    group-by: [eventSource]
    timespan: 1h
    condition: {{gte: 1}}
firstseen: {{tests: [{{name: n, lists: {{people: ['{EVE}']}}, events: [{EVENT}], expect: 1}}]}}
"""
    )
    rules = _set(text.encode(), _list("people"))
    (counted,) = rules.correlations
    assert rules.needed_by(counted) == ("people",)
    test = next(one for one in rules.tests if one.lists)
    assert rules.tested(rules.bases[0], test).predicate == And((CALL, Leaf("userIdentity.arn", "equals", EVE)))


def test_a_list_by_the_rules_is_found_from_any_depth_and_read_once(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for paths in (
        ["rules"],
        ["rules/aws"],
        ["rules/aws/created.yml"],
        ["rules", "value_lists"],
        [str(house / "rules")],
    ):
        monkeypatch.chdir(house)
        assert not read_rule_set(paths).faults, paths
    monkeypatch.chdir(house / "rules" / "aws")
    assert not read_rule_set(["created.yml"]).faults
    (house / "rules").rename(house / "detections")
    assert not read_rule_set([str(house / "detections")]).faults, "beside what is named"
    assert read_rule_set([str(house / "detections" / "aws")]).faults


# ---- what is shipped -------------------------------------------------------------------------------------

SHIPPED = Path(__file__).parents[2] / "shared" / "value_lists"


@pytest.mark.parametrize("path", sorted(SHIPPED.iterdir()), ids=lambda path: path.name)
def test_a_shipped_list_bears_its_files_name_says_what_it_holds_and_shows_examples(path: Path) -> None:
    loaded = load_rules({path.name: path.read_bytes()})
    assert not loaded.faults
    ((name, one),) = loaded.listed.lists.items()
    assert path.name == f"{name}.yml"
    assert one.description
    assert one.examples
    documented = Path(__file__).parents[2].joinpath("docs", "rules.md").read_text(encoding="utf-8")
    assert f"`{name}`" in documented
