"""Texts that fit a regular expression: a proposal, to be confirmed by RE2.

The expression is read by a small parser of RE2's syntax. What it does not know (Unicode classes, word boundaries) is
guessed; a wrong guess is refused by whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from firstseen.language.predicates import MAX_DEPTH

MAX_VARIANTS = 12
MAX_TEXT = 4_096
MAX_REPEAT = 1_000
_CLASSES = {"d": "0123456789", "w": "abcdefghijklmnopqrstuvwxyz0123456789_", "s": " \t"}
_NEGATED = {"D": "d", "W": "w", "S": "s"}
_POSIX = {
    "alpha": "abcxyzABCXYZ", "digit": _CLASSES["d"], "alnum": "abcxyz0123456789", "upper": "ABCXYZ", "lower": "abcxyz",
    "space": " \t", "punct": "-._:/", "xdigit": "0123456789abcdef", "word": _CLASSES["w"],
}  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_USUAL = "abcxyz0123456789-_./: ABCXYZ@,=*+!#"
_EMPTY = "bBAzZECG"  # escapes that match no character

_Make = Callable[[int], str]
"""From the number of a variant to a text."""


def fitting(pattern: str) -> Iterator[str]:
    """Texts that may fit ``pattern``, plainest first, each once."""
    try:
        make = _Parser(pattern).alternatives(0)
        made = [make(variant)[:MAX_TEXT] for variant in range(MAX_VARIANTS)]
    except (_NotReadError, RecursionError):
        return
    yield from dict.fromkeys(made)


class _NotReadError(Exception):
    """The expression uses what the parser does not know, or is nested too deep."""


@dataclass(slots=True)
class _Parser:
    text: str
    at: int = 0

    def alternatives(self, depth: int) -> _Make:
        """``a|b|c`` up to the end or a closing parenthesis."""
        if depth > MAX_DEPTH:
            raise _NotReadError
        choices = [self.sequence(depth)]
        while self.peek() == "|":
            self.at += 1
            choices.append(self.sequence(depth))
        return lambda variant: choices[variant % len(choices)](variant // len(choices) if len(choices) > 1 else variant)

    def sequence(self, depth: int) -> _Make:
        parts: list[_Make] = []
        while (one := self.peek()) and one not in "|)":
            parts.append(self.repeated(self.atom(depth)))
        return lambda variant: "".join(part(variant) for part in parts)

    def repeated(self, part: _Make) -> _Make:
        """The atom with its quantifier: as few as it may be, in later variants one more."""
        one = self.peek()
        least, most = {"*": (0, MAX_REPEAT), "+": (1, MAX_REPEAT), "?": (0, 1)}.get(one, (1, 1))
        if one and one in "*+?":
            self.at += 1
        elif one == "{" and (found := self._counts()) is not None:
            least, most = found
        else:
            return part
        if self.peek() == "?":
            self.at += 1
        bounded = min(least, MAX_REPEAT)
        return lambda variant: part(variant) * min(bounded + (variant % 2 if variant else 0), max(most, bounded))

    def _counts(self) -> tuple[int, int] | None:
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at + 1 : end].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()):
            return None
        self.at = end + 1
        return int(low), int(high) if high else (MAX_REPEAT if comma else int(low))

    def atom(self, depth: int) -> _Make:
        one = self.take()
        if one == "(":
            return self.group(depth)
        if one == "[":
            return _one_of(self.members())
        if one == ".":
            return _one_of(_USUAL)
        if one in "^$":
            return _constant("")
        if one == "\\":
            return self.escape()
        return _constant(one)

    def group(self, depth: int) -> _Make:
        if self.text.startswith("?", self.at):
            end = min((i for i in map(lambda s: self.text.find(s, self.at), ":>)") if i >= 0), default=-1)  # noqa: C417
            if end < 0:
                raise _NotReadError
            flags = self.text[self.at : end + 1]
            self.at = end + 1
            if flags.endswith(")"):
                return _constant("")
        inner = self.alternatives(depth + 1)
        if self.take() != ")":
            raise _NotReadError
        return inner

    def escape(self) -> _Make:
        one = self.take()
        if one == "Q":  # up to \E everything stands for itself
            text, _, _ = self.text[self.at :].partition("\\E")
            self.at += len(text)
            return _constant(text)
        if one in _EMPTY:
            return _constant("")
        if one in "pP":
            raise _NotReadError
        if one == "x":
            return _constant(self.hexadecimal())
        return _one_of(_class(one)) if one in _CLASSES or one in _NEGATED else _constant(_ESCAPES.get(one, one))

    def hexadecimal(self) -> str:
        if self.peek() == "{":
            end = self.text.find("}", self.at)
            digits, after = self.text[self.at + 1 : end], end + 1
        else:
            digits, after = self.text[self.at : self.at + 2], self.at + 2
        self.at = after
        try:
            return chr(int(digits, 16))
        except (ValueError, OverflowError) as exc:
            raise _NotReadError from exc

    def members(self) -> str:
        """The characters of a class in brackets, as far as they are usual ones."""
        negated = self.peek() == "^"
        self.at += negated
        found: list[str] = []
        first = True
        while (one := self.take()) != "]" or first:
            first = False
            if one == "[" and self.text.startswith(":", self.at):
                end = self.text.find(":]", self.at)
                found.extend(_POSIX.get(self.text[self.at + 1 : end], ""))
                self.at = end + 2
                continue
            if one == "\\":
                one = self.take()
                if one in _CLASSES or one in _NEGATED:
                    found.extend(_class(one))
                    continue
                one = self.hexadecimal() if one == "x" else _ESCAPES.get(one, one)
            if self.text.startswith("-", self.at) and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                last = self.take()
                found.extend(chr(code) for code in range(ord(one), min(ord(last), ord(one) + 255) + 1))
            else:
                found.append(one)
        if negated:
            return "".join(usual for usual in _USUAL if usual not in found)
        return "".join(found)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        if self.at >= len(self.text):
            raise _NotReadError
        self.at += 1
        return self.text[self.at - 1]


def _class(letter: str) -> str:
    if letter in _CLASSES:
        return _CLASSES[letter]
    return "".join(usual for usual in _USUAL if usual not in _CLASSES[_NEGATED[letter]])


def _constant(text: str) -> _Make:
    return lambda _variant: text


def _one_of(characters: str) -> _Make:
    if not characters:
        raise _NotReadError
    return lambda variant: characters[variant % len(characters)]
