"""Values that may satisfy what is asked of one place: proposals, to be confirmed by the matcher."""

from __future__ import annotations

import calendar
import ipaddress
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, permutations, product

from firstseen.language.examples.expressions import fitting
from firstseen.language.examples.literals import Literal
from firstseen.language.predicates import Leaf
from firstseen.sources.times import parse_time

MAX_TEXTS = 6
"""For one question."""
MAX_JOINED = 3
"""Questions about one place whose texts are put together in every order; more are taken as they come."""
MAX_PROPOSALS = 400
MAX_DIGITS = 9
"""Longer digits are account and request ids, which logs write as text."""
MAX_WHOLE = 1 << 63
MAX_LEAVES = 20
"""Alternatives of one literal that are looked at."""

_FILLERS = ("", "example", "x", "1")
_ORDER = {"startswith": 0, "endswith": 2}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def texts(leaf: Leaf, usual: Sequence[str]) -> list[object]:
    """Values for which the question is answered yes, the plainest first; ``usual`` are texts found there now."""
    value = leaf.value
    match leaf.op:
        case "equals":
            return _equal(value)
        case "contains" | "startswith" | "endswith":
            return [str(value), *_grown(leaf, usual)]
        case "like":
            return list(dict.fromkeys(_filled(str(value), filler) for filler in _FILLERS))
        case "regex":
            return list(islice(fitting(str(value)), 2 * MAX_TEXTS))
        case "cidr":
            return list(_addresses(str(value)))
        case "lt" | "lte" | "gt" | "gte" if isinstance(value, int | float):
            return _numbers(value)
        case "exists" | "present":
            return [*usual[:1], "example", "1"]
        case _:
            return []


def _equal(value: str | float | bool | None) -> list[object]:  # noqa: FBT001 - a rule's value
    """The value itself, then as another type of the same text; whole numbers that JSON readers lack as text only."""
    if isinstance(value, str):
        return [value, *_typed(value)]
    if isinstance(value, int) and abs(value) >= MAX_WHOLE:
        return [str(value)]
    return [value]


def _typed(value: str) -> list[object]:
    """Text that reads as a number or a boolean, as that."""
    if value.lower() in ("true", "false"):
        return [value.lower() == "true"]
    if value.isascii() and value.isdecimal() and len(value) <= MAX_DIGITS and str(int(value)) == value:
        return [int(value)]
    return []


def _grown(leaf: Leaf, usual: Sequence[str]) -> list[str]:
    """The part in the middle of, before or after a usual value."""
    text = str(leaf.value)
    around = (*usual[:1], "example")
    match leaf.op:
        case "startswith":
            return [text + one for one in around]
        case "endswith":
            return [one + text for one in around]
        case _:
            return [one + text + one for one in around]


def _filled(pattern: str, filler: str) -> str:
    """The pattern with its wildcards filled and its escapes taken away."""
    made: list[str] = []
    characters = iter(pattern)
    for one in characters:
        if one == "*":
            made.append(filler)
        elif one == "?":
            made.append(filler[:1] or "a")
        elif one == "\\":
            after = next(characters, "")
            made.append(after if after in ("*", "?", "\\") else "\\" + after)
        else:
            made.append(one)
    return "".join(made)


def _addresses(network: str) -> Iterator[str]:
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        return
    for step in (1, 2, 10, 0, 99, found.num_addresses - 1):
        if step < found.num_addresses:
            yield str(found[step])


def _numbers(bound: float) -> list[object]:
    if abs(bound) >= MAX_WHOLE:
        return [str(bound)]
    whole = int(bound)
    return [whole, whole + 1, whole - 1, bound + 0.5, bound - 0.5, str(whole)]


def other_texts(leaves: Sequence[Leaf], usual: Sequence[str]) -> list[object]:
    """Values for which the questions are answered no: usual ones, changed ones, strangers."""
    made: list[object] = list(usual[:2])
    for leaf in leaves[:MAX_LEAVES]:
        for one in texts(leaf, usual)[:1]:
            text = str(one)
            made += [*_neighbour(leaf, text), f"other-{text}", f"{text}-other"]
    return [*made, "example", "192.0.2.1", "100000000", "", "other"]


