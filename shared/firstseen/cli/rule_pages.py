"""Pages about rules, docs/detections*.md: an index, and for each cloud what its rules see, why, and what to do.

Two kinds of pages, since all rules on one are more than code hosts show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from urllib.parse import quote

from firstseen.cli.detections import NO_TECHNIQUE, Detection, cloud_label, clouds_of, detections_of
from firstseen.cli.markdown import anchor, block, code, link, plain, row, steps
from firstseen.cli.ruleset import RuleSet
from firstseen.findings.attack import Technique
from firstseen.findings.times import span
from firstseen.language.attack_table import VERSION
from firstseen.language.frontends.extras import Extras, extras_of
from firstseen.language.rules import Correlation

LANGUAGES = {"athena": "sql", "cloudtrail_lake": "sql", "log_analytics": "kusto", "log_query": "", "cli": "sh"}
TOOLS = {
    "athena": "Athena", "cloudtrail_lake": "CloudTrail Lake", "log_analytics": "Log Analytics",
    "log_query": "Cloud Logging", "cli": "Command line",
}  # fmt: skip

_LEGEND = (
    f"by cloud and technique of ATT&CK v{VERSION} (the first that a rule names). What is *off* is switched on in"
    " `rules.yaml`; what *needs* a value list cannot fire before it is filled. [coverage.md](coverage.md) says what is"
    " covered and what is not, [rules.md](rules.md) how to change a rule or write one."
)
_MADE = "<!-- Written by `make docs` from the rules; changes by hand are lost. -->"


def index(rules: RuleSet) -> str:
    """The page that lists every rule in a line; each leads to its cloud's page."""
    detections = detections_of(rules)
    lines = [
        _MADE,
        "# Detections",
        "",
        f"The {len(detections)} rules that make findings, {_LEGEND}",
        "",
    ]
    for cloud in clouds_of(detections):
        lines += [f"## {cloud_label(cloud)}", "", row("rule", "level", "by default"), row("---", "---", "---")]
        for technique, listed in _by_technique(detections, cloud):
            lines.append(row(f"**{plain(_said(technique))}**", "", ""))
            lines += [_entry(one, cloud) for one in listed]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _entry(one: Detection, cloud: str) -> str:
    card = one.rule.card
    needs = f"; needs {', '.join(map(code, one.needs))}" if one.needs else ""
    shown = f"[{plain(card.title)}](detections-{cloud}.md#{quote(one.name)})"
    return row(shown, f"{card.level}, {card.risk_score}", _default(one.rule) + needs)


def page(rules: RuleSet, cloud: str, page_folder: str) -> str:
    """One cloud's rules in full; links are as seen from ``page_folder``."""
    found = [one for one in detections_of(rules) if cloud in one.clouds]
    parts = _by_technique(found, cloud)
    lines = [
        _MADE,
        f"# Detections: {cloud_label(cloud)}",
        "",
        f"{len(found)} rules. [detections.md](detections.md) lists those of every cloud.",
        "",
        *(f"- [{plain(_said(technique))}](#{anchor(_said(technique))}): {len(listed)}" for technique, listed in parts),
        "",
    ]
    for technique, listed in parts:
        lines += [f"## {plain(_said(technique))}", ""]
        for one in listed:
            lines += _detection(one, rules, page_folder)
    return "\n".join(lines).rstrip("\n") + "\n"


def _said(technique: Technique) -> str:
    return str(technique) if technique.uid else NO_TECHNIQUE.name


def _by_technique(found: Iterable[Detection], cloud: str) -> list[tuple[Technique, list[Detection]]]:
    """The cloud's rules, each by the first of its techniques."""
    listed = sorted((one for one in found if cloud in one.clouds), key=lambda one: (one.technique.uid or "~", one.name))
    return [(technique, list(each)) for technique, each in groupby(listed, key=lambda one: one.technique)]


def _lists(one: Detection, rules: RuleSet) -> list[str]:
    """The value lists that it uses."""
    return list(rules.list_sizes([member.base_id for member in one.rule.members]))


def _detection(one: Detection, rules: RuleSet, page_folder: str) -> list[str]:
    card = one.rule.card
    document = rules.documents.get(card.id)
    extras = extras_of(document) if document is not None else Extras()
    return [
        f'<a id="{escape(one.name, quote=True)}"></a>',
        "",
        f"### {plain(card.title)}",
        "",
        plain(card.description),
        "",
        *_facts(one, extras, _lists(one, rules), page_folder),
        "",
        *_folded(one, extras),
    ]


def _facts(one: Detection, extras: Extras, lists: Sequence[str], page_folder: str) -> list[str]:
    card = one.rule.card
    why = f": {plain(extras.level_reason)}" if extras.level_reason else ""
    used = ", ".join(f"{code(name)}" + (" (**empty: cannot fire**)" if name in one.needs else "") for name in lists)
    found = {
        "Rule": link(code(one.name), one.file, page_folder),
        "Finds": _finds(one.rule),
        "Level": f"{card.level}, risk score {card.risk_score}{why}",
        "By default": _default(one.rule),
        "Reads": ", ".join(map(code, one.sources)),
        "Techniques": "; ".join(plain(str(each)) for each in one.techniques) or "none",
        "Lists": used,
        "Could also be": "; ".join(map(plain, card.false_positives)),
    }
    return [row("", ""), row("---", "---"), *(row(name, said) for name, said in found.items() if said)]


def _default(rule: Correlation) -> str:
    if not rule.enabled:
        return "**off**"
    if rule.card.status == "experimental":
        return "on, recorded and not sent (experimental)"
    return "on" + (f"; learns for {span(rule.learning_us)} first" if rule.learning_us else "")


def _finds(rule: Correlation) -> str:
    """When it makes a finding, in one line."""
    within = f"within {span(rule.timespan_us)}"
    group = f", for each {_names(rule.group_by)}" if rule.group_by else ""
    when = {"any": "", "never": ", and never was", "returning": ", but was before"}[rule.when]
    said = {
        "match": "each operation that matches",
        "new_terms": f"{_names(rule.fields)} when it was not seen for {span(rule.timespan_us)}{when}{group}",
        "event_count": f"{rule.count} events or more {within}{group}",
        "value_count": f"{rule.count} values of {_names(rule.fields)} or more {within}{group}",
        "temporal": f"all of {len(rule.members)} steps {within}{group}",
        "temporal_ordered": f"{len(rule.members)} steps in order {within}{group}",
    }
    return said[rule.type]


def _names(fields: Iterable[str]) -> str:
    return ", ".join(map(code, fields))


def _folded(one: Detection, extras: Extras) -> list[str]:
    """What the on-call needs, folded away: a page of all rules stays a page."""
    card = one.rule.card
    inner = [
        *_steps("Triage", card.triage),
        *_queries(extras.queries),
        *_steps("Response", card.response),
        *(["**References**", "", *(f"- <{each}>" for each in card.references if _is_link(each)), ""]
          if card.references else []),
    ]  # fmt: skip
    if not inner:
        return []
    return ["<details>", "<summary>Triage, queries, response</summary>", "", *inner, "</details>", ""]


def _is_link(reference: str) -> bool:
    return reference.startswith(("https://", "http://")) and not any(sign in reference for sign in "<> \n`")


def _steps(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    return [f"**{title}**", "", *(f"{number}. {steps(line)}" for number, line in enumerate(lines, 1)), ""]


def _queries(queries: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for tool, query in queries.items():
        lines += [f"**{plain(TOOLS.get(tool, tool))}**", "", *block(query, LANGUAGES.get(tool, "")), ""]
    return lines
