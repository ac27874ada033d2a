"""Passes over blocks of documents: the same as one by one, whatever the slow path has to take in between."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pytest
from msgspec import UNSET

from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Predicate
from firstseen.language.rules import Base
from firstseen.matching import remembering
from firstseen.matching.engine import Engine, Scan, Sighted
from firstseen.matching.layout import Layout, layout
from firstseen.matching.questions import Question
from firstseen.matching.remembering import Answers, remembered
from firstseen.matching.running import SlowPathError
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.azure_signinlogs import SIGNINLOGS
from firstseen.sources.event import Reject
from firstseen.sources.lines import Block
from firstseen.sources.source import Derived, View

NOW_US = 1_800_000_000_000_000
DAY = "2026-03-02"


def event(number: int = 1, **fields: object) -> bytes:
    return orjson.dumps(
        {
            "eventName": "StopInstances", "eventSource": "ec2.amazonaws.com", "eventTime": f"{DAY}T09:15:02Z",
            "eventID": f"e-{number}", "userIdentity": {"type": "Root"}, **fields,
        }
    )  # fmt: skip


def pack_of(*trees: Predicate, sources: tuple[str, ...] = ("aws.cloudtrail",)) -> Pack:
    return Pack.of([Base(f"rule-{n}", f"Rule {n}", sources, "raw", tree) for n, tree in enumerate(trees)], [])


def brief(scan: Scan[Any]) -> list[object]:
    """What was found, in order: place, rules and id of each event, or the place of a reject."""
    found: list[object] = []
    for one in scan:
        if isinstance(one, Reject):
            found.append(one.place)
        elif isinstance(one, Sighted):
            found.extend((place, rows, identity) for place, _, rows, identity in one.hits)
        else:
            found.append((one.place, one.bases, one.event.id))
    return found


ODD = (
    b"{}", b"{broken", b"", b"[]", event(3, eventTime="soon"), event(4, eventID=""), event(5, eventID="x" * 300),
    event(6) + event(7), b'{"Records":[' + event(8) + b"," + event(9) + b"]}", event(10, eventTime=f"{DAY} 10:00:00"),
    event(11, userIdentity=None), event(12, userIdentity={"type": 7}), event(13, eventTime="1999-01-01T00:00:00Z"),
    orjson.dumps(SIGNINLOGS.sample),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_a_block_is_read_as_its_documents_are(seed: int) -> None:
    """Usual and odd documents of two logs in any order: the same events, rejects and counts, in full and in brief."""
    random = Random(seed)
    documents = [random.choice(ODD) if random.random() < 0.4 else event(n + 20) for n in range(60)]
    pack = pack_of(Leaf("userIdentity.type", "equals", "root"), sources=("aws.cloudtrail", SIGNINLOGS.name))
    ways: list[list[Any]] = [
        list(enumerate(documents, 1)),
        [Block(1, documents)],
        [Block(1, documents[:23]), (24, documents[23]), Block(25, documents[24:])],
    ]
    seen = []
    for way in ways:
        for name in ("scan", "sightings"):
            scan = getattr(Engine(pack), name)(way, received_us=NOW_US)
            seen.append((brief(scan), scan.events, scan.rejects))
    assert all(one == seen[0] for one in seen)
    assert len(seen[0][0]) > 20


def test_the_span_of_a_log_does_not_depend_on_its_order() -> None:
    times = [f"2026-03-{day:02}T00:00:00Z" for day in range(1, 29)]
    spans = set()
    for seed in range(4):
        Random(seed).shuffle(times)
        engine = Engine(pack_of(Leaf("eventName", "equals", "Nothing")))
        block = Block(
            1, [event(n, eventTime=time) for n, time in enumerate([times[0], "2001-01-01T00:00:00Z", *times])]
        )
        assert list(engine.scan([block], received_us=NOW_US)) == []
        spans.add(engine.span_us)
    ((first_us, last_us),) = (one for one in spans if one is not None)
    assert last_us - first_us == 27 * 86_400_000_000


@pytest.mark.parametrize("written", ["administrator", "ADMINISTRATOR", "\\u0041dministrator", "adm\u0131nistrator"])
@pytest.mark.parametrize("place", ['"%s"', '["%s"]', '{"%s":1}', '{"a":{"b":["%s"]}}'])
def test_a_word_in_a_raw_field_is_found_however_it_is_written(written: str, place: str) -> None:
    """The look at the bytes spares the reading of most events, and hides none."""
    raw = event()[:-1] + b',"requestParameters":' + (place % written).encode() + b"}"
    view = orjson.loads(raw)
    tree = And((Leaf("requestParameters", "contains", "Administrator"), Leaf("eventName", "startswith", "stop")))
    engine = Engine(pack_of(tree, Leaf("requestParameters", "contains", "nowhere")))
    found = engine.matcher(CLOUDTRAIL)(raw)
    assert found == engine.match_view(CLOUDTRAIL, view)
    assert found == (() if "\u0131" in written else (0,))


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("responseElements.instancesSet.items.instanceId", {"responseElements": {"instancesSet": {"items": [
            {"instanceId": "i-1"}, {"instanceId": "i-2"}]}}}),
        ("readOnly", {"readOnly": True}),
    ],
)  # fmt: skip
def test_fields_that_the_sample_has_in_lists_or_as_booleans_take_the_fast_way(field: str, more: dict[str, Any]) -> None:
    """And an event that has something else there is decided the slow way."""
    engine = Engine(pack_of(Leaf(field, "equals", "i-2"), Leaf(field, "equals", value=True), Leaf(field, "present")))
    found = engine.match_view(CLOUDTRAIL, orjson.loads(event(**more)))
    assert len(found) == 2
    assert engine.matcher(CLOUDTRAIL)(event(**more)) == found
    for odd in (7, [[1]], {"instancesSet": 5}):
        raw = orjson.dumps({**orjson.loads(event()), field.partition(".")[0]: odd})
        assert engine.matcher(CLOUDTRAIL)(raw) in {None, engine.match_view(CLOUDTRAIL, orjson.loads(raw))}


def planned(key: str) -> Layout:
    found = layout(CLOUDTRAIL, [(key,)])
    assert found is not None
    return found


def answers() -> Answers:
    folded = Question(("userAgent",), "contains", ("kali",), folded=True)
    told = [folded, Question(("userAgent",), "startswith", ("true", "Kali"))]
    found = remembered([*told, Question(("userAgent",), "null")], planned("userAgent"))
    assert [bit for _, bit in found.values()] == [1, 2, 4]
    return next(iter(found.values()))[0]


def test_answers_are_a_bit_each_and_absence_has_none() -> None:
    asked = answers()
    for _ in range(2):
        assert [asked[one] for one in ("KALI", "Kali 2", "x", True, None, UNSET)] == [1, 3, 0, 2, 4, 4]


@pytest.mark.parametrize("value", [1, 1.0, 0, 7, [], {}])
def test_what_is_no_text_is_left_to_the_slow_path_whatever_was_kept(value: object) -> None:
    """True equals 1 to Python; its answers must not serve for the number."""
    asked = answers()
    assert asked[True] == 2
    with pytest.raises((SlowPathError, TypeError)):
        asked[value]


def test_what_is_made_of_one_text_is_kept_by_that_text() -> None:
    """The function behind a derived name is asked once for each user agent."""
    calls: list[object] = []

    def family(view: View) -> object:
        calls.append(view.get("userAgent"))
        return str(view["userAgent"]).split("/")[0] if view.get("userAgent") else None

    source = replace(CLOUDTRAIL, common={**CLOUDTRAIL.common, "actor": Derived(("userAgent",), family)})
    trees = (Leaf("actor", "equals", "KALI"), Leaf("actor", "null"), Leaf("actor", "endswith", "x"))
    engine = Engine(pack_of(*trees), {source.name: source})
    agents = ["kali/1", "linux/2", None, "", "kali/1", "x" * 300, True]
    blocks = [Block(1, [event(n, userAgent=agent) for n in range(50) for agent in agents])]
    found = {identity_and_rows[1:] for identity_and_rows in sighted(engine, blocks)}
    assert found == {("kali/1", (0,)), ("linux/2", (2,)), (None, (1,)), ("", (1,)), ("x" * 300, (2,))}
    assert len(calls) < 3 * 50 + 20


def sighted(engine: Engine, blocks: list[Block]) -> list[tuple[str, object, tuple[int, ...]]]:
    hits = [hit for one in engine.sightings(blocks, received_us=NOW_US) if isinstance(one, Sighted) for hit in one.hits]
    return [(identity, orjson.loads(raw)["userAgent"], rows) for _, raw, rows, identity in hits]


def test_texts_that_somebody_invents_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MAX_TEXTS", 16)
    asked = answers()
    for number in range(200):
        assert asked[f"kali {number}"] == 1
        assert asked[f"{number} {'x' * 1000} kali"] == 1
        assert len(asked) <= 16
