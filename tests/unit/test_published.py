"""Published packs: the pointer's history, what is believed, and what a process runs when a shelf is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from firstseen.adapters.local.packs import FolderShelf
from firstseen.errors import InputError, RuleError
from firstseen.findings.times import HOUR_US
from firstseen.language.frontends.loading import build_pack
from firstseen.language.in_force import SETTLING_US, InForce
from firstseen.language.pack import Pack, dump, load
from firstseen.language.published import (
    MAX_POINTER_BYTES,
    MAX_PREVIOUS,
    MAX_PUBLISHED_BYTES,
    Pointer,
    Published,
    believed,
    digest_of,
    moved,
    pack_name,
    read_pointer,
    rolled_back,
    write_pointer,
)
from firstseen.matching.engine import Engine
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from tests.faults.world import RULES, event

FORMAT_1 = Path(__file__).parent.parent / "data" / "packs" / "format1.pack"
FORMAT_1_HASH = "246e72e68d8cba0a8ed1c9c43f6b9630ef7d0261e20eeeb8dadac255c844635f"


def raw(parts: dict[str, Any]) -> bytes:
    return json.dumps(json.loads(event(1, 0)) | parts).encode()


def one(number: int) -> Published:
    return Published(f"{number:064x}", f"v{number}", "2026-03-01T00:00:00Z", "ada")


def history(*numbers: int) -> Pointer:
    pointer: Pointer | None = None
    for number in numbers:
        pointer = moved(pointer, one(number))
    assert pointer is not None
    return pointer


def packs(number: int) -> bytes:
    """Different rules for each number."""
    return dump(build_pack({"rules.yml": RULES.replace("Remove", f"Remove{number}").encode()}))


def test_a_pointer_survives_its_bytes_and_lists_what_was_newest_first() -> None:
    pointer = history(1, 2, 3)
    assert read_pointer(write_pointer(pointer)) == pointer
    assert [two.version for two in pointer.previous] == ["v2", "v1"]


def test_the_list_of_what_was_is_bounded_and_names_a_pack_once() -> None:
    pointer = history(*range(1, 40), 38, 39)
    assert len(pointer.previous) == MAX_PREVIOUS
    hashes = [two.hash for two in (pointer.current, *pointer.previous)]
    assert len(set(hashes)) == len(hashes)
    assert [two.version for two in pointer.previous[:2]] == ["v38", "v37"]


def test_two_roll_backs_go_two_packs_back_and_nothing_is_forgotten() -> None:
    once = rolled_back(history(1, 2, 3), None, at="later", who="bob")
    assert (once.version, once.who, once.at) == ("v2", "bob", "later")
    twice = rolled_back(once, None, at="later", who="bob")
    assert twice.version == "v1"
    assert {two.version: two.withdrawn for two in twice.previous} == {"v2": True, "v3": True}
    with pytest.raises(RuleError, match="no earlier pack"):
        rolled_back(twice, None, at="later", who="bob")


def test_a_pack_that_was_withdrawn_comes_back_when_it_is_named() -> None:
    once = rolled_back(history(1, 2), None, at="", who="")
    again = rolled_back(once, one(2).hash, at="", who="")
    assert again.version == "v2"
    assert [two.withdrawn for two in again.previous] == [True]


def test_a_hash_that_is_unknown_or_begins_several_is_refused_with_what_there_is() -> None:
    with pytest.raises(RuleError, match=r"no earlier pack ffff: name one of 0{12}, 0{12}"):
        rolled_back(history(1, 2, 3), "ffff", at="", who="")
    with pytest.raises(RuleError, match="2 earlier packs begin with 000"):
        rolled_back(history(1, 2, 3), "000", at="", who="")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cannot be read"),
        (b"[" * 50_000, "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'{"hash": 1}', "cannot be read"),
        (b'{"hash": "../../secret"}', "no SHA-256"),
        (write_pointer(history(1)).replace(b"0001", b"000A"), "no SHA-256"),
        (b'{"format": 2, "hash": "x"}', "newer format 2: upgrade firstseen"),
        (b" " * (MAX_POINTER_BYTES + 1), "larger than"),
    ],
    ids=["empty", "deep", "no text", "list", "types", "path", "case", "newer", "huge"],
)
def test_a_pointer_that_is_none_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        read_pointer(data)


def changed(**what: object) -> bytes:
    """A whole pack with parts of it replaced."""
    return json.dumps(json.loads(packs(1)) | what).encode()


def with_correlation(**what: object) -> bytes:
    body: dict[str, Any] = json.loads(packs(1))
    chosen = next(two for two in body["correlations"] if two["type"] == "event_count")
    chosen.update(what)
    return json.dumps(body).encode()


def nested(levels: int) -> list[Any]:
    tree: list[Any] = ["and"]
    for _ in range(levels):
        tree = ["not", tree]
    return tree


def with_predicate(tree: object) -> bytes:
    body: dict[str, Any] = json.loads(packs(1))
    body["bases"][0]["predicate"] = tree
    return json.dumps(body).encode()


def twice(name: str) -> bytes:
    body: dict[str, Any] = json.loads(packs(1))
    return json.dumps(body | {name: [*body[name], body[name][0]]}).encode()


HOSTILE = {
    "empty": b"",
    "truncated": packs(1)[:-40],
    "brackets": b"[" * 100_000,
    "no text": b"\xff" * 100,
    "null": b"null",
    "bases of another kind": changed(bases=7),
    "bases that are text": changed(bases={"a": "b"}),
    "no correlations": json.dumps({"firstseen_pack": 1, "bases": []}).encode(),
    "no format": b'{"bases": [], "correlations": []}',
    "format true": changed(firstseen_pack=True),
    "format 0": changed(firstseen_pack=0),
    "format 2 without its tables": changed(firstseen_pack=2),
    "format 3": changed(firstseen_pack=3),
    "two base rules of one id": twice("bases"),
    "two rules of one id": twice("correlations"),
    "a base rule that is missing": changed(bases=[]),
    "deep predicate": with_predicate(nested(70)),
    "very deep predicate": with_predicate(nested(900)),
    "no predicate": with_predicate(["maybe"]),
    "negative timespan": with_correlation(timespan_us=-1),
    "no timespan": with_correlation(timespan_us=0),
    "endless timespan": with_correlation(timespan_us=10**30),
    "count 0": with_correlation(count=0),
    "negative limit": with_correlation(limit=-1),
    "no members": with_correlation(members=[]),
    "groups that do not fit": with_correlation(group_by=["a", "b", "c"]),
    "unknown type": with_correlation(type="absence"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pack_that_is_none_is_refused_even_under_its_right_hash(name: str) -> None:
    with pytest.raises(RuleError):
        believed(HOSTILE[name], digest_of(HOSTILE[name]))


def test_a_sound_pack_is_believed_under_its_own_hash_only() -> None:
    data = packs(1)
    assert dump(believed(data, digest_of(data))) == data
    with pytest.raises(RuleError, match="its bytes were changed"):
        believed(data, digest_of(packs(2)))


def test_a_huge_pack_is_refused_before_it_is_read() -> None:
    data = b" " * (MAX_PUBLISHED_BYTES + 1)
    with pytest.raises(RuleError, match="split the rules"):
        believed(data, digest_of(data))


def test_a_pack_of_format_1_that_lies_here_since_it_was_made_is_read_rightly() -> None:
    """Its bytes never change. A reader that cannot take them any more needs a way, or this format's refusal."""
    data = FORMAT_1.read_bytes()
    assert digest_of(data) == FORMAT_1_HASH
    pack = load(data)
    assert pack.version == FORMAT_1_HASH[:12]
    assert [(rule.type, rule.count, rule.timespan_us) for rule in pack.correlations] == [
        ("new_terms", 1, 3_600_000_000),
        ("event_count", 3, 600_000_000),
        ("match", 1, 0),
    ]
    assert [rule.card.level for rule in pack.correlations] == ["medium", "medium", "high"]
    Engine(pack).compile()
    engine = Engine(pack).matcher(CLOUDTRAIL)
    named = {"requestParameters": {"name": "aaa"}, "userAgent": "aws-CLI/2"}
    asks = {"eventName": "bet", **named, "sourceIPAddress": "198.51.100.1"}
    assert engine(raw(asks)) == (0,)
    assert engine(raw({**asks, "sourceIPAddress": "192.0.2.7"})) == ()
    assert engine(raw({**asks, "sourceIPAddress": "192.0.2.7", "errorCode": "Denied"})) == (0,)
    assert engine(raw({**asks, "userAgent": "aws-cli/2"})) == ()
    assert engine(raw({"eventName": "remove"})) == (1,)


