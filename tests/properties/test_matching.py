"""The compiled matcher means what the oracle means, however the event is written and however the rules are run."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstseen.language import pack as packs
from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base, Vocabulary
from firstseen.matching.engine import Engine
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.event import Reject
from firstseen.sources.reading import view_of
from tests.properties.oracle import true_of

FIELDS = (
    "eventName", "eventSource", "eventID", "eventTime", "eventType", "errorCode", "userAgent",
    "sourceIPAddress", "readOnly", "userIdentity", "userIdentity.type", "userIdentity.arn",
    "userIdentity.sessionContext.sessionIssuer.arn", "userIdentity.type.below", "eventName.below",
    "requestParameters", "requestParameters.a", "requestParameters.a.b", "resources.ARN", "resources",
    "nosuch", "actor", "source.ip", "outcome",
)  # fmt: skip
TEXTS = (
    "", "a", "A", "ab", "aBc", "Root", "root", "ROOT", "AssumedRole", "GetObject", "getobject",
    "ec2.amazonaws.com", "K", "k", "\u212a", "ı", "İ", "i", "I", "ß", "ẞ", "ss", "ſ", "s", "Σ", "ς", "ﬀ",
    "ff", "*", "a*b", "a?b", "a\\b", "a\nb", "1", "01", "1.5", "-3", "true", "True", "null", "10.0.0.7",
    "007.1.2.3", "fe80::1", "2026-03-02T09:15:02Z", "2026-02-28 23:30:00+01:00", '{"b":"a"}', '"', "é",
    "\x00", "😀",
)  # fmt: skip
NAMES = ("GetObject", "getobject", "StopInstances", "a", "Kick", "\u212aick")
SOURCES = ("ec2.amazonaws.com", "EC2.amazonaws.com", "s3.amazonaws.com")
PATTERNS = (
    "", "a", "*", "a*", "*b", "a*c", "?", "a?b", "\\*", "a\\*b", "*\\\\*", "A*B", "*ß*", "*k", "\\a",
    "*am*com", "r??t",
)  # fmt: skip
EXPRESSIONS = (
    "a", "^a", "b$", "a.c", "(?i)ROOT", "[0-9]+", "a|b", "x*", "o{2}", "A?ssumed", ":?role", "(ro)+ot",
    "\\.com", "ama[a-z]+on",
)  # fmt: skip

texts = st.sampled_from(TEXTS)
scalars = st.one_of(
    texts, st.none(), st.booleans(), st.integers(-5, 20), st.sampled_from([1.5, 0.25, 2**53]), st.text(max_size=4)
)
objects = st.dictionaries(st.sampled_from(("a", "b", "type", "arn", "ARN", "sessionContext", "é")), scalars, max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(("a", "b", "type", "arn", "ARN", "sessionContext", "sessionIssuer")), inner, max_size=3
        ),
    ),
    max_leaves=6,
)
issuers = st.fixed_dictionaries({}, optional={"arn": st.one_of(texts, st.none(), st.booleans())})
contexts = st.fixed_dictionaries({}, optional={"sessionIssuer": st.one_of(st.none(), issuers)})
identities = st.fixed_dictionaries({}, optional={"type": texts, "arn": texts, "sessionContext": contexts})
events = st.fixed_dictionaries(
    {
        "eventName": st.one_of(st.sampled_from(NAMES), texts),
        "eventSource": st.sampled_from(SOURCES),
        "eventTime": st.sampled_from(("2026-03-02T09:15:02Z", "2026-03-02T09:15:02.123Z", "2026-12-31 23:59:59")),
        "eventID": texts,
    },
    optional={
        "errorCode": st.one_of(texts, values), "userAgent": texts, "sourceIPAddress": texts, "readOnly": scalars,
        "userIdentity": st.one_of(identities, values), "requestParameters": values, "eventType": texts,
        "resources": st.lists(st.one_of(objects, st.lists(objects, max_size=2)), max_size=3),
    },
)  # fmt: skip


Wanted = str | int | float


def _leaf(field: str | None, kind: str, cased: bool, text: Wanted, likes: tuple[str, str]) -> Leaf:  # noqa: FBT001
    pattern, expression = likes
    match kind:
        case "exists":
            return Leaf(field, "exists", value=cased)
        case "null" | "present":
            return Leaf(field, kind)
        case "like":
            return Leaf(field, "like", pattern, cased)
        case "regex":
            return Leaf(field, "regex", expression)
        case "cidr":
            return Leaf(field, "cidr", "10.0.0.0/8" if cased else "fe80::/10")
        case "lt" | "lte" | "gt" | "gte":
            return Leaf(field, kind, 1.5 if cased else 2)
        case "hour" | "week" | "day" | "year":
            return Leaf(field, "equals", {"hour": 22, "week": 9, "day": 2, "year": 2026}[kind], cased, kind)
        case "same_as" | "same_start" | "same_end" | "same_part":
            return Leaf(field, kind, "requestParameters.a" if cased else "eventName", cased)
        case "equals":
            return Leaf(field, "equals", text, cased)
        case _:
            return Leaf(field, kind, str(text), cased)  # type: ignore[arg-type]


PLAIN = ("equals", "contains", "startswith", "endswith")
OTHERS = (
    "like", "regex", "cidr", "lt", "lte", "gt", "gte", "exists", "null", "present", "hour", "week", "day", "year",
    "same_as", "same_start", "same_end", "same_part",
)  # fmt: skip
wanted = st.one_of(texts, st.integers(-5, 20), st.booleans(), st.just(1.5))
leaves = st.builds(
    _leaf,
    st.one_of(st.sampled_from(FIELDS), st.none()),
    st.one_of(st.sampled_from(PLAIN), st.sampled_from(OTHERS)),
    st.booleans(),
    wanted,
    st.tuples(st.sampled_from(PATTERNS), st.sampled_from(EXPRESSIONS)),
)
named = st.builds(
    lambda name, rest: And((Leaf("eventName", "equals", name), rest)), st.sampled_from((*NAMES, "AssumedRole")), leaves
)
predicates: st.SearchStrategy[Predicate] = st.recursive(
    st.one_of(leaves, named),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=6,
)
quick = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def pack_of(trees: list[Predicate], vocabulary: Vocabulary = "raw") -> Pack:
    bases = [Base(f"{n:03}", "", (CLOUDTRAIL.name,), vocabulary, tree) for n, tree in enumerate(trees)]
    return Pack.of(bases, [])


def by_oracle(trees: list[Predicate], view: dict[str, Any], vocabulary: Vocabulary = "raw") -> tuple[int, ...]:
    return tuple(n for n, tree in enumerate(trees) if true_of(tree, view, CLOUDTRAIL, vocabulary))


@quick
@given(st.lists(predicates, min_size=1, max_size=4), st.lists(events, min_size=1, max_size=3))
def test_compiled_rules_hold_exactly_where_the_oracle_says(trees: list[Predicate], views: list[dict[str, Any]]) -> None:
    """Fast way, slow way and oracle agree on every event; the fast way may decline."""
    engine = Engine(pack_of(trees))
    match = engine.matcher(CLOUDTRAIL)
    for view in views:
        expected = by_oracle(trees, view)
        assert engine.match_view(CLOUDTRAIL, view) == expected
        assert match(orjson.dumps(view)) in {expected, None}


@quick
@given(st.lists(predicates, min_size=1, max_size=4), events, st.sampled_from(("raw", "common", "ecs")))
def test_an_index_only_saves_work(trees: list[Predicate], view: dict[str, Any], vocabulary: Vocabulary) -> None:
    """With the index, without one, and through a pack's bytes, the same rules hold."""
    pack = pack_of(trees, vocabulary)
    scanned = replace(CLOUDTRAIL, index=())
    found = Engine(pack).match_view(CLOUDTRAIL, view)
    assert Engine(pack, {scanned.name: scanned}).match_view(scanned, view) == found
    assert Engine(packs.load(packs.dump(pack))).match_view(CLOUDTRAIL, view) == found
    assert found == by_oracle(trees, view, vocabulary)


