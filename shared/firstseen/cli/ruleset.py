"""Rules as the ``rules`` commands look at them: with their documents, their tests, and what overlays change."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from firstseen.cli.rulefiles import read_list_files, read_rule_files
from firstseen.cli.zones import posix_rule
from firstseen.errors import RuleError, SettingsError
from firstseen.language.accounts import Account
from firstseen.language.derived_names import in_zone
from firstseen.language.frontends.faults import each
from firstseen.language.pack import Pack

if TYPE_CHECKING:  # the front ends take a third of a second to import: not for the sake of a help text
    from firstseen.language.frontends.documents import Document
    from firstseen.language.frontends.elastic import ElasticRule
    from firstseen.language.frontends.extras import RuleTest
    from firstseen.language.frontends.listed import Listed
    from firstseen.language.frontends.overlay import Change, Overlay
    from firstseen.language.rules import Base, Correlation

_YAML = (".yml", ".yaml")
UTC = "UTC0"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What the rule files hold, overlays applied.

    Attributes:
        bases, correlations, tests: as loaded; what is at fault is left out.
        documents: rule id → its document.
        changes: rule id → what overlays change in it.
        faults: everything that is wrong, in the order of files and lines.
        refusals: rules that are left out by kind (a query language that is not read), each with the reason.
        listed: the value lists, and the rules that use them.
        zone: whose clocks are read, as a POSIX rule.
        elastic: rule id → the Elastic rule.
        accounts: accounts by name.
    """

    bases: list[Base]
    correlations: list[Correlation]
    tests: list[RuleTest]
    documents: Mapping[str, Document]
    changes: Mapping[str, list[Change]]
    faults: list[RuleError] = field(default_factory=list)
    refusals: list[RuleError] = field(default_factory=list)
    listed: Listed | None = None
    zone: str = UTC
    elastic: Mapping[str, ElasticRule] = field(default_factory=dict)
    accounts: tuple[Account, ...] = ()

    def needs(self, base_id: str) -> tuple[str, ...]:
        """The empty value lists without which the base rule can never hold."""
        return self.listed.needs(base_id) if self.listed is not None else ()

    def needed_by(self, rule: Correlation) -> tuple[str, ...]:
        """The empty value lists without which the rule can never make a finding."""
        needs = [self.needs(member.base_id) for member in rule.members]
        if not rule.type.startswith("temporal") and not all(needs):
            return ()  # one of its base rules is enough
        return tuple(dict.fromkeys(name for one in needs for name in one))

    def tested(self, base: Base, test: RuleTest) -> Base:
        """The base rule with what value lists hold in this test. Raises RuleError."""
        if self.listed is None or not self.listed.names(base.id):
            return base
        return self._zoned(self.listed.for_test(base.id, test.lists))

    def list_sizes(self, base_ids: Sequence[str]) -> dict[str, int]:
        """The value lists that these base rules use, with the number of their values."""
        if self.listed is None:
            return {}
        return {name: len(self.listed.lists[name].everything) for one in base_ids for name in self.listed.names(one)}

    def listed_values(self, base_id: str) -> frozenset[str]:
        """What the base rule has from value lists, those that stand in for it included."""
        return self.listed.values(base_id) if self.listed is not None else frozenset()

    def unused_lists(self) -> dict[str, str]:
        """Lists that overlays alone have and no rule uses, with the list that was perhaps meant, or ""."""
        if self.listed is None:
            return {}
        used = {name for base in self.bases for name in self.listed.names(base.id)}
        strange = [name for name in self.listed.lists if name not in used and name not in self.listed.own]
        return {name: next(iter(get_close_matches(name, {*used, *self.listed.own}, n=1)), "") for name in strange}

    def stand_ins(self, base_id: str) -> Mapping[str, Sequence[str]]:
        """What stands in for the empty lists of a base rule."""
        return self.listed.stand_ins(base_id) if self.listed is not None else {}

    def standing_in(self) -> dict[str, Base]:
        """Every base rule by id, with values standing in for its empty lists: for examples and checks."""
        found = {}
        for base in self.bases:
            empty = self.listed.empty(base.id) if self.listed is not None else ()
            found[base.id] = self._zoned(self.listed.standing_in(base.id)) if self.listed and empty else base
        return found

    def _zoned(self, base: Base) -> Base:
        return in_zone([base], [], self.zone)[0][0]

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
        return Pack.of(self.bases, self.correlations, self.accounts)

    def find(self, name: str) -> tuple[Base | None, Correlation | None]:
        """The base rule and the correlation of that id, name or title. Raises SettingsError, with near names."""
        correlation = next((c for c in self.correlations if name in (c.card.id, c.card.name, c.card.title)), None)
        wanted = correlation.card.id if correlation else self._id(name)
        base = next((b for b in self.bases if b.id == wanted or b.title == name), None)
        if correlation is not None and correlation.type != "match":
            return None, correlation  # an Elastic rule's base has its id and title
        if base is None and correlation is None:
            known = [text for c in self.correlations for text in (c.card.id, c.card.name, c.card.title) if text]
            near = get_close_matches(name, [*known, *(b.title for b in self.bases)], n=1)
            msg = f"there is no rule {name!r}" + (f"; did you mean {near[0]!r}?" if near else ": see 'rules list'")
            raise SettingsError(msg)
        return base, correlation

    def _id(self, name: str) -> str:
        """The id of the document that has this name."""
        return next((one for one, document in self.documents.items() if document.data.get("name") == name), name)


