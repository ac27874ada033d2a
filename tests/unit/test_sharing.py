"""What rules have in common stands in a pack once, is read as one object, and unfolds to no more than is allowed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstseen.errors import RuleError
from firstseen.language import rows
from firstseen.language.frontends.loading import load_rules
from firstseen.language.pack import Pack, dump, load
from firstseen.language.predicates import MAX_DEPTH, MAX_LEAVES, And, Leaf, Not, Or, Predicate, count_leaves
from firstseen.language.published import believed, digest_of
from firstseen.language.rules import Base
from firstseen.language.sharing import LONG
from firstseen.matching.engine import Engine
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from tests.unit.test_language_predicates import TREES
from tests.unit.test_published import EVERY_US, Process, Shelf, packs, raw, version

FORMAT_2 = Path(__file__).parent.parent / "data" / "packs" / "format2.pack"
FORMAT_2_HASH = "d604970b169096d8f6f2a74c74a6fde4d5be3df08e2d26f3407b8227a0cf363c"

RULE = """
title: Rule NUMBER
id: 66666666-0000-4000-8000-00000000000NUMBER
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: CallNUMBER}
    LISTED
    condition: selection and listed
level: low
"""
THREATS = tuple(f"198.51.{number // 250}.{number % 250}" for number in range(500))


def base(number: int, *parts: Predicate) -> Base:
    call = Leaf("eventName", "equals", f"Call{number}")
    return Base(f"b{number}", "t", ("aws.cloudtrail",), "raw", And((call, *parts)))


def either(field: str, values: Sequence[str]) -> Or:
    return Or(tuple(Leaf(field, "equals", one) for one in values))


def built(listed: str, rules: int, **lists: Sequence[str]) -> Pack:
    texts = (RULE.replace("NUMBER", str(number)).replace("LISTED", listed) for number in range(rules))
    found = load_rules({f"r{number}.yml": text.encode() for number, text in enumerate(texts)}, lists)
    assert not found.faults
    return Pack.of(found.bases, found.correlations)


def body(pack: Pack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dump(pack))
    return found


def test_the_values_of_a_list_stand_in_a_pack_once_however_many_rules_and_fields_use_it() -> None:
    pack = built("listed: [{sourceIPAddress|expand: '%threats%'}, {userAgent|expand: '%threats%'}]", 9, threats=THREATS)
    assert body(pack)["values"] == [list(THREATS)]
    assert dump(pack).count(THREATS[77].encode() + b'"') == 1


def test_what_is_read_is_one_object_in_all_rules() -> None:
    pack = load(dump(built("listed: {sourceIPAddress|expand: '%threats%'}", 3, threats=THREATS)))
    lists = [part for one in pack.bases for part in one.predicate.parts if isinstance(part, Or)]  # type: ignore[union-attr]
    assert len(lists) == 3
    assert all(one is lists[0] for one in lists)
    assert [leaf.value for leaf in lists[0].parts] == list(THREATS)  # type: ignore[union-attr]


def test_a_list_beside_other_alternatives_is_one_of_them() -> None:
    pack = built("listed: [{userName: root}, {sourceIPAddress|expand: '%threats%'}]", 2, threats=THREATS)
    assert body(pack)["values"] == [list(THREATS)]
    _, listed = body(pack)["bases"][0]["predicate"][1:]
    assert listed == [
        "or",
        ["leaf", "userName", "equals", "root", False, None],
        ["any", "sourceIPAddress", "equals", 0, False, None],
    ]


def test_a_pack_without_long_lists_stays_what_earlier_programs_read() -> None:
    pack = built("listed: {sourceIPAddress|expand: '%threats%'}", 3, threats=THREATS[: LONG - 2])
    assert body(pack)["firstseen_pack"] == 1
    assert body(pack).keys() == {"bases", "correlations", "firstseen_pack"}
    assert body(built("listed: {userName|expand: '%threats%'}", 1, threats=THREATS[:LONG]))["firstseen_pack"] == 2


def test_large_parts_that_are_no_list_stand_once_too() -> None:
    """Such as values that hold in some accounts only."""
    accounts = [And((Leaf("account", "equals", str(one)), either("userName", ["a", f"b{one}"]))) for one in range(40)]
    bases = [base(number, Or(tuple(accounts))) for number in range(3)]
    pack = Pack.of(bases, [])
    assert len(body(pack)["trees"]) == 1
    assert [one["predicate"][2] for one in body(pack)["bases"]] == [["tree", 0]] * 3
    again = load(dump(pack))
    assert [one.predicate for one in again.bases] == [one.predicate for one in bases]
    assert len({id(one.predicate.parts[1]) for one in again.bases}) == 1  # type: ignore[union-attr]


def test_numbers_and_truth_values_that_python_holds_equal_are_not_mixed_up() -> None:
    def large(value: float) -> Predicate:
        return And((*(Leaf(f"f{number}", "equals", value) for number in range(LONG)), Leaf("g", "null")))

    values = (1, True, 1.0)
    again = load(dump(Pack.of([base(number, large(value)) for number, value in enumerate(values)], [])))
    assert repr([one.predicate.parts[1] for one in again.bases]) == repr([large(value) for value in values])  # type: ignore[union-attr]


@settings(max_examples=40)
@given(st.lists(TREES, min_size=1, max_size=3), st.permutations(range(4)))
def test_a_pack_with_shared_parts_survives_its_bytes(trees: list[Predicate], order: list[int]) -> None:
    parts = [either("ip", THREATS[:LONG]), *trees, Or((either("ip", THREATS[:LONG]), Leaf("z", "equals", "y")))]
    bases = [base(number, Not(parts[number % len(parts)]), Or(tuple(parts))) for number in order]
    pack = Pack.of(bases, [])
    again = load(dump(pack))
    assert repr(again.bases) == repr(pack.bases)
    assert dump(again) == dump(pack)
    assert again.version == pack.version == digest_of(dump(pack))[:12]
    assert dump(Pack.of(list(again.bases), [])) == dump(pack)


def test_the_same_rules_give_the_same_bytes_in_whichever_order_they_are_read() -> None:
    bases = [base(number, either("ip", THREATS if number % 2 else THREATS[:LONG])) for number in range(6)]
    assert dump(Pack.of(bases, [])) == dump(Pack.of(bases[::-1], []))


def test_a_rule_as_deep_as_is_allowed_is_not_made_deeper() -> None:
    deep: Predicate = Or((*either("ip", THREATS).parts, Leaf("z", "equals", "y")))
    for _ in range(MAX_DEPTH - 1):
        deep = Not(deep)
    pack = load(dump(Pack.of([replace(base(0), predicate=deep)], [])))
    assert pack.bases[0].predicate == deep
    Engine(pack).compile()


def test_a_pack_of_format_2_that_lies_here_since_it_was_made_is_read_rightly() -> None:
    """Its bytes never change. A reader that cannot take them any more needs a way, or this format's refusal."""
    data = FORMAT_2.read_bytes()
    pack = believed(data, FORMAT_2_HASH)
    assert dump(pack) == data
    asks = Engine(pack).matcher(CLOUDTRAIL)
    inside, outside = ({"sourceIPAddress": f"198.51.100.{number}", "vpcEndpointId": None} for number in (79, 80))
    assert [asks(raw({"eventName": "Alpha", **where})) for where in (inside, outside)] == [(0,), ()]
    assert [asks(raw({"eventName": "Beta", **where})) for where in (inside, outside)] == [(), (1,)]
    names = ("robot19", "ada7", "ada8")
    known = [{"userIdentity": {"userName": name}, "recipientAccountId": "000000000007"} for name in names]
    assert [asks(raw({"eventName": "Gamma", **who})) for who in known] == [(2,), (2,), ()]


