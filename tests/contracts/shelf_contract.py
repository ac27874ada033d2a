"""What every shelf for packs owes, wherever it lies. A subclass's module gives the fixture ``shelf``: an empty one."""

from __future__ import annotations

from firstseen.language.published import MAX_POINTER_BYTES, MAX_PUBLISHED_BYTES, Shelf

DIGEST = "a" * 64


class ShelfContract:
    """Tests that a shelf passes."""

    def test_nothing_is_there_at_first(self, shelf: Shelf) -> None:
        assert shelf.read_pointer() is None
        assert shelf.read_pack(DIGEST) is None

    def test_a_pointer_is_written_only_where_none_was(self, shelf: Shelf) -> None:
        assert shelf.write_pointer(b"first", None)
        assert not shelf.write_pointer(b"second", None)
        found = shelf.read_pointer()
        assert found is not None
        assert found[0] == b"first"

    def test_a_pointer_is_written_only_over_the_one_that_was_read(self, shelf: Shelf) -> None:
        assert shelf.write_pointer(b"first", None)
        read = shelf.read_pointer()
        assert read is not None
        assert shelf.write_pointer(b"second", read[1])
        assert not shelf.write_pointer(b"third", read[1]), "somebody wrote meanwhile"
        now = shelf.read_pointer()
        assert now is not None
        assert now[0] == b"second"
        assert shelf.write_pointer(b"third", now[1])

    def test_a_pointer_that_is_gone_is_not_the_expected_one(self, shelf: Shelf) -> None:
        assert not shelf.write_pointer(b"first", '"0x8DD000000000000"')
        assert shelf.read_pointer() is None

    def test_a_pack_is_never_written_twice(self, shelf: Shelf) -> None:
        shelf.write_pack(DIGEST, b"a pack")
        shelf.write_pack(DIGEST, b"another")
        assert shelf.read_pack(DIGEST) == b"a pack"

    def test_an_empty_pack_and_an_empty_pointer_are_read_as_such(self, shelf: Shelf) -> None:
        shelf.write_pack(DIGEST, b"")
        assert shelf.read_pack(DIGEST) == b""
        assert shelf.write_pointer(b"", None)
        found = shelf.read_pointer()
        assert found is not None
        assert found[0] == b""

    def test_what_is_too_large_is_read_as_one_byte_too_many(self, shelf: Shelf) -> None:
        shelf.write_pack(DIGEST, bytes(MAX_PUBLISHED_BYTES + 100))
        assert len(shelf.read_pack(DIGEST) or b"") == MAX_PUBLISHED_BYTES + 1
        assert shelf.write_pointer(bytes(MAX_POINTER_BYTES + 100), None)
        found = shelf.read_pointer()
        assert found is not None
        assert len(found[0]) == MAX_POINTER_BYTES + 1
