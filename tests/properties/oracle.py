"""A plain evaluator of predicates: slow, obvious, and written without a look at the compiler.

It says what the rule language means; :mod:`firstseen.matching` must agree with it on every event.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Vocabulary
from firstseen.sources.source import Derived, Source


def true_of(tree: Predicate, view: Mapping[str, Any], source: Source, vocabulary: Vocabulary = "raw") -> bool:
    """Whether the predicate holds for the event."""
    if isinstance(tree, And):
        return all(true_of(part, view, source, vocabulary) for part in tree.parts)
    if isinstance(tree, Or):
        return any(true_of(part, view, source, vocabulary) for part in tree.parts)
    if isinstance(tree, Not):
        return not true_of(tree.part, view, source, vocabulary)
    return _leaf(tree, view, source, vocabulary)


def _leaf(leaf: Leaf, view: Mapping[str, Any], source: Source, vocabulary: Vocabulary) -> bool:
    values = _everything(view) if leaf.field is None else _place(leaf.field, view, source, vocabulary)
    if leaf.op == "exists":
        return (len(values) > 0) is leaf.value
    texts = [_text(value) for value in _opened(values) if value is not None]
    if leaf.op == "null":
        return not texts
    if leaf.op == "present":
        return bool(texts)
    if leaf.part is not None:
        texts = [_part(text, leaf.part) for text in texts]
        texts = [text for text in texts if text]
    if leaf.op.startswith("same"):
        others = _place(str(leaf.value), view, source, vocabulary)
        wanted = [_text(value) for value in _opened(others) if value is not None]
    else:
        wanted = [_text(leaf.value)]
    return any(_answer(leaf, text, want) for text in texts for want in wanted)


def _answer(leaf: Leaf, text: str, want: str) -> bool:
    op = leaf.op
    if op == "regex":
        return re.search(want, text) is not None
    if op == "cidr":
        return _inside(text, want)
    if op in {"lt", "lte", "gt", "gte"}:
        return _ordered(op, text, float(want))
    if not leaf.cased:
        text, want = _small(text), _small(want)
    if op == "like":
        return _fits(text, want)
    if op in {"equals", "same_as"}:
        return text == want
    if op in {"startswith", "same_start"}:
        return text[: len(want)] == want
    if op in {"endswith", "same_end"}:
        return want == "" or text[-len(want) :] == want
    return text.find(want) >= 0


def _place(name: str, view: Mapping[str, Any], source: Source, vocabulary: Vocabulary) -> list[Any]:
    place = source.accessor(name, vocabulary=vocabulary)
    if isinstance(place, Derived):
        value = place.function(view)
        return [] if value is None else [value]
    return _below(view, list(place))


def _below(value: object, path: list[str]) -> list[Any]:
    if not path:
        return [value]
    if isinstance(value, list):
        return [found for one in value for found in _below(one, path)]
    if isinstance(value, Mapping) and path[0] in value:
        return _below(value[path[0]], path[1:])
    return []


def _opened(values: list[Any]) -> list[Any]:
    opened: list[Any] = []
    for value in values:
        opened.extend(_opened(value) if isinstance(value, list) else [value])
    return opened


def _everything(value: object) -> list[Any]:
    if isinstance(value, Mapping):
        return [found for one in value.values() for found in _everything(one)]
    if isinstance(value, list):
        return [found for one in value for found in _everything(one)]
    return [value]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _small(text: str) -> str:
    small = []
    for one in text:
        if len(one.casefold()) == 1:
            small.append(one.casefold())
        else:
            small.append(one.lower() if len(one.lower()) == 1 else one)
    return "".join(small)


def _fits(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return _fits(text, pattern[1:]) or (text != "" and _fits(text[1:], pattern))
    if pattern[0] == "?":
        return text != "" and _fits(text[1:], pattern[1:])
    literal, rest = pattern[0], pattern[1:]
    if literal == "\\" and rest[:1] in {"*", "?", "\\"} and rest:
        literal, rest = rest[0], rest[1:]
    return text[:1] == literal and _fits(text[1:], rest)


def _inside(text: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _ordered(op: str, text: str, bound: float) -> bool:
    if re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text) is None:
        return False
    number = float(text)
    return {"lt": number < bound, "lte": number <= bound, "gt": number > bound, "gte": number >= bound}[op]


def _part(text: str, part: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    if len(text) < len("2026-01-01T00:00:00"):
        return ""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return str(moment.isocalendar().week if part == "week" else getattr(moment, part))
