"""What an Elastic rule says to people and to routing: its card, and how its findings are suppressed."""

from __future__ import annotations

import re
from typing import Any, cast

from firstseen.language.frontends.cards import RISK_OF_LEVEL, document_hash
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.elastic_guides import Guide, read_guide
from firstseen.language.frontends.elastic_times import UNITS_US, duration_us
from firstseen.language.frontends.sections import Section
from firstseen.language.rules import Card, Level, Suppression

LEVELS = ("low", "medium", "high", "critical")
DEFAULT_INTERVAL_US = 5 * UNITS_US["m"]
MAX_SUPPRESSION_FIELDS = 8

_STATUS = {"development": "experimental", "deprecated": "deprecated"}
_TECHNIQUE = re.compile(r"T[0-9]{4}(\.[0-9]{3})?")
_MISSING = {"suppress": "group", "doNotSuppress": "separate"}


def rule_section(document: Document) -> Section:
    """The ``[rule]`` table; its keys have been looked at."""
    return Section(document, ("rule",), list(document.data["rule"]))


def card_of(document: Document) -> Card:
    """The card. Raises RuleError with its place."""
    rule = rule_section(document)
    for key in ("rule_id", "name"):
        rule.need(key)
    level = cast("Level", rule.choice("severity", LEVELS) or "medium")
    risk = rule.integer("risk_score", 0, 100)
    guide = read_guide(_optional(rule, "note"))
    return Card(
        id=(rule.text("rule_id") or "").strip(),
        title=(rule.text("name") or "").strip(),
        level=level,
        risk_score=RISK_OF_LEVEL[level] if risk is None else risk,
        status=_status(document, rule),
        description=_optional(rule, "description").strip(),
        author=", ".join(_list(rule, "author")),
        references=_list(rule, "references"),
        false_positives=_false_positives(rule, guide),
        tags=tuple(dict.fromkeys((*_list(rule, "tags"), *_attack_tags(document)))),
        triage=guide.triage,
        response=guide.response,
        hash=document_hash([document]),
    )


def _optional(rule: Section, key: str) -> str:
    """A text that may be missing or empty."""
    return "" if rule.body.get(key) == "" else rule.text(key) or ""


def _list(rule: Section, key: str) -> tuple[str, ...]:
    """Texts that may be missing or none."""
    return rule.texts(key) if rule.body.get(key) else ()


def _false_positives(rule: Section, guide: Guide) -> tuple[str, ...]:
    written = (" ".join(text.split()) for text in _list(rule, "false_positives"))
    return (*written, *guide.false_positives)


def _status(document: Document, rule: Section) -> str:
    """``experimental`` for rules in development, and for building blocks, which Elastic keeps out of sight, too."""
    metadata = document.data.get("metadata")
    maturity = metadata.get("maturity") if isinstance(metadata, dict) else None
    if rule.text("building_block_type"):
        return "experimental"
    return _STATUS.get(maturity, "stable") if isinstance(maturity, str) else "stable"


def _attack_tags(document: Document) -> tuple[str, ...]:
    """``attack.`` tags of the threat mapping: tactics by name, and the narrowest techniques."""
    tags: list[str] = []
    for position, threat in enumerate(_tables(document, "rule", "threat")):
        if threat.get("framework", "MITRE ATT&CK") != "MITRE ATT&CK":
            continue
        path = ("rule", "threat", position)
        tactic = threat.get("tactic")
        name = tactic.get("name") if isinstance(tactic, dict) else None
        if isinstance(name, str) and name.strip():
            tags.append("attack." + name.strip().lower().replace(" ", "-"))
        for row, technique in enumerate(_tables(document, *path, "technique")):
            below = _tables(document, *path, "technique", row, "subtechnique")
            for one in below or [technique]:
                found = one.get("id")
                if not isinstance(found, str) or not _TECHNIQUE.fullmatch(found):
                    msg = f"{str(found)[:40]!r} is no ATT&CK technique: an id is T1552 or T1552.005"
                    raise document.fault(msg, *path, "technique", row)
                tags.append("attack." + found.lower())
    return tuple(tags)


def _tables(document: Document, *path: str | int) -> list[dict[str, Any]]:
    """A list of tables that may be missing."""
    found: Any = document.data
    for step in path:
        found = found[step] if isinstance(step, int) else found.get(step, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        msg = f"{path[-1]} is a list of tables: [[{'.'.join(str(one) for one in path if isinstance(one, str))}]]"
        raise document.fault(msg, *path)
    return found


def suppression_of(document: Document, groups: tuple[str, ...]) -> Suppression | None:
    """``alert_suppression``; ``groups`` are a threshold's fields, by which such a rule suppresses.

    A threshold without fields suppresses all of its findings together. Without a duration Elastic suppresses within
    one run of the rule: its interval serves. Raises RuleError with its place.
    """
    if document.data["rule"].get("alert_suppression") is None:
        return None
    keys = ("group_by", "duration", "missing_fields_strategy")
    section = Section(document, ("rule", "alert_suppression"), keys)
    if document.data["rule"]["type"] != "threshold":
        section.need("group_by")
    strategy = section.choice("missing_fields_strategy", tuple(_MISSING)) or "suppress"
    return Suppression(
        fields=section.texts("group_by", most=MAX_SUPPRESSION_FIELDS) if section.body.get("group_by") else groups,
        duration_us=_suppressed_us(document, section),
        missing=cast("Any", _MISSING[strategy]),
    )


def _suppressed_us(document: Document, section: Section) -> int:
    if section.body.get("duration") is None:
        return duration_us(str(document.data["rule"].get("interval", ""))) or DEFAULT_INTERVAL_US
    duration = Section(document, ("rule", "alert_suppression", "duration"), ("value", "unit"))
    duration.need("value")
    number = duration.integer("value", 1, 1_000_000) or 1
    unit = duration.choice("unit", ("s", "m", "h")) or "m"
    return number * UNITS_US[unit]
