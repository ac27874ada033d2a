"""``baseline show``: what each rule, and each key, knows since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from firstseen.cli.tables import aligned
from firstseen.findings.learning import RULE, RuleRow
from firstseen.findings.rows import read_row
from firstseen.findings.safe import safe_text
from firstseen.findings.times import iso
from firstseen.store.state import KeyState
from firstseen.store.store import Store

MAX_SHOWN = 200

_Meaning = tuple[str, str]
"""Rule id and fingerprint."""


@dataclass(slots=True)
class _Keys:
    """What the keys of one rule in one meaning say."""

    number: int = 0
    since_us: int = 0
    last_us: int = 0

    def add(self, state: KeyState) -> None:
        """Count one."""
        self.number += 1
        since_us = first_seen(state)
        if since_us and (not self.since_us or since_us < self.since_us):
            self.since_us = since_us
        self.last_us = max(self.last_us, state.last_us)


def first_seen(state: KeyState) -> int:
    """The earliest time that the state still knows of; 0: none (a key that was forgotten)."""
    return min((one.start_us for one in state.episodes), default=0)


def holds(state: KeyState, text: str) -> bool:
    """Whether a group value or term of the key holds the text, whatever its case."""
    part = text.casefold()
    return any(part in value.casefold() for value in (*state.group, *state.terms))


def rule_lines(store: Store, rule_id: str | None, *, form: str, now_us: int) -> Iterator[str]:
    """One line a rule and meaning: how many keys, since when, how complete."""
    keys: dict[_Meaning, _Keys] = {}
    for _, stored in store.scan_states(rule_id=rule_id):
        state = stored.state
        if not state.rule_id.startswith("firstseen."):
            keys.setdefault((state.rule_id, state.fingerprint), _Keys()).add(state)
    rows = {
        (row.rule_id, row.fingerprint): row
        for record in store.scan_records(RULE)
        if (row := read_row(record, RuleRow)) is not None and rule_id in (None, row.rule_id)
    }
    meanings = sorted({*keys, *rows})
    several = Counter(one for one, _ in meanings)
    table = [_rule(one, keys.get(one) or _Keys(), rows.get(one), now_us) for one in meanings]
    if form == "jsonl":
        yield from (orjson.dumps(one).decode() for one in table)
    elif table:
        yield from aligned([tuple(table[0]), *(tuple(map(str, one.values())) for one in table)])
        if any(number > 1 for number in several.values()):
            yield "a rule that is named twice was changed: 'firstseen baseline forget --stale RULES' drops what is old"
    else:
        yield "nothing is known yet"


def _rule(meaning: _Meaning, keys: _Keys, row: RuleRow | None, now_us: int) -> dict[str, object]:
    return {
        "rule_id": meaning[0],
        "meaning": meaning[1][:12],
        "keys": keys.number,
        "known_since": iso(keys.since_us) if keys.since_us else "",
        "last_seen": iso(keys.last_us) if keys.last_us else "",
        "history": f"{iso(row.known_from_us)}/{iso(row.known_to_us)}" if row and row.known_to_us else "",
        "baseline": _baseline(row, now_us),
    }


def _baseline(row: RuleRow | None, now_us: int) -> str:
    """How complete, in a word or two."""
    if row is None:
        return "none"
    if now_us < row.building_until_us:
        return "being built"
    if row.baseline(now_us) == "learning":
        return f"learning until {iso(row.learning_until_us)}"
    return row.baseline(now_us)


def key_lines(store: Store, rule_id: str | None, text: str, *, form: str) -> Iterator[str]:
    """One line for each key that holds the text."""
    for key, stored in store.scan_states(rule_id=rule_id):
        state = stored.state
        if state.rule_id.startswith("firstseen.") or not holds(state, text):
            continue
        since_us = first_seen(state)
        said = {
            "rule_id": state.rule_id,
            "known_since": iso(since_us) if since_us else "",
            "last_seen": iso(state.last_us) if state.last_us else "",
            "episodes": state.generation,
            "key": key,
            "values": [*state.group, *state.terms],
        }
        if form == "jsonl":
            yield orjson.dumps(said).decode()
        else:
            values = ", ".join(safe_text(value, MAX_SHOWN) for value in (*state.group, *state.terms))
            yield f"{state.rule_id}  {said['known_since']:20}  {said['last_seen']:20}  {state.generation:4}  {values}"
