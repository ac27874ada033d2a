"""Cutting inputs into documents: each layout, each way in which an input is broken."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator

import pytest

from firstseen.sources import compression
from firstseen.sources.event import MAX_REJECT_BYTES, Reject
from firstseen.sources.splitting import split

A, B, C = b'{"eventName":"a"}', b'{"eventName":"b","x":"}{"}', b'{"eventName":"c","y":[1,{}]}'


def good(*chunks: bytes, limit: int = 1000) -> list[tuple[int, bytes]]:
    found = split(chunks, max_document_bytes=limit)
    return [(one[0], one[1].strip()) for one in found if not isinstance(one, Reject)]


def rejects(*chunks: bytes, limit: int = 1000) -> list[Reject]:
    return [one for one in split(chunks, max_document_bytes=limit) if isinstance(one, Reject)]


def test_empty_and_blank_inputs_hold_nothing() -> None:
    assert list(split([])) == list(split([b""])) == list(split([b" \n\r\n"])) == []
    assert list(split([gzip.compress(b"")])) == []


def test_lines_are_numbered_as_an_editor_numbers_them() -> None:
    assert good(b"\n" + A + b"\r\n\n  " + B + b"\n" + C) == [(2, A), (4, B), (5, C)]


def test_only_a_line_feed_ends_a_line() -> None:
    odd = '{"eventName":"\u2028\u0085"}'.encode()
    assert good(odd + b"\n" + A) == [(1, odd), (2, A)]


def test_a_malformed_line_is_one_document_for_its_reader_and_loses_no_other() -> None:
    assert good(A + b"\n{oops}\n" + B) == [(1, A), (2, b"{oops}"), (3, B)]


@pytest.mark.parametrize("torn", [b'{"eventName":"a', b'{"eventName":', b'{"a":[', b'[{"a":', b"{"])
@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_line_that_breaks_off_is_one_reject_with_its_number(torn: bytes, place: int) -> None:
    lines = [A, B]
    lines.insert(place - 1, torn)
    data = b"\n".join(lines) + b"\n"
    assert [document for _, document in good(data)] == [A, B]
    assert [one.place for one in rejects(data)] == [place]


def test_an_object_over_several_lines_among_json_lines_is_one_document() -> None:
    spread = b'{\n  "eventName": "s"\n}'
    assert good(A + b"\n" + spread + b"\n" + B) == [(1, A), (2, spread), (5, B)]


def test_a_broken_object_over_several_lines_is_one_reject() -> None:
    data = A + b'\n{\n  "eventName": "s",\n  "x": [\n}\n' + B + b"\n"
    assert good(data) == [(1, A), (6, B)]
    assert [one.place for one in rejects(data)] == [2]


@pytest.mark.parametrize(
    ("start", "between", "end"),
    [
        (b"[", b",", b"]"),
        (b'{ "Records" : [', b" , ", b"] }\n"),
        (b'{"Events":[', b",\n", b'],"NextToken":"]}"}'),
        (b"", b"", b""),
        (b"\n\n[\n", b",\n", b"\n]\n"),
    ],
)
def test_lists_and_documents_in_a_row_are_counted_from_one(start: bytes, between: bytes, end: bytes) -> None:
    assert good(start + between.join([A, B, C]) + end) == [(1, A), (2, B), (3, C)]


def test_a_broken_element_loses_only_itself() -> None:
    data = b'{"Records":[' + A + b',{"x":oops},' + B + b",17," + C + b"]}"
    assert good(data) == [(1, A), (2, b'{"x":oops}'), (3, B), (4, b"17"), (5, C)]


def test_lines_of_lists_keep_their_line() -> None:
    line = b'{"Records":[' + A + b"]}"
    assert good(line + b"\n" + line + b"\n") == [(1, line), (2, line)]
    assert good(A + b"\n[" + B + b"," + C + b"]\n") == [(1, A), (2, B), (2, C)]


def test_a_list_that_breaks_off_gives_what_came_before() -> None:
    data = b'{"Records":[' + A + b"," + B + b"," + C[:9]
    assert good(data) == [(1, A), (2, B)]
    assert len(rejects(data)) == 1


def test_a_missing_bracket_in_one_element_loses_no_later_line() -> None:
    data = b'{"Records":[\n' + A[:-1] + b",\n" + B + b",\n" + C + b"\n]}"
    assert [document for _, document in good(data)] == [B, C, b"]}"]


@pytest.mark.parametrize("layout", [b"%s\n%s\n", b"[%s,%s]", b"%s%s", b'{"Records":[%s,%s]}'])
def test_a_document_above_the_limit_is_a_reject_and_the_rest_goes_on(layout: bytes) -> None:
    large = b'{"x":"' + b"y" * 5000 + b'"}'
    data = layout % (large, A)
    assert [document for _, document in good(data)] == [A]
    (reject,) = rejects(data)
    assert "larger than 1,000 bytes" in reject.reason
    assert reject.place == 1


def test_rejects_keep_no_more_than_a_message_holds() -> None:
    (reject,) = rejects(A + b"\n" + b"[" * 200_000 + b"\n", limit=1_000_000)
    assert len(reject.raw) == MAX_REJECT_BYTES


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_named(encoding: str) -> None:
    (reject,) = rejects((A.decode() + "\n" + B.decode()).encode(encoding))
    assert "convert it to UTF-8" in reject.reason


def test_a_byte_order_mark_is_skipped() -> None:
    assert good(b"\xef\xbb\xbf" + A + b"\n" + B) == [(1, A), (2, B)]


@pytest.mark.parametrize("other", [b"# A title\n\ntext\n", b"\x89PNG\r\n\x1a\n" + bytes(range(60)) * 9, b"a,b\n1,2\n"])
def test_a_file_of_another_kind_is_one_reject(other: bytes) -> None:
    (reject,) = rejects(other)
    assert reject.reason.startswith("no JSON in it")


@pytest.fixture(params=["isal", "zlib"])
def gunzip(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test below holds with isal and without."""
    if request.param == "zlib":
        monkeypatch.setattr(compression, "decompressor", zlib.decompressobj)
    return str(request.param)


