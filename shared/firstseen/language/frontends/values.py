"""One pySigma value of one field, as a predicate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network

import re2
from sigma.modifiers import SigmaCaseSensitiveModifier, SigmaEndswithModifier, SigmaStartswithModifier
from sigma.rule import SigmaDetectionItem
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from firstseen.errors import RuleError
from firstseen.language.frontends.in_accounts import any_account
from firstseen.language.frontends.placeholders import Placeholders, expanded, inside_accounts, sole_name
from firstseen.language.predicates import ALWAYS, Leaf, Op, Or, Predicate, disjunction

MAX_REGEX_CHARACTERS = 10_000

_COMPARE: dict[str, Op] = {"LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte"}
_ANCHORING = frozenset({SigmaStartswithModifier, SigmaEndswithModifier})
_FLAGS = {"IGNORECASE": "i", "MULTILINE": "m", "DOTALL": "s"}
_ANY = SpecialChars.WILDCARD_MULTI
_LACKS = (
    ("(?=", "look-ahead"),
    ("(?!", "negative look-ahead"),
    ("(?<=", "look-behind"),
    ("(?<!", "negative look-behind"),
    ("(?>", "atomic groups"),
    ("(?(", "conditional groups"),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns the values of one detection item into a predicate.

    Attributes:
        item: pySigma's item, its modifiers applied.
        placeholders: what fills ``%name%``.
        compiles: whether regular expressions and networks are tried (not for fingerprints, whose placeholders are
            unfilled).
        networks: texts are networks: ``|cidr`` over placeholders.
    """

    item: SigmaDetectionItem
    placeholders: Placeholders
    compiles: bool = True
    networks: bool = False

    def predicate(self, value: SigmaType) -> Predicate:
        """What ``value`` asks of the item's field. Raises RuleError, without a place, if nothing."""
        match value:
            case SigmaExpansion():
                return Or(tuple(self.predicate(one) for one in value.values))
            case SigmaString():
                return self._listed(value, self._network if self.networks else self._text)
            case SigmaRegularExpression():
                return self._filled(value.regexp, lambda one: self._regex(str(one), value))
            case SigmaBool():
                return self._scalar(value.boolean)
            case SigmaTimestampPart():
                return self._bound("equals", value.number, value.timestamp_part.name.lower())
            case SigmaNumber():
                return self._scalar(value.number)
            case _:
                return self._of_a_field(value)

    def _listed(self, value: SigmaString, made: Callable[[SigmaString], Predicate]) -> Predicate:
        """As :meth:`_filled`; a placeholder that is the whole value is filled once for all rules that ask the same."""
        name = sole_name(value)
        if name is None:
            return self._filled(value, made)
        asked = (self.item.field, type(value), tuple(self.item.modifiers), self.networks, self.compiles)
        return self.placeholders.kept(name, asked, lambda: self._filled(value, made))

    def _filled(self, value: SigmaString, made: Callable[[SigmaString], Predicate]) -> Predicate:
        """The value with its placeholders filled: everywhere, or in the accounts where more is listed."""
        everywhere = [made(one) for one in expanded(value, self.placeholders)]
        inside = [
            (ids, disjunction(*(made(one) for one in texts)))
            for ids, texts in inside_accounts(value, self.placeholders)
        ]
        return disjunction(*everywhere, *any_account(inside))

    def _of_a_field(self, value: SigmaType) -> Predicate:
        match value:
            case SigmaNull():
                return self._bound("null")
            case SigmaExists():
                return self._bound("exists", value.exists)
            case SigmaCIDRExpression():
                return self._bound("cidr", str(value.network))
            case SigmaCompareExpression() if value.op.name in _COMPARE:
                number = value.number
                part = number.timestamp_part.name.lower() if isinstance(number, SigmaTimestampPart) else None
                return self._bound(_COMPARE[value.op.name], number.number, part)
            case SigmaFieldReference():
                return self._reference(value)
        msg = f"a value of the kind {type(value).__name__} is not supported"
        raise RuleError(msg)

    def _bound(self, op: Op, value: str | float | bool | None = None, part: str | None = None) -> Leaf:  # noqa: FBT001 - a rule's value
        if self.item.field is None:
            msg = "a keyword, without a field, is text, a number or a regular expression: name the field"
            raise RuleError(msg)
        return Leaf(self.item.field, op, value, part=part)

    def _scalar(self, value: float | bool) -> Predicate:  # noqa: FBT001 - a rule's value
        """A number or boolean: equal to its text form; as a keyword, found in any value."""
        if self.item.field is None:
            return Leaf(None, "contains", _plain(value))
        return Leaf(self.item.field, "equals", value)

    def _reference(self, value: SigmaFieldReference) -> Leaf:
        ops: dict[tuple[bool, bool], Op] = {
            (False, False): "same_as",
            (True, False): "same_start",
            (False, True): "same_end",
            (True, True): "same_part",
        }
        found = self._bound(ops[value.starts_with, value.ends_with], value.field)
        return Leaf(found.field, found.op, found.value, cased=SigmaCaseSensitiveModifier in self.item.modifiers)

    def _text(self, value: SigmaString) -> Predicate:
        parts: list[object] = list(value.s)
        if self.item.field is None and _ANCHORING.isdisjoint(self.item.modifiers):
            parts = [_ANY, *parts, _ANY]
        return _wildcards(self.item.field, parts, cased=isinstance(value, SigmaCasedString))

    def _network(self, value: SigmaString) -> Leaf:
        text = str(value)
        try:
            return self._bound("cidr", str(ip_network(text)) if self.compiles else text)
        except ValueError as exc:
            mend = "write it as 10.0.0.0/8, without wildcards" if "host bits" not in str(exc) else "clear its host bits"
            raise RuleError(f"{text[:60]!r} is no network: {mend}") from exc

    def _regex(self, text: str, value: SigmaRegularExpression) -> Leaf:
        flags = "".join(sorted(_FLAGS[flag.name] for flag in value.flags))
        expression = f"(?{flags}){text}" if flags else text
        if self.compiles:
            check_regex(expression)
        return Leaf(self.item.field, "regex", expression, cased=True)


