"""``firstseen rules show``: what a rule really asks, for each log source that it reads."""

from __future__ import annotations

import argparse
import sys

from firstseen.cli.chosen import Chosen, add_rules, choose
from firstseen.cli.main import EXIT_DONE, EXIT_UNUSABLE
from firstseen.cli.ruleset import RuleSet
from firstseen.cli.trees import evaluated_lines
from firstseen.findings.safe import safe_text
from firstseen.findings.times import span
from firstseen.language.rules import Base, Correlation
from firstseen.sources.registry import SOURCES

SUMMARY = "Print what a rule really asks, for each log source."
MAX_TEXT = 300
MAX_QUERY_LINE = 4_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules show RULE… PATH…``."""
    add_rules(parser)


def run(args: argparse.Namespace) -> int:
    """The rules to standard output."""
    rules, chosen = choose(args)
    bases = {base.id: base for base in rules.bases}
    for one in chosen:
        sys.stdout.write(
            "\n".join(
                [
                    *_head(one),
                    *_correlation(one, bases),
                    *_lists(one, rules),
                    *_changes(one, rules),
                    *_bases(one, bases),
                    *_for_readers(one, rules),
                ]
            )
        )
        sys.stdout.write("\n\n")
    for fault in rules.faults:
        sys.stderr.write(f"{fault}\n")
    return EXIT_UNUSABLE if rules.faults and not chosen else EXIT_DONE


def _head(one: Chosen) -> list[str]:
    lines = [safe_text(one.title, MAX_TEXT), f"id: {one.id}"]
    if one.correlation is None:
        return [*lines, "reports nothing by itself; correlations refer to it"]
    card = one.correlation.card
    lines.append(f"level {card.level}, risk score {card.risk_score}, status {card.status}")
    lines.append(f"fingerprint {one.correlation.fingerprint}, hash {card.hash[:12]}")
    return lines


def _correlation(one: Chosen, bases: dict[str, Base]) -> list[str]:
    rule = one.correlation
    if rule is None or rule.type == "match":
        return [] if rule is None else ["a finding for each operation that matches"]
    names = [bases[member.base_id].title if member.base_id in bases else member.base_id for member in rule.members]
    group = f", for each {', '.join(rule.group_by)}" if rule.group_by else ""
    said = {
        "new_terms": f"a finding when {', '.join(rule.fields)} has a value not seen for {_span(rule)}{group}"
        + {"any": "", "never": "; only if never seen at all", "returning": "; only if seen before"}[rule.when],
        "event_count": f"a finding when at least {rule.count} events match within {_span(rule)}{group}",
        "value_count": f"a finding when {', '.join(rule.fields)} has at least {rule.count} values"
        f" within {_span(rule)}{group}",
        "temporal": f"a finding when every rule matches within {_span(rule)}{group}",
        "temporal_ordered": f"a finding when the rules match in this order within {_span(rule)}{group}",
    }
    return [said[rule.type], "over: " + "; ".join(safe_text(name, MAX_TEXT) for name in names)]


def _span(rule: Correlation) -> str:
    return span(rule.timespan_us)


def _lists(one: Chosen, rules: RuleSet) -> list[str]:
    """The value lists that the rule uses, and whether it waits for one."""
    used = [one.base.id] if one.base is not None else []
    used += [member.base_id for member in one.correlation.members] if one.correlation is not None else []
    needed = {name for base_id in used for name in rules.needs(base_id)}
    return [
        f"value list {name}: "
        + (f"{number:,} values" if number else "empty" + (": the rule cannot fire" if name in needed else ""))
        for name, number in rules.list_sizes(used).items()
    ]


def _for_readers(one: Chosen, rules: RuleSet) -> list[str]:
    """Why this level, what the rule is meant to see, and queries to look closer."""
    document = rules.documents.get(one.id)
    if document is None:
        return []
    from firstseen.language.frontends.extras import extras_of

    extras = extras_of(document)
    lines = [f"level, because: {safe_text(extras.level_reason, MAX_TEXT)}"] if extras.level_reason else []
    if extras.observes:
        lines.append(f"observes: {', '.join(extras.observes)}")
    for tool, query in extras.queries.items():
        lines.append(f"{tool}:")
        lines += [f"  {safe_text(line, MAX_QUERY_LINE)}" for line in query.splitlines()]
    return lines


def _changes(one: Chosen, rules: RuleSet) -> list[str]:
    return [f"tuned: {each.what} {each.before} → {each.after}" for each in rules.changes.get(one.id, [])]


def _bases(one: Chosen, bases: dict[str, Base]) -> list[str]:
    """The trees of the rule, or of each base rule of its correlation."""
    if one.base is not None:
        return _base(one.base)
    lines: list[str] = []
    members = one.correlation.members if one.correlation is not None else ()
    for base_id in dict.fromkeys(member.base_id for member in members):
        if base_id in bases:
            lines += [f"{safe_text(bases[base_id].title, MAX_TEXT)}:", *_base(bases[base_id])]
    return lines


def _base(base: Base) -> list[str]:
    lines = []
    for name in base.sources:
        if name in SOURCES:
            lines.append(f"on {name}:")
            lines += ["  " + line for line in evaluated_lines(base, SOURCES[name])]
    return lines