def _neighbour(leaf: Leaf, text: str) -> list[object]:
    if leaf.op == "cidr":
        return ["192.0.2.77", "203.0.113.77", "2001:db8::77"]
    if leaf.op in ("lt", "lte", "gt", "gte") and isinstance(leaf.value, int | float):
        return [leaf.value - 1, leaf.value + 1, leaf.value]
    if isinstance(leaf.value, bool) or text.lower() in ("true", "false"):
        return [text.lower() != "true"]
    if text.isdecimal() and len(text) < 16:  # noqa: PLR2004 - longer ones are no numbers to count with
        return [str(int(text) + 1).zfill(len(text))]
    return []


def joined(literals: Sequence[Literal], usual: Sequence[str]) -> Iterator[object]:
    """Values for all of the literals about one place: each question's own, then texts put together."""
    wanted = [literal for literal in literals if literal.wanted]
    refused = [leaf for literal in literals if not literal.wanted for leaf in literal.leaves]
    yield from usual[:1]
    choices = [
        [text for leaf in literal.leaves[:MAX_LEAVES] for text in texts(leaf, usual)][: 2 * MAX_TEXTS]
        for literal in sorted(wanted, key=lambda one: _ORDER.get(one.leaves[0].op, 1))
    ]
    for some in choices:
        yield from some
    if len(choices) > 1:
        yield from islice(_together(choices), MAX_PROPOSALS)
    if refused:
        yield from other_texts(refused, usual)


def _together(choices: list[list[object]]) -> Iterator[str]:
    orders = permutations(choices) if len(choices) <= MAX_JOINED else [tuple(choices)]
    for order, between in product(orders, ("", "-", " ", "example", ",")):
        for parts in islice(product(*order), MAX_TEXTS):
            yield between.join(map(str, parts))


def listed(literals: Sequence[Literal], usual: Sequence[str]) -> Iterator[list[object]]:
    """One value for each literal, together in a list: where a field may have several."""
    choices = [texts(literal.leaves[0], usual) for literal in literals if literal.wanted]
    if len(choices) > 1 and all(choices):
        for shift in range(MAX_TEXTS):
            yield [some[min(shift, len(some) - 1)] for some in choices]


def times(literals: Sequence[Literal], usual: Sequence[str]) -> Iterator[str]:
    """Times near the usual one with every part that could be asked for."""
    start_us = next((us for text in usual if (us := parse_time(text)) is not None), None)
    if start_us is None:
        return
    start = _EPOCH + timedelta(microseconds=start_us)
    parts = [leaf for literal in literals for leaf in literal.leaves if leaf.part is not None]
    years = {int(leaf.value) + step for leaf in parts if isinstance(leaf.value, int | float) for step in (-1, 0, 1)}
    try:
        for moment in _moments(start, parts[0].part if parts else None, years):
            yield moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):  # beyond the years 1 to 9999
        return


def _moments(start: datetime, part: str | None, years: set[int]) -> Iterator[datetime]:
    """The start with every value of one part, the others kept as far as the calendar lets them."""
    match part:
        case "minute":
            yield from (start.replace(minute=one) for one in range(60))
        case "hour":
            yield from (start.replace(hour=one) for one in range(24))
        case "day":
            yield from (_dated(start, start.year, start.month, one) for one in range(1, 32))
        case "week":
            yield from (start + timedelta(days=one) for one in range(371))
        case "month":
            yield from (_dated(start, start.year, one, start.day) for one in range(1, 13))
        case "year":
            yield from (_dated(start, one, start.month, start.day) for one in sorted(years) if 1 <= one <= 9_999)  # noqa: PLR2004


def _dated(start: datetime, year: int, month: int, day: int) -> datetime:
    """That day, or the last of the month where it has fewer."""
    last = calendar.monthrange(year, month)[1]
    return start.replace(year=year, month=month, day=min(day, last))