def check_regex(expression: str) -> None:
    """Raises RuleError, without a place but with the mend, when RE2 cannot compile ``expression``."""
    if len(expression) > MAX_REGEX_CHARACTERS:
        msg = f"a regular expression is at most {MAX_REGEX_CHARACTERS:,} characters long: list alternatives"
        raise RuleError(msg)
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(expression, options)
    except re2.error as exc:
        raise RuleError(regex_message(expression, str(exc))) from exc


def regex_message(expression: str, reason: str) -> str:
    """Why RE2 refuses ``expression``: what it lacks and how to do without, or its own words."""
    reason = reason.strip("b'\"")
    for sign, name in _LACKS:
        if sign in expression:
            mend = "say it with a second selection and 'not', or another modifier"
            return f"regular expressions run in linear time (RE2), which has no {name} {sign!r}: {mend}"
    if "invalid escape" in reason and any(f"\\{digit}" in expression for digit in range(1, 10)):
        return (
            "regular expressions run in linear time (RE2), which has no back-references: compare fields with |fieldref"
        )
    return f"RE2 does not take this regular expression: {reason}"


def _wildcards(field: str | None, parts: list[object], *, cased: bool) -> Predicate:
    """The plainest question that asks the same as a text with wildcards."""
    lean: list[object] = []
    for part in parts:
        if part == "" or (part is _ANY and lean and lean[-1] is _ANY):
            continue
        lean.append(part)
    shape = tuple("text" if isinstance(part, str) else ("*" if part is _ANY else "?") for part in lean)
    texts = [part for part in lean if isinstance(part, str)]
    match shape:
        case ():
            return Leaf(field, "equals", "", cased)
        case ("*",):
            return ALWAYS if field is None else Leaf(field, "present")
        case ("text",):
            return Leaf(field, "equals", texts[0], cased)
        case ("*", "text", "*"):
            return Leaf(field, "contains", texts[0], cased)
        case ("text", "*"):
            return Leaf(field, "startswith", texts[0], cased)
        case ("*", "text"):
            return Leaf(field, "endswith", texts[0], cased)
    pattern = "".join(_escaped(part) if isinstance(part, str) else sign for part, sign in zip(lean, shape, strict=True))
    return Leaf(field, "like", pattern, cased)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _plain(value: float | bool) -> str:  # noqa: FBT001 - a rule's value
    return str(value).lower() if isinstance(value, bool) else str(value)