def hostile(tree: object, *, values: object = (["a", "b"],), trees: object = ()) -> bytes:
    """A pack whose first base rule has this predicate."""
    found = json.loads(packs(1)) | {"firstseen_pack": 2, "values": values, "trees": trees}
    found["bases"][0]["predicate"] = tree
    return json.dumps(found).encode()


def anyway(number: object, op: object = "equals", **parts: object) -> list[object]:
    return ["any", parts.get("field", "ip"), op, number, parts.get("cased", False), parts.get("part")]


def below(tree: int, levels: int = 8) -> list[object]:
    """That tree, so many levels further down."""
    found: list[object] = ["tree", tree]
    for _ in range(levels):
        found = ["not", found]
    return found


def twice(tree: int) -> list[object]:
    return ["and", ["tree", tree], ["tree", tree]]


ALL = anyway(0)
LEAF = ["leaf", "z", "equals", "y", False, None]
REFERENCES = {
    "values beyond the last": (hostile(anyway(1)), r"refers to values\[1\]"),
    "values before the first": (hostile(anyway(-1)), r"refers to values\[-1\]"),
    "values by a truth value": (hostile(anyway(number=False)), r"refers to values\[False\]"),
    "values by text": (hostile(anyway("0")), r"refers to values\[0\]"),
    "values by a number with a point": (hostile(anyway(0.0)), r"refers to values\[0\.0\]"),
    "values by a list": (hostile(anyway([0])), "refers to values"),
    "values by a huge number": (hostile(anyway(10**200)), "refers to values"),
    "no values": (hostile(anyway(0), values=[[]]), "not a predicate"),
    "values that are numbers": (hostile(ALL, values=[[1]]), "damaged rule pack"),
    "values that are text": (hostile(ALL, values=["ab"]), "damaged rule pack"),
    "values that are no table": (hostile(ALL, values={"0": ["a"]}), "damaged rule pack"),
    "a question that no list asks": (hostile(anyway(0, "same_as")), "not a predicate"),
    "a question that is none": (hostile(anyway(0, ["equals"])), "not a predicate"),
    "a field that is none": (hostile(anyway(0, field=7)), "not a predicate"),
    "cased by a number": (hostile(anyway(0, cased=1)), "not a predicate"),
    "a time part that is none": (hostile(anyway(0, part="second")), "not a predicate"),
    "a row that is too short": (hostile(["any", "ip", "equals", 0]), "not a predicate"),
    "a tree beyond the last": (hostile(["tree", 1], trees=[LEAF]), r"refers to trees\[1\]"),
    "a tree before the first": (hostile(["tree", -1], trees=[LEAF]), r"refers to trees\[-1\]"),
    "a tree of itself": (hostile(["tree", 0], trees=[["not", ["tree", 0]]]), r"refers to trees\[0\], and has 0"),
    "two trees of each other": (hostile(["tree", 0], trees=[["tree", 1], ["tree", 0]]), r"refers to trees\[1\]"),
    "a tree that is none": (hostile(ALL, trees=[["maybe"]]), "not a predicate"),
    "trees that are no table": (hostile(ALL, trees="none"), "damaged rule pack"),
    "a tree with more": (hostile(["tree", 0, 0], trees=[LEAF]), "not a predicate"),
    "deep by references": (hostile(["tree", 9], trees=[LEAF, *(below(at) for at in range(9))]), "nested deeper"),
    "a list below the last level": (hostile(below(0, MAX_DEPTH), trees=[ALL]), "nested deeper"),
    "more in a rule than a rule may have": (hostile(twice(40), trees=[ALL, *map(twice, range(40))]), "unfold to more"),
    "nothing, very often": (hostile(twice(40), trees=[["and"], *map(twice, range(40))]), "unfold to more"),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_references_that_no_builder_writes_are_refused_and_the_last_good_pack_runs_on(name: str) -> None:
    data, said = REFERENCES[name]
    with pytest.raises(RuleError, match=said):
        believed(data, digest_of(data))
    shelf = Shelf()
    shelf.put(packs(1))
    process = Process(shelf)
    process.in_force.look(0)
    shelf.put(data)
    assert "is refused" in process.in_force.look(EVERY_US).refused
    assert process.runs == version(packs(1))


def test_a_pack_that_is_nested_as_deep_as_its_reader_goes_is_refused_like_any_other() -> None:
    """To show what is wrong with a row takes as much of the stack as to read it."""
    limit = sys.getrecursionlimit()
    before, after = hostile(LEAF, trees=["HERE"]).split(b'"HERE"')
    for depth in range(limit - 300, limit + 10):
        with pytest.raises(RuleError):
            load(before + b"[" * depth + b"]" * depth + after)


def test_what_rules_unfold_to_together_is_bounded_where_packs_are_read_and_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = Or(tuple(And((Leaf("a", "equals", str(one)), Leaf("b", "equals", str(one)))) for one in range(100)))
    pack = Pack.of([base(number, large) for number in range(4)], [])
    data = dump(pack)
    rows_of_large, rows_beside = 1 + 100 * 3, 2
    monkeypatch.setattr(rows, "MAX_UNFOLDED_ROWS", 4 * (rows_of_large + rows_beside))
    assert dump(load(data)) == data
    monkeypatch.setattr(rows, "MAX_UNFOLDED_ROWS", 4 * (rows_of_large + rows_beside) - 1)
    with pytest.raises(RuleError, match="shorter lists"):
        load(data)
    with pytest.raises(RuleError, match="shorter lists"):
        dump(pack)


def test_a_list_that_is_too_short_to_be_shared_counts_with_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """No builder writes one. The matcher joins it with others, in each rule by itself."""
    monkeypatch.setattr(rows, "MAX_UNFOLDED_ROWS", 200)
    long = [str(number) for number in range(LONG)]
    assert load(hostile(["or", *[ALL] * 100], values=[long])).bases
    with pytest.raises(RuleError, match="unfold to more"):
        load(hostile(["or", *[ALL] * 100], values=[long[:-1]]))


def test_lists_of_one_rule_may_have_together_what_a_rule_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    both = hostile(["or", ALL, anyway(0, field="other")])
    monkeypatch.setattr(rows, "MAX_LEAVES", 4)
    assert count_leaves(load(both).bases[0].predicate) == 4
    monkeypatch.setattr(rows, "MAX_LEAVES", 3)
    with pytest.raises(RuleError, match="or a rule to more"):
        load(both)


def test_leaves_are_made_once_for_each_list_field_and_question_and_no_more_than_are_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "MAX_MADE_LEAVES", 2 * len(THREATS))
    load(dump(Pack.of([base(number, either(f"f{number % 2}", THREATS)) for number in range(20)], [])))
    bases = [base(number, either(f"f{number}", THREATS)) for number in range(3)]
    with pytest.raises(RuleError, match="shorter lists"):
        Pack.of(bases, [])
    monkeypatch.setattr(rows, "MAX_MADE_LEAVES", 3 * len(THREATS))
    data = dump(Pack.of(bases, []))
    monkeypatch.setattr(rows, "MAX_MADE_LEAVES", 3 * len(THREATS) - 1)
    with pytest.raises(RuleError, match="shorter lists"):
        load(data)


def test_a_rule_as_large_as_a_front_end_makes_it_is_read() -> None:
    values = [str(number) for number in range(MAX_LEAVES // 4)]
    tree = Or(tuple(either(f"f{number}", values[:-1] if number else values) for number in range(4)))
    again = load(dump(Pack.of([base(0, tree)], [])))
    assert count_leaves(again.bases[0].predicate) == MAX_LEAVES - 2
