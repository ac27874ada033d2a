"""``match --format jsonl``: one line a match, of which all but the event's id and its place is written beforehand."""

from __future__ import annotations

import os
from collections.abc import Sequence

import orjson

from firstseen.findings.safe import safe_json
from firstseen.matching.engine import Hit

MAX_TEMPLATES = 4_096
"""Combinations of rules whose beginnings of lines are kept; they are dropped together when there are more."""


class Templates:
    """The lines for matches in one input, of one source.

    ``rule_ids``: for each base rule of the pack its id; None: it is not listed.
    """

    def __init__(self, rule_ids: Sequence[str | None], source: str, name: str) -> None:
        self._rule_ids = rule_ids
        shown = os.fsencode(name).decode(errors="replace")  # a file's name need not be text
        self._middle = f'","source":{_json(source)},"input":{_json(shown)},"line":'
        self._heads = _Heads(rule_ids)

    def lines(self, hits: Sequence[Hit]) -> bytes:
        """A line for each event and each of its rules."""
        middle, heads = self._middle, self._heads
        written = [
            f"{head}{identity}{middle}{place}" for place, _, bases, identity in _escaped(hits) for head in heads[bases]
        ]
        return "}\n".join([*written, ""]).encode()


class _Heads(dict[tuple[int, ...], list[str]]):
    """For base rules that hold together: what comes before the event's id in the line of each that is listed."""

    def __init__(self, rule_ids: Sequence[str | None]) -> None:
        super().__init__()
        self._rule_ids = rule_ids

    def __missing__(self, bases: tuple[int, ...]) -> list[str]:
        if len(self) >= MAX_TEMPLATES:
            self.clear()
        listed = [rule_id for rule_id in map(self._rule_ids.__getitem__, bases) if rule_id is not None]
        heads = self[bases] = [f'{{"rule_id":{_json(rule_id)},"event_id":"' for rule_id in listed]
        return heads


def _escaped(hits: Sequence[Hit]) -> Sequence[Hit]:
    """The hits, their ids as they stand between quotes in JSON. Nearly always none needs anything.

    One look at all of them shows it: what needs an escape, or is no ASCII, becomes longer.
    """
    joined = "".join([identity for _, _, _, identity in hits])
    if len(orjson.dumps(joined)) == len(joined) + len('""') and "\x7f" not in joined:
        return hits
    return [(place, raw, bases, _json(identity)[1:-1]) for place, raw, bases, identity in hits]


def _json(text: str) -> str:
    return safe_json(orjson.dumps(text).decode())
