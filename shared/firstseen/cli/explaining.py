"""``match --explain``: each rule's predicate with each question's answer on an event, and the values that it saw."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import orjson

from firstseen.cli import console
from firstseen.cli.inputs import Advance, Input
from firstseen.cli.trees import explained_lines
from firstseen.errors import InputError, SettingsError
from firstseen.findings.safe import safe_text
from firstseen.findings.times import iso
from firstseen.language.pack import Pack
from firstseen.language.rules import Base
from firstseen.matching.explain import Explained, explain
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.source import Source
from firstseen.sources.splitting import split

MAX_SHOWN = 300


def bases_to_explain(pack: Pack, names: Sequence[str]) -> list[Base]:
    """The base rules that these name by their own id or title, or by the id, name or title of a rule over them.

    All listed ones when none is named. Raises SettingsError for a name that no rule has.
    """
    found: dict[str, None] = {}
    for name in names:
        own = [base.id for base in pack.bases if name in (base.id, base.title)]
        over = [
            member.base_id
            for one in pack.correlations
            if name in (one.card.id, one.card.name, one.card.title)
            for member in one.members
        ]
        if not own and not over:
            known = {word for one in pack.correlations for word in (one.card.name, one.card.title) if word}
            near = get_close_matches(name, known | {base.title for base in pack.bases}, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"--only {name!r}: no rule has this id, name or title (base rules go by id or title){hint}"
            raise SettingsError(msg)
        found.update(dict.fromkeys([*own, *over]))
    return [base for base in pack.bases if (base.id in found if names else base.listed)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be explained: without ``rules`` what matches, with them every event of a source that they read.

    ``form`` is ``text`` or ``jsonl``.
    """

    pack: Pack
    rules: tuple[str, ...]
    form: str


def write_explained(
    asked: Asked, inputs: list[Input], advance: Advance, *, received_us: int, source: Source | None
) -> bool:
    """Writes what each rule saw in each event; whether some input was rejected."""
    bases = bases_to_explain(asked.pack, asked.rules)
    rejected = False
    for one in inputs:
        for place, item in _events(one, advance, received_us, source):
            if isinstance(item, Reject):
                rejected = True
                console.say_reject(one.name, item)
                continue
            for base in bases:
                if item.source.name in base.sources:
                    answer = explain(base, item.source, item.view)
                    if asked.rules or answer.holds is not False:
                        _write(base, item, f"{one.name}:{place}", answer, asked.form)
    return rejected


def _events(
    one: Input, advance: Advance, received_us: int, source: Source | None
) -> Iterator[tuple[int, Event | Reject]]:
    try:
        for document in split(one.chunks(advance)):
            if isinstance(document, Reject):
                yield document.place, document
                continue
            place, raw = document
            for item in read_document(place, raw, received_us=received_us, source=source):
                yield place, item
    except InputError as exc:
        yield 0, Reject(str(exc), b"")


def _write(base: Base, event: Event, where: str, answer: Explained, form: str) -> None:
    if form == "jsonl":
        row = {
            "rule_id": base.id, "event_id": event.id, "source": event.source.name, "input": where.rpartition(":")[0],
            "line": int(where.rpartition(":")[2]), "matches": answer.holds, "explained": _data(answer),
        }  # fmt: skip
        sys.stdout.buffer.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        return
    verdict = {True: "matches", False: "does not match", None: "could not be decided"}[answer.holds]
    head = (iso(event.time_us), base.title, verdict, where)
    lines = ["  ".join(safe_text(text, MAX_SHOWN) for text in head), *explained_lines(answer, "    ")]
    sys.stdout.buffer.write(("\n".join(lines) + "\n").encode())


def _data(node: Explained) -> dict[str, object]:
    """The node as JSON data."""
    if node.leaf is None:
        return {"kind": node.kind, "holds": node.holds, "parts": [_data(part) for part in node.parts]}
    data: dict[str, object] = {
        "kind": "leaf", "holds": node.holds, "field": node.leaf.field, "op": node.leaf.op, "value": node.leaf.value,
        "values": list(node.values), "more": node.more,
    }  # fmt: skip
    return {**data, "error": node.error} if node.error else data
