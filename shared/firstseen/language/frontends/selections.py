"""Sigma's ``detection`` mapping: named selections and a condition, as one predicate.

The walk over lists and mappings is ours, so that each fault has its place; what a modifier does to a value
is pySigma's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import re2
from sigma.conditions import ConditionAND
from sigma.exceptions import SigmaError, SigmaRegularExpressionError
from sigma.modifiers import (
    SigmaBase64Modifier,
    SigmaBase64OffsetModifier,
    SigmaExpandModifier,
    SigmaUTF16BEModifier,
    SigmaUTF16Modifier,
    SigmaWideModifier,
    modifier_mapping,
)
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine, RegexPattern
from sigma.rule import SigmaDetectionItem

from firstseen.errors import RuleError
from firstseen.language.frontends.conditions import condition_predicate
from firstseen.language.frontends.documents import Document, Path
from firstseen.language.frontends.faults import RuleFaults
from firstseen.language.frontends.placeholders import Placeholders
from firstseen.language.frontends.values import Reader, regex_message
from firstseen.language.predicates import ALWAYS, Leaf, Not, Predicate, conjunction, disjunction

NOT_SELECTIONS = frozenset({"condition", "rules"})

_ENCODERS = {
    SigmaBase64Modifier,
    SigmaBase64OffsetModifier,
    SigmaWideModifier,
    SigmaUTF16Modifier,
    SigmaUTF16BEModifier,
}
_WITH_NETWORKS = {"cidr", "expand", "all", "neq"}


class _QuietRE2(RegexEngine):
    """RE2 as pySigma wants it, without its own log on standard error."""

    def compile(self, pattern: str, flags: int = 0) -> RegexPattern:
        """Try ``pattern``; pySigma states flags only for its own checks, and adds them after compiling."""
        del flags
        options = re2.Options()
        options.log_errors = False
        compiled: RegexPattern = re2.compile(pattern, options)
        return compiled

    @property
    def error(self) -> type[Exception]:
        """What :meth:`compile` raises."""
        error: type[Exception] = re2.error
        return error


_POLICY = SigmaPolicy(regex_engine=_QuietRE2())


@dataclass(frozen=True, slots=True)
class Selections:
    """Reads one ``detection`` (or ``filter``) mapping of a document.

    Attributes:
        document: the document.
        key: ``detection`` or ``filter``.
        placeholders: what fills ``%name%``.
        compiles: whether regular expressions are tried (:class:`Reader`).
        faults: what is wrong, as it is found.
    """

    document: Document
    key: str
    placeholders: Placeholders
    compiles: bool = True
    faults: list[RuleError] = field(default_factory=list)

    def predicate(self) -> Predicate:
        """What the mapping asks of an event. Raises RuleFaults: all that is wrong, with its place."""
        body = self.document.data.get(self.key)
        if not isinstance(body, dict):
            msg = f"a rule needs a {self.key}: a mapping with selections and a condition"
            raise self.document.fault(msg, self.key)
        selections = {
            name: self._definition(definition, (self.key, name))
            for name, definition in body.items()
            if name not in NOT_SELECTIONS
        }
        found = self._condition(body, selections)
        if self.faults:
            raise RuleFaults(self.faults)
        return found

    def _condition(self, body: Mapping[str, Any], selections: Mapping[str, Predicate]) -> Predicate:
        if not selections:
            return self._fault(f"the {self.key} has no selection", (self.key,))
        if "condition" not in body:
            mend = f"add 'condition: {next(iter(selections))}'"
            return self._fault(f"the {self.key} has no condition: {mend}", (self.key,))
        try:
            return condition_predicate(body["condition"], selections)
        except RuleError as fault:
            return self._fault(fault.message, (self.key, "condition"))

    def _fault(self, message: str, path: Path) -> Predicate:
        """Notes a fault; the predicate in its place is never used."""
        self.faults.append(self.document.fault(message, *path))
        return ALWAYS

    def _definition(self, definition: object, path: Path) -> Predicate:
        if isinstance(definition, dict | list) and not definition:
            return self._fault("the selection is empty", path)
        if isinstance(definition, dict):
            return conjunction(*(self._item(key, value, (*path, key)) for key, value in definition.items()))
        if isinstance(definition, list) and any(isinstance(part, dict | list) for part in definition):
            return disjunction(*(self._definition(part, (*path, n)) for n, part in enumerate(definition)))
        return self._item(None, definition, path)

    def _item(self, key: str | None, value: object, path: Path) -> Predicate:
        values = value if isinstance(value, list) else [value]
        for n, one in enumerate(values):
            if isinstance(one, dict | list):
                place = (*path, n) if isinstance(value, list) else path
                msg = "a field's value is text, a number, a boolean, null, or a list of these"
                return self._fault(msg, place)
        try:
            plain = _plain_key(key)
        except RuleError as fault:
            return self._fault(fault.message, path)
        try:
            return self._linked(self._parsed(plain, values), networks=plain != key)
        except RuleError as fault:
            position = self._position(plain, values, networks=plain != key) if isinstance(value, list) else None
            found = self.document.wrong(fault.message, *path, *(() if position is None else (position,)))
            self.faults.append(found)
            return ALWAYS

    def _position(self, key: str | None, values: list[Any], *, networks: bool) -> int | None:
        """Which of several values is at fault by itself."""
        for position, one in enumerate(values):
            try:
                self._linked(self._parsed(key, [one]), networks=networks)
            except RuleError:
                return position
        return None

    def _parsed(self, key: str | None, values: list[Any]) -> SigmaDetectionItem:
        names = key.split("|")[1:] if key is not None else []
        if "re" in names and not all(isinstance(value, str) for value in values):
            msg = "a regular expression is text: put it in quotes"
            raise RuleError(msg)
        try:
            item = SigmaDetectionItem.from_mapping(key, values, policy=_POLICY)
        except SigmaRegularExpressionError as exc:
            expression = next((value for value in values if _refused(value)), "")
            raise RuleError(regex_message(expression, str(exc.__cause__ or exc))) from exc
        except SigmaError as exc:
            raise RuleError(_reason(exc, names)) from exc
        except Exception as exc:  # pySigma raises TypeError, … on values it does not foresee; reported with their place
            msg = f"pySigma cannot read this ({type(exc).__name__}: {str(exc)[:200]})"
            raise RuleError(msg) from exc
        return item

    def _linked(self, item: SigmaDetectionItem, *, networks: bool = False) -> Predicate:
        reader = Reader(item, self.placeholders, self.compiles, networks)
        parts = [reader.predicate(value) for value in item.value]
        if parts:
            joined = conjunction(*parts) if item.value_linking is ConditionAND else disjunction(*parts)
        elif item.field is not None:
            joined = Leaf(item.field, "null")
        else:
            msg = "the list of keywords is empty"
            raise RuleError(msg)
        return Not(joined) if item.negated else joined


def _plain_key(key: str | None) -> str | None:
    """The key, once its modifiers are looked at; ``field|cidr|expand`` without ``cidr``.

    pySigma would read the placeholder as a network. Raises RuleError.
    """
    name, *modifiers = (key or "").split("|")
    _check_modifiers(modifiers)
    if not {"cidr", "expand"} <= set(modifiers):
        return key
    others = set(modifiers) - _WITH_NETWORKS
    if others:
        raise RuleError(f"|cidr|expand cannot be joined with |{min(others)}")
    return "|".join([name, *(one for one in modifiers if one != "cidr")])


def _refused(value: object) -> bool:
    try:
        _POLICY.regex_engine.compile(str(value))
    except _POLICY.regex_engine.error:
        return True
    return False


def _check_modifiers(names: list[str]) -> None:
    for name in names:
        if name not in modifier_mapping:
            near = get_close_matches(name, modifier_mapping, n=1)
            there_are = f"there are: {', '.join(sorted(modifier_mapping))}"
            mend = f"did you mean |{near[0]}?" if near else there_are
            msg = f"the modifier |{name} is unknown; {mend}"
            raise RuleError(msg)
    kinds = {modifier_mapping[name] for name in names}
    if SigmaExpandModifier in kinds and not _ENCODERS.isdisjoint(kinds):
        msg = "|expand cannot be joined with an encoding: list the encoded values"
        raise RuleError(msg)


def _reason(exc: SigmaError, names: list[str]) -> str:
    reason = str(exc).splitlines()[0]
    if "incompatible to value type" in reason:
        reason += "; text is put in quotes, numbers and booleans are not"
    return f"{'|' + '|'.join(names) + ': ' if names else ''}{reason}"
