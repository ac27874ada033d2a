"""What a search for an example finds for any predicate, the engine confirms."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from firstseen.cli.proving import ask_of, matches
from firstseen.language.examples.events import example, near_misses
from firstseen.language.examples.expressions import fitting
from firstseen.language.examples.search import Unsolved
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL

FIELDS = (
    "eventName",
    "eventSource",
    "errorCode",
    "userAgent",
    "requestParameters.a",
    "requestParameters",
    "userIdentity.type",
)
TEXTS = st.sampled_from(("A", "ab", "Alpha", "b*c", "7", "", "x/y", "StopInstances", "AssumedRole", "ü"))
PLAIN = st.builds(
    Leaf,
    st.sampled_from(FIELDS),
    st.sampled_from(("equals", "contains", "startswith", "endswith")),
    TEXTS,
    st.booleans(),
)
OTHERS = st.one_of(
    st.builds(Leaf, st.sampled_from(FIELDS), st.sampled_from(("null", "present"))),
    st.builds(Leaf, st.sampled_from(FIELDS), st.just("exists"), st.booleans()),
    st.builds(Leaf, st.sampled_from(FIELDS), st.sampled_from(("lt", "gte")), st.integers(-5, 20)),
    st.builds(Leaf, st.sampled_from(FIELDS), st.just("like"), st.sampled_from(("a*b", "?x*", "*", r"\*a?"))),
    st.builds(Leaf, st.sampled_from(FIELDS), st.just("regex"), st.sampled_from(("^a+[bc]$", "(?i)x|y", r"\d{2}"))),
    st.builds(Leaf, st.none(), st.just("contains"), TEXTS.filter(bool)),
)
TREES = st.recursive(
    st.one_of(PLAIN, OTHERS),
    lambda inner: st.one_of(
        st.builds(lambda parts: And(tuple(parts)), st.lists(inner, max_size=4)),
        st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, max_size=4)),
        st.builds(Not, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_whatever_the_predicate_an_example_matches_and_its_near_misses_do_not(tree: Predicate) -> None:
    """In the compiled engine, which is not what the search asked."""
    base = Base("id", "title", ("aws.cloudtrail",), "raw", tree)
    ask = ask_of(base, CLOUDTRAIL)
    found = example(base, CLOUDTRAIL, ask)
    if isinstance(found, Unsolved):
        assert found.reason
        assert not ask(tree, CLOUDTRAIL.sample)  # what holds already is never called unsolvable
        return
    assert matches(base, [orjson.dumps(found.view)]).number == 1
    for miss in near_misses(base, found, ask):
        assert matches(base, [orjson.dumps(miss.view)]).number == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FIELDS[:5]), TEXTS), min_size=1, max_size=5, unique_by=lambda pair: pair[0]))
def test_conditions_on_different_fields_are_always_solved(asked: list[tuple[str, str]]) -> None:
    """One plain condition a field, each with an exception beside it, never contradict each other."""
    parts = [Leaf(name, "contains", text) for name, text in asked]
    parts_not = [Not(Leaf(name, "equals", f"{text}!")) for name, text in asked]
    base = Base("id", "title", ("aws.cloudtrail",), "raw", And((*parts, *parts_not)))
    assert not isinstance(example(base, CLOUDTRAIL, ask_of(base, CLOUDTRAIL)), Unsolved)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab()[]{}|*+?.^$\\dw,1-:P<>x", max_size=20))
def test_texts_for_an_expression_never_fail_to_end(pattern: str) -> None:
    """Whatever is written, the proposals are few, short and come without an error."""
    assert len(list(fitting(pattern))) <= 12
