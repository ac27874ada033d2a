"""``firstseen rules publish``: nothing at fault is published, and nobody's pack is overwritten unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstseen.cli import main
from firstseen.cli.shelves import open_shelf
from firstseen.errors import SettingsError
from firstseen.language.published import Pointer, Published, moved, read_pointer, write_pointer
from tests.faults.world import RULES


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


def rules(tmp_path: Path, number: int = 1, text: str = RULES) -> str:
    path = tmp_path / f"rules{number}.yml"
    path.write_text(text.replace("Remove", f"Remove{number}"), encoding="utf-8")
    return str(path)


def publish(shelf: Path, *words: str) -> int:
    return main(["rules", "publish", *words, "--to", f"file:{shelf}"])


def pointer(shelf: Path) -> Pointer:
    return read_pointer((shelf / "current.json").read_bytes())


def test_what_is_published_is_in_force_and_can_be_taken_back_and_listed(
    tmp_path: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        assert publish(shelf, rules(tmp_path, number), "--who", "ada") == 0
    second = pointer(shelf)
    assert (second.who, len(second.previous)) == ("ada", 1)
    assert publish(shelf, "--rollback", "--who", "bob") == 0
    assert pointer(shelf).hash == second.previous[0].hash
    assert publish(shelf, "--rollback", second.hash[:10]) == 0
    assert pointer(shelf).hash == second.hash
    capsys.readouterr()
    assert publish(shelf, "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["in", "force"],
        ["withdrawn", second.previous[0].version],
    ]
    now, before = pointer(shelf), pointer(shelf).previous
    named = [now.hash, now.canaries, *(name for one in before for name in (one.hash, one.canaries))]
    assert {one.stem for one in (shelf / "packs").iterdir()} == set(named)
    assert len(set(named)) == 4


def test_rules_that_wait_for_their_baselines_are_listed_and_a_plain_publish_ends_it(
    tmp_path: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(shelf, rules(tmp_path, 1), "--after-baseline") == 0
    first = pointer(shelf)
    assert first.next is None, "nothing was in force that could work on"
    assert publish(shelf, rules(tmp_path, 2), "--after-baseline") == 0
    waits = pointer(shelf).next
    assert waits is not None
    assert pointer(shelf).hash == first.hash
    capsys.readouterr()
    assert publish(shelf, "--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["state", "in", "waits"]
    assert publish(shelf, rules(tmp_path, 2)) == 0
    assert (pointer(shelf).hash, pointer(shelf).next) == (waits.hash, None)


def test_the_same_rules_again_change_nothing(tmp_path: Path, shelf: Path) -> None:
    assert publish(shelf, rules(tmp_path)) == 0
    before = (shelf / "current.json").read_bytes()
    assert publish(shelf, rules(tmp_path)) == 0
    assert (shelf / "current.json").read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        RULES.replace("condition: selection", "condition: nothing", 1),
        RULES.replace("eventName: Ask", "eventName|re: '(?=a)'"),
        RULES.replace("rules: [asked]", "rules: [unknown]", 1),
        "title: [",
    ],
    ids=["condition", "expression", "missing rule", "no YAML"],
)
def test_rules_with_a_fault_are_not_published(tmp_path: Path, shelf: Path, text: str) -> None:
    assert publish(shelf, rules(tmp_path)) == 0
    before = {path: path.read_bytes() for path in shelf.rglob("*") if path.is_file()}
    assert publish(shelf, rules(tmp_path), rules(tmp_path, 2, text)) == 2
    assert {path: path.read_bytes() for path in shelf.rglob("*") if path.is_file()} == before


def test_a_publisher_that_was_overtaken_says_by_whom_and_leaves_their_pack_in_force(
    tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(shelf, rules(tmp_path)) == 0
    kind = type(open_shelf(f"file:{shelf}"))
    write = kind.write_pointer

    def overtaken(self: object, data: bytes, expected: str | None) -> bool:
        theirs = moved(pointer(shelf), Published("b" * 64, "theirs", "", "\x1b[31meve"))
        (shelf / "current.json").write_bytes(write_pointer(theirs))
        return write(self, data, expected)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "write_pointer", overtaken)
    assert publish(shelf, rules(tmp_path, 2)) == 2
    said = capsys.readouterr().err
    assert "published theirs meanwhile" in said
    assert "\x1b" not in said
    assert pointer(shelf).version == "theirs"


def test_an_answer_that_was_lost_is_no_fault(tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(open_shelf(f"file:{shelf}"))
    write = kind.write_pointer

    def lost(self: object, data: bytes, expected: str | None) -> bool:
        return write(self, data, expected) and write(self, data, expected)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "write_pointer", lost)
    assert publish(shelf, rules(tmp_path)) == 0


def test_a_pack_that_was_changed_in_place_is_neither_published_nor_rolled_back_to(
    tmp_path: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(shelf, rules(tmp_path, 1)) == 0
    first = pointer(shelf)
    (shelf / "packs" / f"{first.hash}.pack").write_bytes(b"other")
    assert publish(shelf, rules(tmp_path, 2)) == 0
    for words in ([rules(tmp_path, 1)], ["--rollback"]):
        assert publish(shelf, *words) == 2
        assert pointer(shelf).previous[0].hash == first.hash
    assert "remove it, then try again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the rules to publish"),
        (["a.yml", "--rollback=x"], "name the rules to publish"),
        (["--rollback"], "nothing was published there"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    shelf: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(shelf, *words) == 2
    assert said in capsys.readouterr().err
    assert not shelf.exists()


@pytest.mark.parametrize("url", ["s3://", "file:", "folder/packs", "ftp://example.org/a", ""])
def test_an_address_of_no_known_kind_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="use s3://BUCKET/PREFIX, https://ACCOUNT"):
        open_shelf(url)


def test_nothing_published_lists_as_nothing(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(shelf, "--list") == 0
    assert "nothing is published" in capsys.readouterr().out