def load_pack(names: list[str]) -> Pack:
    """The pack of these rule files, folders or packs, tuned by the overlays (``rules.yaml``) among them.

    When any has a fault, all are named and RuleError is raised.
    """
    return read_rule_set(names, documents=False).pack()


def read_rule_set(paths: list[str], overlays: Sequence[str] = (), *, documents: bool = True) -> RuleSet:
    """The rules in these files and folders, tuned by the overlays in them and by ``overlays``.

    ``documents``: keep them as well, for checks and tests; what only runs rules saves the time.

    Raises SettingsError for files that cannot be read.
    """
    from firstseen.language.frontends.overlay import is_overlay

    files = _with_lists(read_rule_files(paths), read_list_files(paths))
    tuning = {name: data for name, data in files.items() if is_overlay(name, data)}
    rules = {name: data for name, data in files.items() if name not in tuning}
    tuning.update({name: _bytes(name) for name in overlays})
    return rule_set(rules, tuning, documents=documents)


def _with_lists(files: dict[str, bytes], lists: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, and those of the lists that are not among them by another path."""
    known = {Path(name).resolve() for name in files} if lists else set()
    return {**files, **{name: data for name, data in lists.items() if Path(name).resolve() not in known}}


def rule_set(files: Mapping[str, bytes], tuning: Mapping[str, bytes], *, documents: bool = True) -> RuleSet:
    """The rules in ``files`` with the overlays in ``tuning``, later overlays over earlier ones.

    Tables of accounts that overlays name are read from disk, from beside the overlay.
    """
    from firstseen.cli.account_tables import named_accounts
    from firstseen.language.frontends.loading import load_rules
    from firstseen.language.frontends.overlay import apply, read_overlay
    from firstseen.language.frontends.overlay_lists import by_account, joined

    faults: list[RuleError] = []
    overlays: list[Overlay] = []
    for name, data in tuning.items():
        try:
            overlays.append(read_overlay(name, data))
        except RuleError as fault:
            faults.extend(each(fault))
    faults.extend(fault for overlay in overlays for fault in overlay.faults)
    placed, added = joined(overlays)
    accounts = named_accounts([one.accounts for one in overlays], faults)
    in_accounts = by_account((one for overlay in overlays for one in overlay.in_accounts), accounts, faults)
    loaded = load_rules(files, placed, added=added, in_accounts=in_accounts)
    tuned = apply(overlays, loaded.correlations, loaded.bases)
    bases, zone = loaded.bases, UTC
    try:
        zone = posix_rule(next((one.time_zone for one in reversed(overlays) if one.time_zone), UTC))
        bases, tuned.correlations = in_zone(bases, tuned.correlations, zone)
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
        listed=loaded.listed,
        zone=zone,
        elastic=loaded.elastic,
        accounts=tuple({**{one.id.casefold(): one for one in loaded.accounts}, **accounts}.values()),
    )


def _documents(files: Mapping[str, bytes]) -> dict[str, Document]:
    """Each rule's document; what cannot be read has a fault from the loader."""
    from firstseen.language.frontends.actions import completed
    from firstseen.language.frontends.cards import rule_id
    from firstseen.language.frontends.documents import read_documents
    from firstseen.language.frontends.value_lists import is_value_list

    found: dict[str, Document] = {}
    for name, data in files.items():
        if name.endswith(_YAML) and data.lstrip()[:1] != b"{":
            try:
                for document in completed(read_documents(name, data)):
                    if "filter" not in document.data and not is_value_list(document):
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
