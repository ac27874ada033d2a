"""Patterns of ``*`` in overlays: over tags and the names of accounts."""

from __future__ import annotations


def like(pattern: str, text: str) -> bool:
    """Whether ``text`` fits a pattern of ``*``: each piece is looked for once, from left to right."""
    first, *pieces = pattern.split("*")
    if not pieces:
        return text == pattern
    *middle, last = pieces
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
