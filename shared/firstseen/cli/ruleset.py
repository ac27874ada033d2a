"""Rules as the ``rules`` commands look at them: with their documents, their tests, and what overlays change."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from firstseen.cli.rulefiles import read_rule_files
from firstseen.cli.zones import posix_rule
from firstseen.errors import RuleError, SettingsError
from firstseen.language.derived_names import in_zone
from firstseen.language.frontends.faults import each
from firstseen.language.pack import Pack

if TYPE_CHECKING:  # the front ends take a third of a second to import: not for the sake of a help text
    from firstseen.language.frontends.documents import Document
    from firstseen.language.frontends.extras import RuleTest
    from firstseen.language.frontends.overlay import Change, Overlay
    from firstseen.language.rules import Base, Correlation

_YAML = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What the rule files hold, overlays applied.

    Attributes:
        bases, correlations, tests: as loaded; what is at fault is left out.
        documents: rule id → its document.
        changes: rule id → what overlays change in it.
        faults: everything that is wrong, in the order of files and lines.
        refusals: rules that are left out by kind (a query language that is not read), each with the reason.
    """

    bases: list[Base]
    correlations: list[Correlation]
    tests: list[RuleTest]
    documents: Mapping[str, Document]
    changes: Mapping[str, list[Change]]
    faults: list[RuleError] = field(default_factory=list)
    refusals: list[RuleError] = field(default_factory=list)

    def pack(self) -> Pack:
        """The pack. When there is any fault, all are written to standard error and RuleError is raised."""
        for refusal in self.refusals:
            sys.stderr.write(f"left out: {refusal}\n")
        if self.faults:
            for fault in self.faults:
                sys.stderr.write(f"{fault}\n")
            number = len(self.faults)
            msg = f"{number} fault{'s' if number > 1 else ''} in the rules: nothing was run"
            raise RuleError(msg)
        return Pack.of(self.bases, self.correlations)

    def find(self, name: str) -> tuple[Base | None, Correlation | None]:
        """The base rule and the correlation of that id, name or title. Raises SettingsError, with near names."""
        correlation = next((c for c in self.correlations if name in (c.card.id, c.card.name, c.card.title)), None)
        wanted = correlation.card.id if correlation else self._id(name)
        base = next((b for b in self.bases if b.id == wanted or b.title == name), None)
        if correlation is not None and correlation.type != "match":
            return None, correlation  # an Elastic rule's base has its id and title
        if base is None and correlation is None:
            from difflib import get_close_matches

            known = [text for c in self.correlations for text in (c.card.id, c.card.name, c.card.title) if text]
            near = get_close_matches(name, [*known, *(b.title for b in self.bases)], n=1)
            msg = f"there is no rule {name!r}" + (f"; did you mean {near[0]!r}?" if near else ": see 'rules list'")
            raise SettingsError(msg)
        return base, correlation

    def _id(self, name: str) -> str:
        """The id of the document that has this name."""
        return next((one for one, document in self.documents.items() if document.data.get("name") == name), name)


def read_rule_set(paths: list[str], overlays: Sequence[str] = (), *, documents: bool = True) -> RuleSet:
    """The rules in these files and folders, tuned by the overlays in them and by ``overlays``.

    ``documents``: keep them as well, for checks and tests; what only runs rules saves the time.

    Raises SettingsError for files that cannot be read.
    """
    from firstseen.language.frontends.overlay import is_overlay

    files = read_rule_files(paths)
    tuning = {name: data for name, data in files.items() if is_overlay(name, data)}
    rules = {name: data for name, data in files.items() if name not in tuning}
    tuning.update({name: _bytes(name) for name in overlays})
    return rule_set(rules, tuning, documents=documents)


def rule_set(files: Mapping[str, bytes], tuning: Mapping[str, bytes], *, documents: bool = True) -> RuleSet:
    """The rules in ``files`` with the overlays in ``tuning``, later overlays over earlier ones."""
    from firstseen.language.frontends.loading import load_rules
    from firstseen.language.frontends.overlay import apply, read_overlay

    faults: list[RuleError] = []
    overlays: list[Overlay] = []
    for name, data in tuning.items():
        try:
            overlays.append(read_overlay(name, data))
        except RuleError as fault:
            faults.extend(each(fault))
    faults.extend(fault for overlay in overlays for fault in overlay.faults)
    lists = {name: values for overlay in overlays for name, values in overlay.lists.items()}
    loaded = load_rules(files, lists)
    tuned = apply(overlays, loaded.correlations, loaded.bases)
    bases = loaded.bases
    try:
        zone = next((one.time_zone for one in reversed(overlays) if one.time_zone), "UTC0")
        bases, tuned.correlations = in_zone(bases, tuned.correlations, posix_rule(zone))
    except RuleError as fault:
        faults.append(fault)
    return RuleSet(
        bases=bases,
        correlations=tuned.correlations,
        tests=loaded.tests,
        documents=_documents(files) if documents else {},
        changes=tuned.changes,
        faults=[*loaded.faults, *faults, *tuned.faults],
        refusals=loaded.refusals,
    )


def _documents(files: Mapping[str, bytes]) -> dict[str, Document]:
    """Each rule's document; what cannot be read has a fault from the loader."""
    from firstseen.language.frontends.actions import completed
    from firstseen.language.frontends.cards import rule_id
    from firstseen.language.frontends.documents import read_documents

    found: dict[str, Document] = {}
    for name, data in files.items():
        if name.endswith(_YAML) and data.lstrip()[:1] != b"{":
            try:
                for document in completed(read_documents(name, data)):
                    if "filter" not in document.data:
                        found.setdefault(rule_id(document), document)
            except RuleError:
                continue
    return found


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as exc:
        msg = f"{name}: cannot be read: {exc.strerror or exc}"
        raise SettingsError(msg) from exc
