"""Coverage as a layer of the ATT&CK Navigator: JSON in version 4.5 of its format, to be opened there."""

from __future__ import annotations

import json
from collections.abc import Mapping

from firstseen.cli.covering import Coverage, Covered
from firstseen.cli.detections import Detection, cloud_label
from firstseen.findings.safe import safe_text
from firstseen.language.attack_table import VERSION

LAYER_VERSION = "4.5"
NAVIGATOR_VERSION = "5.2.0"
"""The release whose layers these are; the format asks for 4.9.0 or later."""

MAX_COMMENT = 20_000
_COLOURS = ("#deebf7", "#08519c")


def layer(found: Coverage, name: str) -> str:
    """The layer: a technique's score is the number of its rules, its comment says which.

    Techniques of the table of named detections that no rule's tag names are there with what sees their rows, and with
    score 0 where nothing does.
    """
    techniques = {one.technique.uid: _technique(one) for one in found.techniques}
    for one, rows in found.named:
        seen = {rule.rule.card.id: rule for _, cells in rows for cell in cells.values() for rule in cell.rules}
        if one.uid not in techniques:
            techniques[one.uid] = _entry(one.uid, {cloud: _on(seen, cloud) for cloud in found.clouds})
    for parent in sorted({uid.partition(".")[0] for uid in techniques if "." in uid}):
        entry = techniques.setdefault(parent, {"techniqueID": parent, "enabled": True})
        entry["showSubtechniques"] = True
    highest = max([2, *(one.number for one in found.techniques)])
    body = {
        "name": name,
        "versions": {"attack": str(VERSION), "navigator": NAVIGATOR_VERSION, "layer": LAYER_VERSION},
        "domain": "enterprise-attack",
        "description": "Detections of firstseen: a technique's score is the number of rules that see it.",
        "sorting": 3,
        "layout": {"layout": "side", "showID": True, "showName": True, "expandedSubtechniques": "annotated"},
        "hideDisabled": False,
        "techniques": [techniques[uid] for uid in sorted(techniques)],
        "gradient": {"colors": list(_COLOURS), "minValue": 0, "maxValue": highest},
        "legendItems": [
            {"label": "one rule or few", "color": _COLOURS[0]},
            {"label": f"{highest} rules", "color": _COLOURS[1]},
        ],
        "metadata": [{"name": "clouds", "value": ", ".join(map(cloud_label, found.clouds)) or "none"}],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _technique(one: Covered) -> dict[str, object]:
    return _entry(one.technique.uid, one.rules)


def _entry(uid: str, rules: Mapping[str, tuple[Detection, ...]]) -> dict[str, object]:
    lines = [
        f"{cloud_label(cloud)}: " + "; ".join(_title(one) for one in found) for cloud, found in rules.items() if found
    ]
    number = len({one.rule.card.id for found in rules.values() for one in found})
    counts = [{"name": cloud_label(cloud), "value": str(len(found))} for cloud, found in rules.items()]
    return {
        "techniqueID": uid,
        "score": number,
        "comment": safe_text("  ".join(lines), MAX_COMMENT),
        "enabled": True,
        "metadata": counts,
    }


def _on(seen: Mapping[str, Detection], cloud: str) -> tuple[Detection, ...]:
    return tuple(one for one in seen.values() if cloud in one.clouds)


def _title(one: Detection) -> str:
    return one.rule.card.title + ("" if one.rule.enabled else " (off)")
