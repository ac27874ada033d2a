"""Any rule file: it loads, or every fault is said with its place; what loads compiles, and runs over any log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

import yaml
from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st

from firstseen.cli.ruleset import rule_set
from firstseen.errors import RuleError
from firstseen.language import pack as packs
from firstseen.language.frontends import kql
from firstseen.language.frontends.conditions import condition_predicate
from firstseen.language.frontends.loading import Loaded, load_rules
from firstseen.language.pack import Pack
from firstseen.language.predicates import Leaf, Predicate
from firstseen.matching.engine import Engine, Found
from firstseen.sources.registry import SOURCES
from firstseen.sources.splitting import blocks
from tests.faults.world import RULES, event
from tests.fuzz.fuzzing import bounded, fuzzed
from tests.fuzz.mutating import grafted, mangled
from tests.fuzz.seeds import elastic_files, rule_files

NOW_US = 1_790_000_000_000_000
SAMPLES = b"\n".join([*(json.dumps(one.sample).encode() for one in SOURCES.values()), event(1, 0)])

YAML_WORDS = (
    b"correlation:\n", b"detection:\n", b"firstseen:\n", b"  condition: ", b"|contains|all: ", b"|re: '(a*)*b'",
    b"|cidr: ", b"|base64offset: ", b"type: temporal_ordered", b"type: value_count", b"timespan: ", b"group-by: ",
    b"filter:\n", b"action: repeat\n", b"%list%", b"generate: true", b"aliases:\n", b"1 of selection*",
    b"keywords:\n", b"tests:\n",
)  # fmt: skip
VALUES = (
    "1 of them", "selection and not (filter)", "event_count", "value_count", "temporal", "0s", "7d", "99999999999d",
    {"gte": 10**30}, {"field": "a", "gt": 0}, ["a"] * 20, {"a|re": "(x+x+)+y"}, {"a|contains|all": [1, None]}, {"": ""},
)  # fmt: skip


def runs(found: Loaded) -> None:
    """Compile what loaded, write it down and read it again, and let it see every log."""
    pack = Pack.of(found.bases, found.correlations)
    again = packs.load(packs.dump(pack))
    assert again == pack
    engine = Engine(again)
    engine.compile()
    for one in engine.scan(blocks([SAMPLES]), received_us=NOW_US):
        assert isinstance(one, Found)
        assert one.failed == ()


def said(faults: list[RuleError], files: Mapping[str, bytes]) -> None:
    """Each fault is a message with a file that was given, and can be shown."""
    for fault in faults:
        assert fault.message
        assert fault.place is None or fault.place.file in files
        assert len(str(fault)) < 100_000


def loads_or_says_why(files: Mapping[str, bytes]) -> None:
    with bounded():
        found = load_rules(files)
        said([*found.faults, *found.refusals], files)
        seen("in order" if not found.faults else "with faults")
        if not found.faults:
            runs(found)


@given(mangled(rule_files(), YAML_WORDS))
@fuzzed(100)
def test_mangled_rule_files_load_or_say_what_is_wrong(data: bytes) -> None:
    loads_or_says_why({"rules.yml": data})


def documents() -> list[object]:
    return [one for data in rule_files() for one in yaml.safe_load_all(data) if one]


@given(st.deferred(lambda: grafted(documents(), VALUES)))
@fuzzed(100)
def test_rules_with_hostile_parts_load_or_say_what_is_wrong(document: object) -> None:
    written = yaml.dump(document, allow_unicode=True).encode("utf-8", "surrogatepass")
    loads_or_says_why({"rules.yml": written, "world.yml": RULES.encode()})


@given(mangled(elastic_files(), (b"query = '''", b"new_terms_fields", b"* and not ", b"event.action:(a or b)", b"threshold", b"language", b"[rule.", b'"""')))  # fmt: skip  # noqa: E501
@fuzzed(40)
def test_mangled_elastic_rules_load_are_refused_or_say_what_is_wrong(data: bytes) -> None:
    loads_or_says_why({"rule.toml": data})


OVERLAY = b"""
time_zone: Europe/Berlin
lists: {administrators: [a*, 'b'], known_networks: {add: [192.0.2.0/24]}}
tags: {attack.*: {level: high}}
rules:
    11111111-0000-4000-8000-000000000002: {enabled: false, limit: 10, learning: 7d}
    11111111-0000-4000-8000-000000000004: {level: low, limit: 3}
    11111111-0000-4000-8000-000000000003: {suppress: {fields: [userIdentity.userName], for: 1h}}
"""


@given(
    st.one_of(
        mangled([OVERLAY], YAML_WORDS),
        grafted([yaml.safe_load(OVERLAY)], VALUES).map(
            lambda one: yaml.dump(one, allow_unicode=True).encode("utf-8", "surrogatepass")
        ),
    )
)
@fuzzed(100)
def test_hostile_overlays_and_lists_are_applied_or_say_what_is_wrong(data: bytes) -> None:
    with bounded():
        rules, tuning = {"world.yml": RULES.encode()}, {"rules.yaml": data}
        found = rule_set(rules, tuning, documents=False)
        said(found.faults, {**rules, **tuning})
        if not found.faults:
            packs.load(packs.dump(Pack.of(found.bases, found.correlations)))


SELECTIONS: dict[str, Predicate] = {
    name: Leaf(name, "present") for name in ("selection", "selection_b", "filter", "_own")
}
PIECES = (
    "selection", "filter", "selection_b", "nobody", "and", "or", "not", "(", ")", "1 of", "all of", "any of", "them",
    "selection*", "*", "_*", "|", "count()", "2 of", "'", '"', "\\", "\0", "é", " ", "\n", "1", ">", "near",
)  # fmt: skip
CONDITIONS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join),
    st.builds(
        lambda head, times, tail: head * times + tail,
        st.sampled_from(("not ", "(", "selection or ", "not (", "*")),
        st.integers(0, 3_000),
        st.sampled_from(("selection", ")" * 12, "")),
    ),
)


@given(CONDITIONS)
@fuzzed(100)
def test_any_condition_is_a_predicate_or_a_fault(condition: str) -> None:
    with bounded(), suppress(RuleError):
        condition_predicate(condition, SELECTIONS)


KQL_PIECES = (
    "event.action", ":", "a*", "(", ")", "and", "or", "not", '"x y"', "*", "{", "}", ">=", "<", "10", "\\", "\\*",
    "\\u0041", "\\ud800", "é", "\n", "'", "NOT", "And", "a.b:{c:d}", "192.0.2.0/24", '"', "\\and", "  ",
)  # fmt: skip
QUERIES = st.one_of(
    st.lists(st.sampled_from(KQL_PIECES), max_size=60).map(" ".join),
    st.lists(st.sampled_from(KQL_PIECES), max_size=60).map("".join),
    st.builds(
        lambda piece, times: piece * times,
        st.sampled_from(("not ", "(", "a:(", "a:{", "a:b or ", "a:b and not ", "*", "\\", "(a:b) ")),
        st.integers(1, 6_000),
    ),
)


@given(QUERIES)
@fuzzed(100)
def test_any_query_is_a_tree_or_a_fault_with_its_place(query: str) -> None:
    at = 0
    with bounded():
        try:
            kql.parse(query)
        except kql.KqlError as fault:
            at = fault.at
    assert 0 <= at <= len(query)
