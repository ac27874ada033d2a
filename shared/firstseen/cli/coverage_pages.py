"""Coverage as text for a terminal, as Markdown, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from firstseen.cli.covering import Cell, Coverage
from firstseen.cli.detections import Detection, cloud_label
from firstseen.cli.markdown import code, link, plain, row
from firstseen.cli.tables import aligned
from firstseen.findings.attack import Technique
from firstseen.language.attack_table import VERSION

MISSING = "MISSING"
_WIDEST = 100
_LEGEND = (
    "*off* means that the rule is shipped switched off, *needs …* that it cannot fire before that value list is filled."
    " [detections.md](detections.md) has the rules themselves."
)


def table(found: Coverage) -> str:
    """Techniques and numbers of rules, then the rows of the table of named detections, then the gaps."""
    head = ("technique", *map(cloud_label, found.clouds))
    counts = [
        (str(one.technique), *(str(len(one.rules[cloud])) if one.rules[cloud] else "-" for cloud in found.clouds))
        for one in found.techniques
    ]
    parts = [aligned([head, *counts])]
    for technique, rows in found.named:
        lines = [
            (row.id, cloud, _cell_text(cells[cloud]))
            for row, cells in rows
            for cloud in found.clouds
        ]  # fmt: skip
        parts.append([f"{technique.uid} {technique.title}", *aligned(lines, most=_WIDEST)])
    if found.asked:
        asked = [(one.id, one.cloud, ", ".join(map(_name, rules)) or MISSING) for one, rules in found.asked]
        parts.append(["asked for by name", *aligned(asked, most=_WIDEST)])
    gaps = [f"{technique}: none on {_labels(clouds)}" for technique, clouds in found.gaps]
    parts.append(["gaps: techniques that rules see on one cloud and not on another", *gaps] if gaps else ["no gaps"])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _cell_text(cell: Cell) -> str:
    if cell.missing:
        return MISSING
    return ", ".join(map(_name, cell.rules)) or f"not observable: {cell.reason}"


def _name(one: Detection) -> str:
    return one.name + ("" if one.rule.enabled else " (off)")


def _labels(clouds: Sequence[str]) -> str:
    return ", ".join(map(cloud_label, clouds))


def as_json(found: Coverage) -> str:
    """The same as data."""
    body = {
        "attack_version": str(VERSION),
        "clouds": list(found.clouds),
        "techniques": [
            {
                "id": one.technique.uid,
                "name": one.technique.name,
                "rules": {cloud: [each.name for each in one.rules[cloud]] for cloud in found.clouds},
            }
            for one in found.techniques
        ],
        "named": [
            {
                "technique": technique.uid,
                "row": row.id,
                "title": row.title,
                "clouds": {cloud: _cell_data(cells[cloud]) for cloud in found.clouds},
            }
            for technique, rows in found.named
            for row, cells in rows
        ],
        "asked": [
            {"row": one.id, "title": one.title, "cloud": one.cloud, "rules": [each.name for each in rules]}
            for one, rules in found.asked
        ],
        "gaps": [{"technique": technique.uid, "clouds": clouds} for technique, clouds in found.gaps],
        "faults": [str(fault) for fault in found.faults],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _cell_data(cell: Cell) -> dict[str, object]:
    if cell.reason:
        return {"not_observable": cell.reason}
    return {"rules": [one.name for one in cell.rules], "missing": cell.missing}


def markdown(found: Coverage, page_folder: str) -> str:
    """The page docs/coverage.md: the named detections, the techniques of all rules, the gaps."""
    lines = [
        "<!-- Written by `make docs` from the rules and shared/coverage; changes by hand are lost. -->",
        "# What is covered",
        "",
        f"ATT&CK v{VERSION}. {_LEGEND}",
        "",
        *_summary(found),
        *_named(found, page_folder),
        *_asked(found, page_folder),
        *_techniques(found),
        *_gaps(found.gaps),
        "## As a layer of the ATT&CK Navigator",
        "",
        "```",
        "firstseen coverage --rules shared/rules --named shared/coverage --format layer --output layer.json",
        "```",
        "",
        "Open the file in the Navigator with *Open Existing Layer*. A technique's score is the number of its rules.",
    ]
    return "\n".join(lines) + "\n"


def _summary(found: Coverage) -> list[str]:
    """How many rows are seen, not observable, or missing, on each cloud."""
    if not found.named:
        return []
    rows = [cells for _, listed in found.named for _, cells in listed]
    lines = [row("", *map(cloud_label, found.clouds)), row("---", *(["---:"] * len(found.clouds)))]
    for said, holds in (("seen", "rules"), ("not observable", "reason"), ("missing", "missing")):
        counts = [str(sum(bool(getattr(cells[cloud], holds)) for cells in rows)) for cloud in found.clouds]
        lines.append(row(f"{said}, of {len(rows)} detections", *counts))
    return [*lines, ""]


def _named(found: Coverage, page_folder: str) -> list[str]:
    lines: list[str] = []
    for technique, rows in found.named:
        lines += [f"## {technique.uid} {plain(technique.title)}", ""]
        lines += [row("detection", *map(cloud_label, found.clouds)), row(*["---"] * (1 + len(found.clouds)))]
        for one, cells in rows:
            lines.append(row(plain(one.title), *_cells(cells, found.clouds, page_folder)))
        lines.append("")
    return lines


def _cells(cells: Mapping[str, Cell], clouds: Sequence[str], page_folder: str) -> list[str]:
    shown = []
    for cloud in clouds:
        cell = cells[cloud]
        names = ", ".join(_linked(one, page_folder) for one in cell.rules)
        shown.append(f"**{MISSING}**" if cell.missing else names or f"not observable: {plain(cell.reason)}")
    return shown


def _linked(one: Detection, page_folder: str) -> str:
    more = [] if one.rule.enabled else ["off"]
    more += [f"needs {plain(name)}" for name in one.needs]
    said = f" (*{', '.join(more)}*)" if more else ""
    return link(code(one.name), one.file, page_folder) + said


def _asked(found: Coverage, page_folder: str) -> list[str]:
    """Detections that users of another product have, each with the rules that see it here."""
    if not found.asked:
        return []
    lines = [
        "## Asked for by name",
        "",
        f"{len(found.asked)} detections that another product's users have, as seen here.",
        "",
    ]
    lines += [row("detection", "cloud", "rules"), row("---", "---", "---")]
    for one, rules in found.asked:
        names = ", ".join(_linked(each, page_folder) for each in rules)
        lines.append(row(plain(one.title), plain(cloud_label(one.cloud)), names or f"**{MISSING}**"))
    return [*lines, ""]


def _techniques(found: Coverage) -> list[str]:
    lines = ["## Techniques by cloud", "", "How many rules name each technique of ATT&CK in their tags.", ""]
    lines += [row("technique", *map(cloud_label, found.clouds)), row("---", *(["---:"] * len(found.clouds)))]
    for one in found.techniques:
        counts = [str(len(one.rules[cloud]) or "–") for cloud in found.clouds]
        lines.append(row(plain(str(one.technique)), *counts))
    return [*lines, ""]


def _gaps(gaps: Sequence[tuple[Technique, Sequence[str]]]) -> list[str]:
    if not gaps:
        return []
    lines = ["## Gaps", "", "Techniques that rules see on one cloud and not on the other.", ""]
    return [*lines, *(f"- {plain(str(technique))}: none on {_labels(clouds)}" for technique, clouds in gaps), ""]