@pytest.mark.usefixtures("gunzip")
class TestGzip:
    def test_members_one_after_another_are_one_input(self) -> None:
        packed = gzip.compress(A + b"\n") + gzip.compress(b"") + b"\0" * 512 + gzip.compress(B)
        assert good(packed) == good(*(bytes([one]) for one in packed)) == [(1, A), (2, B)]

    def test_gzip_within_gzip_is_read_and_a_third_layer_is_not(self) -> None:
        twice = gzip.compress(gzip.compress(A))
        assert good(twice) == [(1, A)]
        (reject,) = rejects(gzip.compress(twice))
        assert "gzip within gzip" in reject.reason

    def test_a_truncated_input_gives_everything_readable_and_one_reject(self) -> None:
        lines = [json.dumps({"eventName": "x", "n": n, "s": str(n * 7919) * 9}).encode() for n in range(3000)]
        packed = gzip.compress(b"\n".join(lines))
        packed = packed[: len(packed) * 2 // 3]
        read = zlib.decompressobj(31).decompress(packed)
        documents = [document for _, document in good(packed)]
        assert documents == lines[: read.count(b"\n")]
        (reject,) = rejects(packed)
        assert "the gzip data end early" in reject.reason
        assert reject.place == read.count(b"\n") + 1

    def test_a_truncated_end_loses_no_complete_document(self) -> None:
        packed = gzip.compress(A + b"\n" + B)[:-8]
        assert good(packed) == [(1, A), (2, B)]
        assert len(rejects(packed)) == 1

    def test_what_follows_the_gzip_data_and_is_none_is_named(self) -> None:
        packed = gzip.compress(A + b"\n" + B + b"\n") + b"x" * 20_000
        assert good(packed) == [(1, A), (2, B)]
        (reject,) = rejects(packed)
        assert "damaged gzip data" in reject.reason

    @pytest.mark.parametrize("layers", [1, 2])
    def test_a_bomb_is_refused_within_bounds(self, layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compression, "FREE_BYTES", 1 << 20)
        packed = gzip.compress(A + b"\n" + b" " * 40_000_000, 9)
        for _ in range(layers - 1):
            packed = gzip.compress(packed)
        unpacked_bytes = sum(map(len, compression.Plain([packed])))
        assert unpacked_bytes < 15_000_000
        (reject,) = rejects(packed)
        assert "gzip bomb" in reject.reason
        assert good(packed) == [(1, A)]


def test_memory_stays_flat_over_a_long_stream() -> None:
    """Nothing is fetched before it is needed: documents come while the stream still goes on."""
    fetched = 0

    def endless() -> Iterator[bytes]:
        nonlocal fetched
        while True:
            fetched += 1
            yield (A + b"\n") * 10_000

    stream = split(endless())
    for _ in range(100_000):
        next(stream)
    assert fetched < 20