def test_a_newer_format_is_refused_with_the_mend() -> None:
    with pytest.raises(RuleError, match=r"found '3'.*upgrade firstseen"):
        load(HOSTILE["format 3"])


@dataclass
class Shelf:
    """In memory, with faults."""

    pointer: bytes | None = None
    packs: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False
    asked: int = 0

    def put(self, data: bytes, digest: str | None = None) -> None:
        before = read_pointer(self.pointer) if self.pointer else None
        self.packs[digest or digest_of(data)] = data
        self.pointer = write_pointer(moved(before, Published(digest or digest_of(data))))

    def read_pointer(self) -> tuple[bytes, str] | None:
        self.asked += 1
        if self.silent:
            msg = "no answer"
            raise InputError(msg)
        return None if self.pointer is None else (self.pointer, "")

    def read_pack(self, digest: str) -> bytes | None:
        if self.silent:
            msg = "no answer"
            raise InputError(msg)
        return self.packs.get(digest)

    def write_pointer(self, data: bytes, expected: str | None) -> bool:
        raise NotImplementedError

    def write_pack(self, digest: str, data: bytes) -> None:
        raise NotImplementedError


EVERY_US = 100


@dataclass
class Process:
    """What runs, as a function instance has it."""

    shelf: Shelf
    runs: str = "own"
    in_force: InForce = field(init=False)

    def __post_init__(self) -> None:
        self.in_force = InForce(self.shelf, EVERY_US, self.adopt)

    def adopt(self, pack: Pack) -> None:
        Engine(pack).compile()
        self.runs = pack.version


