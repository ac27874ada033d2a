"""Arguments of the kind RULE… PATH…: what is there on disk is a path, everything else names a rule."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from firstseen.cli.ruleset import RuleSet, read_rule_set
from firstseen.errors import SettingsError
from firstseen.language.rules import Base, Correlation

SHIPPED = Path(__file__).parents[2] / "rules"
"""The rules that come with the project, where it runs from its own folder."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One rule to look at: its base rule, its correlation, or both when a base rule reports for itself."""

    base: Base | None
    correlation: Correlation | None

    @property
    def title(self) -> str:
        """For people."""
        if self.correlation is not None:
            return self.correlation.card.title
        return self.base.title if self.base is not None else ""

    @property
    def id(self) -> str:
        """The rule's id."""
        if self.correlation is not None:
            return self.correlation.card.id
        return self.base.id if self.base is not None else ""


def add_rules(parser: argparse.ArgumentParser) -> None:
    """RULE… PATH…, both of which may be left out."""
    parser.add_argument(
        "rule", nargs="*", metavar="RULE|PATH",
        help="ids, names or titles of rules (default: all), and rule files or folders (default: the shipped rules)",
    )  # fmt: skip


def choose(args: argparse.Namespace) -> tuple[RuleSet, list[Chosen]]:
    """The rules read and those that are meant. Raises SettingsError; faults are left to the caller."""
    paths = [word for word in args.rule if Path(word).exists()]
    names = [word for word in args.rule if word not in paths]
    if not paths and not SHIPPED.is_dir():
        strange = f"{names[0]!r} is no file or folder; " if names else ""
        msg = f"{strange}name the rule files or folders"
        raise SettingsError(msg)
    found = read_rule_set(paths or [str(SHIPPED)], args.overlay)
    if names:
        return found, [_chosen(found, name, has_paths=bool(paths)) for name in names]
    reporting = {one.card.id: one for one in found.correlations}
    chosen = [Chosen(base, reporting.get(base.id)) for base in found.bases if base.listed]
    shown = {one.id for one in chosen}
    return found, [*chosen, *(Chosen(None, one) for one in found.correlations if one.card.id not in shown)]


def _chosen(rules: RuleSet, name: str, *, has_paths: bool) -> Chosen:
    try:
        return Chosen(*rules.find(name))
    except SettingsError as exc:
        hint = "" if has_paths else "; no PATH was given, so the shipped rules were looked at"
        msg = f"{exc}{hint}"
        raise SettingsError(msg) from exc
