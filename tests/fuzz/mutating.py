"""Hostile inputs from good ones: bytes that are cut, doubled and patched; trees in which parts are replaced.

Hypothesis draws the edits, so a failure shrinks to the fewest that bring it about.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

DEEP_LEVELS = 3_000
LONG = 70_000

HOSTILE_BYTES = (
    b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\x1b[2J", b'"', b"\\", b"\\u0000", b"\\ud800",
    b"{", b"}", b"[", b"]", b"[]", b"{}", b",", b":", b"null", b"true", b"-", b"1e999", b"NaN", b"-0", b"9" * 400,
    b"'", b"#", b"---\n", b"\n", b"\t", b"  - ", b"&a ", b"*a", b"<<: *a\n", b"!!python/object:os.system ", b"|",
    b"> ", b"%", b"?", b"*" * 60, b"(" * 60, b"not " * 60, b"\x1f\x8b\x08\x00", b"[" * DEEP_LEVELS,
    b'{"a":' * DEEP_LEVELS, b"x" * LONG,
)  # fmt: skip

HOSTILE_TEXTS = (
    "", " ", "*", "?", "%", "%x%", "\\", "\0", "\ud800", "\u202e", "\x1b]0;x\a", "ſ", "İ", "ß", "\ufffe", "=1+1",
    "<b>", "|expand", "a|re", "a|cidr", "a|contains|all", "a|nonsense", "(a*)*b", "(?P<x>.)(?P=x)", "a{1000}{1000}",
    "[", "1 of them", "all of x*", "not a", "\n- x", "9999-99-99T99:99:99Z", "0000-00-00", "1970-01-01T00:00:00Z",
    "1e308", "-1", "::1%eth0", "1.2.3.4/33", "007.1.2.3", "fe80::/129", "30d", "-1h", "9" * 30 + "d", '{"a": [',
    "arn:aws:sts::1:assumed-role/", "arn:", "x" * LONG, "/" * 300, "a.b.c.d", "..", "title", "id", "correlation",
    "new_terms", "high", "null", "true",
)  # fmt: skip


def _deep(levels: int) -> Any:  # noqa: ANN401 - plain data of any shape
    found: Any = "x"
    for number in range(levels):
        found = [found] if number % 2 else {"a": found}
    return found


HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 2**31, 2**63, 2**64, -(2**63) - 1, [], {}, [[]], [None], {"": ""},
    {"a": {"b": [1]}}, ["x", 1, None, {"x": "y"}], ["x"] * 500, {str(number): number for number in range(300)},
    _deep(120), *HOSTILE_TEXTS,
)  # fmt: skip

PLACES = st.integers(0, 999_999)
"""Where in an input, by millionths of it: it fits inputs of any length."""


class Edit(NamedTuple):
    """One edit of bytes: what is done, where, how far it reaches, and with what."""

    kind: str
    at: int
    reach: int
    word: bytes


def _edited(data: bytes, edit: Edit) -> bytes:
    start = len(data) * edit.at // 1_000_000
    end = start + edit.reach
    if edit.kind == "cut":
        return data[:start] + data[end:]
    if edit.kind == "end":
        return data[:start]
    if edit.kind == "double":
        return data[:end] + data[start:]
    if edit.kind == "flip":
        return data[:start] + bytes(byte ^ 0x20 for byte in data[start:end]) + data[end:]
    return data[:start] + edit.word + data[end if edit.kind == "patch" else start :]


def mangled(seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """A good input with one to six edits; ``words`` are those of its language."""
    edits = st.builds(
        Edit,
        st.sampled_from(("patch", "put", "cut", "double", "flip", "end")),
        PLACES,
        st.integers(1, 40),
        st.sampled_from((*HOSTILE_BYTES, *words)) | st.binary(max_size=4),
    )

    def apply(seed: bytes, wanted: Sequence[Edit]) -> bytes:
        for one in wanted:
            seed = _edited(seed, one)
        return seed

    return st.builds(apply, st.sampled_from(seeds), st.lists(edits, min_size=1, max_size=6))


class Graft(NamedTuple):
    """One edit of a tree: what is done to its ``at``-th part, and with what."""

    kind: str
    at: int
    value: object


def _parts(tree: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - plain data of any shape
    """Every (holder, key) below ``tree``."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], dict | list):
                waiting.append(one[key])
    return found


def _grafted(tree: Any, graft: Graft) -> None:  # noqa: ANN401 - plain data of any shape
    parts = _parts(tree)
    if not parts:
        return
    holder, key = parts[len(parts) * graft.at // 1_000_000]
    if graft.kind == "replace":
        holder[key] = copy.deepcopy(graft.value)
    elif graft.kind == "wrap":
        holder[key] = [holder[key], copy.deepcopy(graft.value)]
    elif graft.kind == "remove":
        del holder[key]
    elif isinstance(holder, dict) and isinstance(graft.value, str):
        holder[graft.value] = holder.pop(key)
    else:
        other, name = parts[-1]
        holder[key] = copy.deepcopy(other[name])


def grafted(seeds: Sequence[Any], values: Sequence[object] = ()) -> st.SearchStrategy[Any]:
    """A good tree (a mapping or a list) in which one to five parts are replaced, wrapped, renamed or gone."""
    grafts = st.builds(
        Graft,
        st.sampled_from(("replace", "wrap", "remove", "rename")),
        PLACES,
        st.sampled_from((*HOSTILE_VALUES, *values)) | st.text(max_size=8) | st.integers(),
    )

    def apply(seed: object, wanted: Sequence[Graft]) -> object:
        tree = copy.deepcopy(seed)
        for one in wanted:
            _grafted(tree, one)
        return tree

    return st.builds(apply, st.sampled_from(seeds), st.lists(grafts, min_size=1, max_size=5))


def json_bytes(tree: object) -> bytes:
    """The tree as JSON, lone surrogates and infinities as they are: what a careless writer sends."""
    return json.dumps(tree).encode()