plain_events = st.fixed_dictionaries(
    {
        "eventName": st.sampled_from(NAMES), "eventSource": st.sampled_from(SOURCES), "eventID": st.just("e-1"),
        "eventTime": st.just("2026-03-02T09:15:02Z"),
    },
    optional={
        "errorCode": st.one_of(st.none(), texts), "userAgent": texts, "sourceIPAddress": texts,
        "readOnly": st.booleans(),
        "userIdentity": st.one_of(st.none(), identities), "requestParameters": st.one_of(st.none(), objects),
    },
)  # fmt: skip


@quick
@given(st.lists(predicates, min_size=1, max_size=4), plain_events)
def test_events_of_the_usual_types_take_the_fast_way(trees: list[Predicate], view: dict[str, Any]) -> None:
    """The other properties would hold for a fast way that always declined."""
    assert Engine(pack_of(trees)).matcher(CLOUDTRAIL)(orjson.dumps(view)) == by_oracle(trees, view)


class Writer:
    """Writes a view as JSON in a hostile way."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def _pick(self, *choices: Any) -> Any:  # noqa: ANN401
        return self._random.choice(choices)

    def _chance(self, of: int) -> bool:
        return self._random.randrange(of) == 0

    def text(self, text: str) -> str:
        written = []
        for one in text:
            units = one.encode("utf-16-be")
            escaped = "".join(f"\\u{units[n] * 256 + units[n + 1]:04X}" for n in range(0, len(units), 2))
            written.append(escaped if self._chance(3) else json.dumps(one, ensure_ascii=False)[1:-1])
        return f'"{"".join(written)}"'

    def space(self) -> str:
        return str(self._pick("", "", "", " ", "\n\t", "\r  "))

    def value(self, value: object) -> str:
        if isinstance(value, dict):
            return self.object(value)
        if isinstance(value, list):
            return f"[{','.join(self.space() + self.value(one) + self.space() for one in value)}]"
        return self.text(value) if isinstance(value, str) else json.dumps(value)

    def object(self, value: dict[str, Any]) -> str:
        """The members with earlier ones of the same names (the last one counts) and look-alikes among them."""
        members: list[tuple[str, str]] = []
        for key, one in value.items():
            if self._chance(4):
                decoy = self._pick(None, "", "GetObject", 1, [], {"eventName": "a"}, {"type": "Root"})
                members.append((key, json.dumps(decoy)))
            members.append((key, self.value(one)))
        if self._chance(2):
            name = self._pick("nested", "eventname", "EventName", " eventName")
            members.insert(0, (name, '{"eventName":"a","type":[{}]}'))
        pairs = (f"{self.space()}{self.text(key)}{self.space()}:{self.space()}{text}" for key, text in members)
        return "{" + ",".join(pairs) + self.space() + "}"


def written(view: dict[str, Any], seed: int) -> bytes:
    random = Random(seed)
    keys = random.sample(list(view), len(view))
    return Writer(random).object({key: view[key] for key in keys}).encode()


seeds = st.integers(0, 2**32)


@quick
@given(st.lists(predicates, min_size=1, max_size=3), st.lists(events, min_size=1, max_size=3), seeds)
def test_no_way_of_writing_an_event_hides_it_from_the_fast_way(
    trees: list[Predicate], views: list[dict[str, Any]], seed: int
) -> None:
    """Escaped and repeated keys, orders, white space, look-alikes inside: the fast way reads what orjson reads."""
    engine = Engine(pack_of(trees))
    match = engine.matcher(CLOUDTRAIL)
    for number, raw in enumerate(written(view, seed + n) for view in views for n in range(4)):
        view = orjson.loads(raw)
        answer = match(raw)
        assert answer is None or answer == by_oracle(trees, view), number
        assert engine.match_view(CLOUDTRAIL, view) == by_oracle(trees, view)


DAMAGE = (b"", b"\xff", b"\x00", b'"', b"\\", b"{", b"}", b"9", b"[", b"\xed\xa0\x80")


@quick
@given(st.lists(predicates, min_size=1, max_size=2), events, seeds)
def test_damage_never_raises_and_never_changes_an_answer(
    trees: list[Predicate], view: dict[str, Any], seed: int
) -> None:
    """A byte that is lost or replaced: the fast way declines, or says what a full reading says."""
    engine = Engine(pack_of(trees))
    match = engine.matcher(CLOUDTRAIL)
    random = Random(seed)
    whole = written(view, seed)
    for _ in range(20):
        at = random.randrange(len(whole))
        raw = whole[:at] + random.choice(DAMAGE) + whole[at + 1 :]
        answer = match(raw)
        if answer is not None:
            read = view_of(raw)
            assert not isinstance(read, Reject)
            assert answer == engine.match_view(CLOUDTRAIL, read)


@pytest.mark.parametrize("seed", range(8))
def test_many_rules_together_hold_where_the_oracle_says(seed: int) -> None:
    """Sixty random rules in one pack, so that they share questions, groups and functions."""
    random = Random(seed)
    trees = [drawn_tree(random, 3) for _ in range(60)]
    engine = Engine(pack_of(trees))
    match = engine.matcher(CLOUDTRAIL)
    hits = 0
    for number in range(60):
        view = drawn_event(random)
        expected = by_oracle(trees, view)
        hits += len(expected)
        assert engine.match_view(CLOUDTRAIL, view) == expected
        raw = written(view, number)
        assert match(raw) in {by_oracle(trees, orjson.loads(raw)), None}
    assert hits > 100, "the rules and events have too little in common to prove anything"


def drawn_tree(random: Random, depth: int) -> Predicate:
    kind = random.randrange(8 if depth else 4)
    if kind < 4:
        op = random.choice((*PLAIN, *PLAIN, *OTHERS))
        text = random.choice((*TEXTS, True, 1, 1.5))
        field = random.choice((*FIELDS, None))
        likes = (random.choice(PATTERNS), random.choice(EXPRESSIONS))
        return _leaf(field, op, random.random() < 0.3, text, likes)
    parts = tuple(drawn_tree(random, depth - 1) for _ in range(random.randint(1, 3)))
    named = Leaf("eventName", "equals", random.choice(NAMES))
    return (And((named, *parts)), And(parts), Or(parts), Not(parts[0]))[kind - 4]


def drawn_event(random: Random) -> dict[str, Any]:
    view: dict[str, Any] = {
        "eventName": random.choice((*NAMES, *TEXTS)), "eventSource": random.choice(SOURCES), "eventID": "e-1",
        "eventTime": "2026-03-02T09:15:02Z",
    }  # fmt: skip
    for field in FIELDS[5:18]:
        if "." in field or random.random() < 0.5:
            continue
        view[field] = drawn_value(random, 3) if random.random() < 0.4 else random.choice(TEXTS)
    if random.random() < 0.7:
        issuer = {"arn": random.choice(TEXTS)}
        view["userIdentity"] = {
            "type": random.choice(("Root", "root", "AssumedRole")), "sessionContext": {"sessionIssuer": issuer}
        }  # fmt: skip
    return view


def drawn_value(random: Random, depth: int) -> object:
    kind = random.randrange(6 if depth else 3)
    if kind < 3:
        return random.choice((*TEXTS, None, True, False, 1, 2, -3, 1.5, 2**53))
    inner = [drawn_value(random, depth - 1) for _ in range(random.randrange(4))]
    return inner if kind == 3 else dict(zip(random.sample(("a", "b", "ARN", "type"), 4), inner, strict=False))
