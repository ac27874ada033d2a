"""KQL queries as trees, and trees as text: what :func:`firstseen.language.frontends.kql.parse` gives.

Printing and parsing are inverse: ``parse(printed(tree)) == tree``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_DEPTH = 50
"""Of parentheses and negations in a query."""

WHITESPACE = " \t\r\n\xa0"
SPECIAL = '\\():<>"*{}'
"""Characters that stand for themselves in an unquoted text only behind a backslash."""
KEYWORDS = frozenset({"and", "or", "not"})

_PLAIN = re.compile(r"[A-Za-z0-9_.@/-]+")


@dataclass(frozen=True, slots=True)
class Text:
    """A field's name or a value.

    Attributes:
        pieces: the plain text between wildcards; a single piece has none. ``a*b`` is ``("a", "b")``, ``*`` is
            ``("", "")``.
        at: where it begins in the query, in characters from 0; no part of what it means.
    """

    pieces: tuple[str, ...]
    at: int = field(default=0, compare=False)

    @property
    def plain(self) -> str | None:
        """The text, or None when it has wildcards."""
        return self.pieces[0] if len(self.pieces) == 1 else None

    @property
    def anything(self) -> bool:
        """Whether it is made of wildcards alone."""
        return len(self.pieces) > 1 and not any(self.pieces)


@dataclass(frozen=True, slots=True)
class AllOf:
    """``a and b``: two parts or more; of conditions, or of the values in a list."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``a or b``: two parts or more."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """``not a``."""

    part: Node


@dataclass(frozen=True, slots=True)
class Asked:
    """``field: values``; without a field: free text. ``values`` is a Text, or a list of them as a tree."""

    field: Text | None
    values: Node


@dataclass(frozen=True, slots=True)
class Compared:
    """``field >= bound``; ``sign`` is one of ``<``, ``<=``, ``>``, ``>=``."""

    field: Text
    sign: str
    bound: Text


@dataclass(frozen=True, slots=True)
class Nested:
    """``field: { … }``: conditions on one and the same object of a list."""

    field: Text
    inner: Node


Node = Text | AllOf | AnyOf | Negation | Asked | Compared | Nested


def children(node: Node) -> tuple[Node, ...]:
    """The parts directly below a node; names and bounds are none."""
    match node:
        case AllOf(parts) | AnyOf(parts):
            return parts
        case Negation(part) | Asked(_, part) | Nested(_, part):
            return (part,)
    return ()


def depth_of(tree: Node) -> int:
    """How many levels the tree has, found without recursion."""
    deepest, level = 0, [tree]
    while level:
        deepest += 1
        level = [child for node in level for child in children(node)]
    return deepest


def printed(tree: Node) -> str:
    """The query that reads as ``tree``; at most :data:`MAX_DEPTH` levels, as the parser gives them."""
    match tree:
        case Text():
            return _text(tree)
        case AllOf(parts):
            return " and ".join(_closed(part, AllOf, AnyOf) for part in parts)
        case AnyOf(parts):
            return " or ".join(_closed(part, AnyOf) for part in parts)
        case Negation(part):
            return f"not {_closed(part, AllOf, AnyOf)}"
        case Asked(name, values):
            if name is None:
                return printed(values)
            shown = printed(values) if isinstance(values, Text) else f"({printed(values)})"
            return f"{_text(name)}: {shown}"
        case Compared(name, sign, bound):
            return f"{_text(name)} {sign} {_text(bound)}"
        case Nested(name, inner):
            return f"{_text(name)}: {{ {printed(inner)} }}"


def _closed(part: Node, *kinds: type) -> str:
    return f"({printed(part)})" if isinstance(part, kinds) else printed(part)


def _text(text: Text) -> str:
    plain = text.plain
    if plain is None:
        return "*".join("".join(map(_escaped, piece)) for piece in text.pieces)
    if _PLAIN.fullmatch(plain) and plain.lower() not in KEYWORDS:
        return plain
    inner = plain.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + inner.replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n") + '"'


def _escaped(character: str) -> str:
    """One character of an unquoted text."""
    if character in WHITESPACE:
        return f"\\u{ord(character):04x}"
    return f"\\{character}" if character in SPECIAL else character
