"""Reading KQL, the Kibana Query Language: from a query's text to its tree.

The grammar lies beside, in ``kql.lark``, and is compiled once, when the first query comes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import cast

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from firstseen.errors import RuleError
from firstseen.language.frontends.kql_tree import (
    KEYWORDS,
    MAX_DEPTH,
    SPECIAL,
    AllOf,
    AnyOf,
    Asked,
    Compared,
    Negation,
    Nested,
    Node,
    Text,
    depth_of,
)

MAX_QUERY_CHARACTERS = 100_000

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([\s\S]))")
_WHITE = {"t": "\t", "r": "\r", "n": "\n"}
_STARTS = frozenset({"WORD", "QUOTED", "LPAR", "_NOT"})
_JOINS = frozenset({"_AND", "_OR"})


class KqlError(RuleError):
    """A fault in a query. ``at`` says where: characters from 0, from the query's beginning."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def parse(query: str) -> Node:
    """The query's tree. Raises KqlError with the place and the mend."""
    if len(query) > MAX_QUERY_CHARACTERS:
        msg = f"a query of {len(query):,} characters is longer than {MAX_QUERY_CHARACTERS:,}: split the rule"
        raise KqlError(msg, 0)
    if not query.strip():
        msg = "the query is empty: write '*' for every event"
        raise KqlError(msg, 0)
    try:
        tree = cast("Node", _parser().parse(query))
    except UnexpectedInput as exc:
        raise _unexpected(exc, query) from exc
    except VisitError as exc:
        if isinstance(exc.orig_exc, KqlError):
            raise exc.orig_exc from None
        raise
    except LarkError as exc:
        msg = f"the query cannot be read: {str(exc).splitlines()[0]}"
        raise KqlError(msg, 0) from exc
    if depth_of(tree) > MAX_DEPTH:
        msg = f"the query is nested deeper than {MAX_DEPTH} levels: split the rule"
        raise KqlError(msg, 0)
    return tree


@cache
def _parser() -> Lark:
    return Lark.open_from_package(
        __package__, "kql.lark", parser="lalr", lexer="basic", transformer=_Builder(), maybe_placeholders=False
    )


class _Builder(Transformer[Token, Node]):
    """One method for each rule of the grammar; Lark calls them as it reads."""

    def either(self, parts: list[Node]) -> Node:
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def both(self, parts: list[Node]) -> Node:
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def negation(self, parts: list[Node]) -> Node:
        return Negation(parts[0])

    def asked(self, parts: list[Node]) -> Node:
        return Asked(cast("Text", parts[0]), parts[1])

    def bare(self, parts: list[Node]) -> Node:
        return Asked(None, parts[0])

    def nested(self, parts: list[Node]) -> Node:
        return Nested(cast("Text", parts[0]), parts[1])

    def compared(self, parts: list[Node | Token]) -> Node:
        name, sign, bound = parts
        return Compared(cast("Text", name), str(sign), cast("Text", bound))

    def text(self, tokens: list[Token]) -> Node:
        """One quoted text, or words on one line, which are one text with the spaces between them."""
        first = tokens[0]
        at = first.start_pos or 0
        if first.type == "QUOTED":
            return Text((_whole(_quoted(str(first)), at),), at)
        pieces = [""]
        end, line = at, first.line
        for token in tokens:
            start = token.start_pos or 0
            if token.line != line:
                msg = (
                    "a line that begins with a value: 'and' or 'or' is missing, or the quotation marks around the text"
                )
                raise KqlError(msg, start)
            joined = _unquoted(str(token), start)
            pieces[-1] += " " * (start - end) + joined[0]
            pieces.extend(joined[1:])
            end = token.end_pos or start
        return Text(tuple(_whole(piece, at) for piece in pieces), at)


def _whole(text: str, at: int) -> str:
    """The text with pairs of escapes that write one character joined."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as exc:
        msg = "half a character: \\ud800 to \\udfff stand in pairs"
        raise KqlError(msg, at) from exc


def _quoted(token: str) -> str:
    """The text between quotation marks; a backslash that escapes nothing stands for itself."""

    def character(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        sign = found[2]
        return sign if sign in '\\"' else _WHITE.get(sign, f"\\{sign}")

    return _ESCAPE.sub(character, token[1:-1])


def _unquoted(word: str, at: int) -> Sequence[str]:
    """The pieces of a word between its wildcards."""
    pieces = [""]
    position = 0
    while position < len(word):
        sign = word[position]
        step = 1
        if sign == "*":
            pieces.append("")
        elif sign == "\\":
            text, step = _unescaped(word, position, at)
            pieces[-1] += text
        else:
            pieces[-1] += sign
        position += step
    return pieces


def _unescaped(word: str, position: int, at: int) -> tuple[str, int]:
    """What the escape at ``position`` stands for, and how many characters it takes."""
    found = _ESCAPE.match(word, position)
    if found is not None and found[1]:
        return chr(int(found[1], 16)), len(found[0])
    sign = word[position + 1]
    if sign in _WHITE and not _keyword(word, position + 1):
        return _WHITE[sign], 2
    if sign in SPECIAL:
        return sign, 2
    keyword = _keyword(word, position + 1)
    if keyword:
        return keyword, 1 + len(keyword)
    msg = "a backslash that escapes nothing: write \\\\ for a backslash, or put the text in quotation marks"
    raise KqlError(msg, at + position)


def _keyword(word: str, position: int) -> str:
    """The keyword that is all the rest of ``word``; "" when it is none."""
    rest = word[position:]
    return rest if rest.lower() in KEYWORDS else ""


def _unexpected(exc: UnexpectedInput, query: str) -> KqlError:
    if isinstance(exc, UnexpectedCharacters):
        at = cast("int", exc.pos_in_stream)
        if query[at] == '"':
            return KqlError("a quotation mark that is never closed", at)
        return KqlError("a backslash with nothing behind it: write \\\\ for a backslash", at)
    if isinstance(exc, UnexpectedToken) and exc.token.type != "$END":
        return KqlError(_misplaced(exc.token, exc.accepts or exc.expected), exc.token.start_pos or 0)
    return KqlError("the query breaks off here: something is missing behind it", max(0, len(query.rstrip()) - 1))


def _misplaced(token: Token, accepted: set[str]) -> str:
    """Why a token cannot stand where it stands, and what to write."""
    shown = str(token)[:40]
    if token.type in _STARTS and accepted & _JOINS:
        return f"'and' or 'or' is missing before {shown}"
    if token.type == "COLON":
        return (
            "a ':' that follows no field's name: 'and' or 'or' is missing before that name, "
            "or the quotation marks around a text that contains ':'"
        )
    if token.type in _JOINS or token.type == "_NOT":
        return f"{shown!r} needs a condition before and behind it; as a value put it in quotation marks"
    if token.type == "RPAR":
        return "this ')' closes nothing, or a value is missing before it"
    return f"{shown!r} cannot stand here: put a text that contains it in quotation marks"
