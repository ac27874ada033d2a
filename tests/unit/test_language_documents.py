"""Rule files as YAML: nothing is quietly read as something else, and every fault shows its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.errors import RuleError
from firstseen.language.frontends.documents import MAX_FILE_BYTES, MAX_LIST_VALUES, read_documents


def fault(data: bytes | str) -> RuleError:
    with pytest.raises(RuleError) as caught:
        read_documents("rule.yml", data.encode() if isinstance(data, str) else data)
    assert caught.value.place is not None
    assert caught.value.place.file == "rule.yml"
    return caught.value


def test_a_key_that_stands_twice_is_shown_at_its_second_place() -> None:
    assert str(fault("title: a\ndetection:\n  sel: 1\n  sel: 2\n")) == (
        "rule.yml:4:3: the key 'sel' stands here twice: the first would be lost\n      sel: 2\n      ^"
    )


def nested_aliases(template: str) -> str:
    lines = ["a: &a {x: 1}"]
    for this, before in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{this}: &{this} " + template.format(",".join([f"*{before}"] * 9)))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("title: a\n\tid: b\n", "spaces, not tabs"),
        ("title: [a\n", "not YAML"),
        ("title: a\x00b\n", "not YAML"),
        (b"title: \xff\n", "not UTF-8"),
        ("- a\n- b\n", "a rule is a mapping"),
        ("", "holds no rule"),
        ("---\n---\n", "holds no rule"),
        ("a: 0777\n", "put it in quotes"),
        ("a: 1_000\n", "put it in quotes"),
        ("a: 12:30:45\n", "put it in quotes"),
        ("a: .inf\n", "put it in quotes"),
        ("a: !!python/object:os.system x\n", "no meaning"),
        ("a: &a [*a]\n", "nested deeper"),
        ("a: &a\n  <<: *a\n", "nested deeper"),
        ("<<: 5\n", "takes a mapping"),
        ("? [a]\n: b\n", "a key is text"),
        (nested_aliases("[{}]"), "split the file"),
        (nested_aliases("{{<<: [{}]}}"), "split the file"),
        ("a: " + "[" * 100_000, "nested deeper"),
        ("a: " + "{a: " * 100_000, "nested deeper"),
        ("- " * 100_000, "nested deeper"),
        ("b: " + "[" * 900 + "]" * 900, "nested deeper"),
        (b"a" * (MAX_FILE_BYTES + 1), "is larger than"),
        ("a:\n" + "- x\n" * (MAX_LIST_VALUES + 1), "is longer than"),
        ("a: " + "x" * 1_000_001, "is longer than"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_a_file_that_would_be_misread_or_explode_is_refused(data: str | bytes, words: str) -> None:
    assert words in fault(data).message


def test_documents_know_where_their_parts_stand() -> None:
    first, second = read_documents("rule.yml", b"\xef\xbb\xbfa: 1\n---\nb:\n  - x\n  - c: {d: 2}\n")
    assert first.data == {"a": 1}
    assert second.data == {"b": ["x", {"c": {"d": 2}}]}
    assert str(second.place("b", 1, "c", "d")) == "rule.yml:5:9"
    assert str(second.place("b", 7)) == "rule.yml:3:1"
    assert second.place("b", 0).text == "  - x"


def test_dates_stay_text_and_merged_keys_yield_to_written_ones() -> None:
    (found,) = read_documents("rule.yml", b"base: &b {a: 1, t: 2026-03-10T02:14:09Z}\nx: {<<: *b, a: 2}\n")
    assert found.data["x"] == {"a": 2, "t": "2026-03-10T02:14:09Z"}


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*!|>'\" \n\t#?,%1", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        documents = read_documents("rule.yml", data)
    except RuleError as refused:
        place, documents = refused.place, []
    else:
        place = documents[0].place()
    assert place is not None
    assert place.file == "rule.yml"
    assert all(isinstance(document.data, dict) for document in documents)