def version(data: bytes) -> str:
    return digest_of(data)[:12]


def test_where_nothing_was_published_what_came_with_the_program_runs() -> None:
    process = Process(Shelf())
    looked = process.in_force.look(0)
    assert (looked.refused, looked.changed, process.in_force.answered, process.runs) == ("", False, True, "own")


def test_canaries_that_are_published_anew_for_the_pack_that_runs_are_taken() -> None:
    shelf = Shelf()
    shelf.put(packs(1))
    process = Process(shelf)
    process.in_force.look(0)
    shelf.put(b"canaries")
    shelf.pointer = write_pointer(
        moved(None, Published(digest_of(packs(1)), at="2026-03-02T00:00:00Z", canaries=digest_of(b"canaries")))
    )
    assert process.in_force.look(EVERY_US).refused == ""
    assert process.in_force.send_by() == b"canaries"
    assert process.in_force.at == "2026-03-02T00:00:00Z"


@pytest.mark.parametrize(
    ("later_us", "settled"),
    [(-120_000_000, False), (0, False), (SETTLING_US, False), (SETTLING_US + EVERY_US, True), (-HOUR_US, True)],
    ids=["a-clock-ahead", "at-once", "others-may-not-have-looked", "all-have-looked", "a-wrong-clock"],
)
def test_a_pack_runs_everywhere_when_all_have_looked_and_ended_what_they_read(later_us: int, *, settled: bool) -> None:
    at_us = 1_772_409_600_000_000
    shelf = Shelf()
    shelf.put(packs(1))
    shelf.pointer = write_pointer(moved(None, Published(digest_of(packs(1)), at="2026-03-02T00:00:00Z")))
    process = Process(shelf)
    assert process.in_force.settled(at_us), "nothing was taken"
    process.in_force.look(0)
    assert process.in_force.settled(at_us + later_us) is settled


def test_a_published_pack_is_taken_when_it_is_time_to_look_and_not_before() -> None:
    shelf = Shelf()
    shelf.put(packs(1))
    process = Process(shelf)
    assert process.in_force.look(0).changed
    assert process.runs == version(packs(1))
    shelf.put(packs(2))
    assert not process.in_force.look(EVERY_US - 1).looked
    assert shelf.asked == 1
    assert process.in_force.look(EVERY_US).changed
    assert process.runs == version(packs(2))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pack_leaves_the_last_good_one_running_and_is_told_once(name: str) -> None:
    shelf = Shelf()
    shelf.put(packs(1))
    process = Process(shelf)
    process.in_force.look(0)
    shelf.put(HOSTILE[name])
    told = [process.in_force.look(at * EVERY_US) for at in (1, 2, 3)]
    assert [looked.first for looked in told] == [True, False, False]
    assert all(looked.refused and not looked.changed for looked in told)
    assert process.runs == version(packs(1))
    shelf.put(packs(2))
    assert process.in_force.look(4 * EVERY_US).refused == ""
    assert process.runs == version(packs(2))


def test_a_pack_that_does_not_compile_is_refused_like_a_damaged_one() -> None:
    shelf = Shelf()
    shelf.put(packs(1))
    process = Process(shelf)
    process.in_force.look(0)
    shelf.put(with_predicate(["leaf", "eventName", "regex", "(", False, None]))
    assert "is refused" in process.in_force.look(EVERY_US).refused
    assert process.runs == version(packs(1))


def test_a_process_that_begins_under_a_bad_pack_runs_what_the_others_run() -> None:
    shelf = Shelf()
    for data in (packs(1), packs(2), b"bad"):
        shelf.put(data)
    process = Process(shelf)
    looked = process.in_force.look(0)
    assert looked.refused
    assert looked.changed
    assert process.runs == version(packs(2))


def test_bytes_under_another_packs_hash_are_refused() -> None:
    shelf = Shelf()
    shelf.put(packs(1), digest_of(packs(2)))
    process = Process(shelf)
    assert "its bytes were changed" in process.in_force.look(0).refused
    assert process.runs == "own"


def test_a_pack_that_is_missing_is_taken_as_soon_as_it_is_there() -> None:
    shelf = Shelf()
    shelf.put(packs(1))
    kept = shelf.packs.pop(digest_of(packs(1)))
    process = Process(shelf)
    assert "publish it again" in process.in_force.look(0).refused
    shelf.packs[digest_of(kept)] = kept
    assert process.in_force.look(EVERY_US).changed


def test_a_shelf_that_never_answered_leaves_open_what_should_run_and_is_asked_each_time() -> None:
    """What came with the program may lack the rule that an event is for."""
    shelf = Shelf(silent=True)
    shelf.put(packs(1))
    process = Process(shelf)
    for _ in range(2):
        assert "cannot be read" in process.in_force.look(0).refused
        assert not process.in_force.answered
    shelf.silent = False
    assert process.in_force.look(1).changed
    shelf.silent = True
    assert process.in_force.look(1 + EVERY_US).refused
    assert process.in_force.answered
    assert process.runs == version(packs(1))


def test_a_damaged_pointer_changes_nothing_that_runs() -> None:
    shelf = Shelf()
    shelf.put(packs(1))
    process = Process(shelf)
    process.in_force.look(0)
    shelf.pointer = b"{"
    assert "cannot be read" in process.in_force.look(EVERY_US).refused
    assert process.runs == version(packs(1))


def test_of_publishers_that_saw_the_same_pointer_one_writes(tmp_path: Path) -> None:
    """In a folder, from threads at once; the packs of all are there."""
    shelf = FolderShelf(tmp_path)
    assert shelf.write_pointer(b"0", None)
    found = shelf.read_pointer()
    assert found is not None
    start, written = Barrier(8), []

    def publish(number: int) -> None:
        start.wait()
        shelf.write_pack(f"{number:064x}", b"pack")
        if shelf.write_pointer(str(number).encode() * 2, found[1]):
            written.append(number)

    threads = [Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1
    now = shelf.read_pointer()
    assert now is not None
    assert now[0] == str(written[0]).encode() * 2
    assert all(shelf.read_pack(f"{number:064x}") == b"pack" for number in range(8))


def test_a_pack_in_a_folder_is_never_written_twice(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    shelf.write_pack("a" * 64, b"first")
    shelf.write_pack("a" * 64, b"second")
    assert (tmp_path / pack_name("a" * 64)).read_bytes() == b"first"
