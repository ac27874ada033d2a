"""Rules from files: every document of every file read and related, every fault found in one go.

Nothing here touches a disk: the caller reads the files and hands in their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from firstseen.errors import Place, RuleError
from firstseen.language import pack as packs
from firstseen.language.accounts import Account
from firstseen.language.frontends.actions import completed
from firstseen.language.frontends.cards import rule_id, sigma_faults
from firstseen.language.frontends.correlating import Asked, asked, correlation, unresolved
from firstseen.language.frontends.documents import Document, read_documents
from firstseen.language.frontends.extras import RuleTest, tests_of
from firstseen.language.frontends.faults import RuleFaults, each
from firstseen.language.frontends.listed import Listed
from firstseen.language.frontends.refusals import Refused
from firstseen.language.frontends.sigma import (
    BaseRule,
    Filter,
    base_rule,
    check_shape,
    covers,
    filtered,
    global_filter,
    reporting,
)
from firstseen.language.frontends.value_lists import NOWHERE, ByAccount, ListsFound
from firstseen.language.pack import Pack
from firstseen.language.rules import Base, Correlation
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source

if TYPE_CHECKING:
    from firstseen.language.frontends.elastic import ElasticRule

__all__ = ["Loaded", "RuleFaults", "RuleTest", "build_pack", "load_rules"]

NO_LISTS: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files hold.

    Attributes:
        bases: base rules, filters joined and placeholders filled, in the order of the files.
        correlations: rules that make findings, base rules that report for themselves among them.
        tests: the tests that the rules carry.
        faults: everything that is wrong, in the order of files and lines. What is at fault is left out of
            the rest.
        refusals: rules that are in order and not run here (Elastic's other languages), each with the reason.
            They stop nothing: the rest is whole.
        listed: the value lists, and the rules that use them.
        elastic: rule id → the Elastic rule, which knows where its query says something.
        accounts: accounts by name, of packs among the files.
    """

    bases: list[Base]
    correlations: list[Correlation]
    tests: list[RuleTest]
    faults: list[RuleError]
    refusals: list[RuleError] = field(default_factory=list)
    listed: Listed = field(default_factory=Listed)
    elastic: Mapping[str, ElasticRule] = field(default_factory=dict)
    accounts: tuple[Account, ...] = ()


def load_rules(
    files: Mapping[str, bytes],
    lists: Mapping[str, Sequence[str]] = NO_LISTS,
    *,
    added: Mapping[str, Sequence[str]] = NO_LISTS,
    in_accounts: ByAccount = NOWHERE,
    sources: Iterable[Source] | None = None,
) -> Loaded:
    """The rules in ``files``, with value lists for their placeholders.

    ``files`` maps names to contents: Sigma YAML and value lists, Elastic's TOML, or rule packs. ``lists`` take the
    place of lists of their names in the files, ``added`` are values more for them, ``in_accounts`` values more by list
    and account. Never raises on what a file holds: faults are collected. ``sources`` are the log sources that rules
    may ask for; every known one when left out.
    """
    known = tuple(SOURCES.values()) if sources is None else tuple(sources)
    loading = _Loading(known)
    for name, data in files.items():
        loading.file(name, data)
    loading.values = loading.lists.filled(lists, added, in_accounts)
    loading.in_accounts = in_accounts
    for document in loading.waiting:
        loading.document(document)
    return loading.related()


def build_pack(
    files: Mapping[str, bytes],
    lists: Mapping[str, Sequence[str]] = NO_LISTS,
    *,
    sources: Iterable[Source] | None = None,
) -> Pack:
    """The pack of the rules in ``files``. Raises RuleFaults with every fault when there is any."""
    loaded = load_rules(files, lists, sources=sources)
    if loaded.faults:
        raise RuleFaults(loaded.faults)
    return Pack.of(loaded.bases, loaded.correlations, loaded.accounts)


@dataclass(slots=True)
class _Loading:
    """The state of one call of :func:`load_rules`."""

    sources: tuple[Source, ...]
    waiting: list[Document] = field(default_factory=list)
    lists: ListsFound = field(default_factory=ListsFound)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    in_accounts: ByAccount = field(default_factory=dict)
    rules: list[BaseRule] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    packed: list[Pack] = field(default_factory=list)
    tests: list[RuleTest] = field(default_factory=list)
    faults: list[RuleError] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    ids: dict[str, Place] = field(default_factory=dict)
    elastic: list[ElasticRule] = field(default_factory=list)
    refusals: list[RuleError] = field(default_factory=list)
    chosen: dict[str, list[Filter]] = field(default_factory=dict)

    def file(self, name: str, data: bytes) -> None:
        """Reads the documents, or the pack, of one file."""
        try:
            if _is_pack(data):
                self.packed.append(packs.load(data))
                return
            if name.lower().endswith(".toml"):
                self.toml(name, data)
                return
            documents = list(completed(read_documents(name, data)))
        except Refused as refusal:
            self.refusals.append(refusal)
            return
        except RuleFaults as faults:
            self.faults.extend(faults.faults)
            return
        except RuleError as fault:
            self.faults.append(fault if fault.place else RuleError(fault.message, Place(name)))
            return
        for document in documents:
            try:
                if not self.lists.take(document):
                    self.waiting.append(document)
            except RuleError as fault:
                self.faults.append(fault)

    def toml(self, name: str, data: bytes) -> None:
        """Reads an Elastic rule; the KQL parser is imported for the first of them only. Raises RuleError."""
        from firstseen.language.frontends.elastic import elastic_rule  # noqa: PLC0415 - Sigma's users need no Lark

        read = elastic_rule(name, data, self.sources)
        taken = self.ids.setdefault(read.base.id, read.document.place("rule", "rule_id"))
        if taken.file != name:
            msg = f"{read.base.id!r} names another rule as well, in {taken}: give one of them its own"
            raise read.document.fault(msg, "rule", "rule_id")
        self.elastic.append(read)

    def document(self, document: Document) -> None:
        """Reads one document; whole or not at all, but every kind of fault that it has is found."""
        faults = sigma_faults(document)
        read: BaseRule | Filter | Asked | None = None
        tests: list[RuleTest] = []
        try:
            self.unique(document)
            read = self.read(document)
            tests = tests_of(document, rule_id(document))
        except RuleError as fault:
            faults.extend(each(fault))
        if faults or read is None:
            self.faults.extend(faults)
            self.broken.update(_names(document))
            return
        self.tests.extend(tests)
        if isinstance(read, BaseRule):
            self.rules.append(read)
        elif isinstance(read, Filter):
            self.filters.append(read)
        else:
            self.asked.append(read)

    def unique(self, document: Document) -> None:
        """Raises RuleError when the document's id or name is taken."""
        for name in dict.fromkeys(_names(document)):
            if name in self.ids:
                msg = f"{name!r} names another rule as well, in {self.ids[name]}: give one of them its own"
                raise document.fault(msg, "id" if document.data.get("id") == name else "name")
            self.ids[name] = document.place()

    def read(self, document: Document) -> BaseRule | Filter | Asked:
        """What the document writes. Raises RuleError."""
        check_shape(document)
        if "correlation" in document.data:
            return asked(document)
        if "filter" in document.data:
            return global_filter(document, self.values, self.in_accounts)
        return base_rule(document, self.values, self.sources, self.in_accounts)

    def related(self) -> Loaded:
        """Joins filters to rules, resolves what correlations name, decides which base rules report."""
        by_name = {name: rule for rule in self.rules for name in _names(rule.document)}
        correlations = [name for one in self.asked for name in _names(one.document)]
        applied = self.applied(by_name, correlations)
        by_name = {name: applied[rule.base.id] for name, rule in by_name.items()}
        made: list[Correlation] = []
        for one in self.asked:
            made.extend(self.correlated(one, by_name, correlations))
        made.extend(self.reported(applied.values(), by_name))
        bases = [rule.base for rule in applied.values()] + [rule.base for rule in self.elastic]
        made.extend(rule.correlation for rule in self.elastic)
        for pack in self.packed:
            bases.extend(pack.bases)
            made.extend(pack.correlations)
        return Loaded(
            bases=bases,
            correlations=made,
            tests=self.tests,
            faults=sorted(self.faults, key=_order),
            refusals=sorted(self.refusals, key=_order),
            listed=self.listed(),
            elastic={rule.base.id: rule for rule in self.elastic},
            accounts=tuple(one for pack in self.packed for one in pack.accounts),
        )

    def listed(self) -> Listed:
        """The rules that use value lists, and the lists."""
        written = {
            rule.base.id: (rule, tuple(self.chosen[rule.base.id]))
            for rule in self.rules
            if rule.lists or any(one.lists for one in self.chosen[rule.base.id])
        }
        return Listed(self.lists.in_force, self.lists.own, written, self.sources)

    def applied(self, by_name: Mapping[str, BaseRule], correlations: Sequence[str]) -> dict[str, BaseRule]:
        """The base rules by id, with the filters that name them."""
        chosen = self.chosen = dict[str, list[Filter]]((rule.base.id, []) for rule in self.rules)
        for one in self.filters:
            try:
                for rule in self.rules if one.rules is None else self.named(one, by_name, correlations):
                    if covers(one, rule):
                        chosen[rule.base.id].append(one)
            except RuleError as fault:
                self.faults.append(fault)
        return {rule.base.id: filtered(rule, chosen[rule.base.id]) for rule in self.rules}

    def named(self, one: Filter, by_name: Mapping[str, BaseRule], correlations: Sequence[str]) -> list[BaseRule]:
        found = []
        for name in one.rules or ():
            if name in correlations:
                msg = f"the filter names the correlation {name!r}: name the base rules that it lists"
                raise one.document.fault(msg, "filter", "rules")
            if name in by_name:
                if not covers(one, by_name[name]):
                    msg = f"the filter has no effect on the rule {name!r}, whose logsource is another"
                    raise one.document.fault(msg, "filter", "rules")
                found.append(by_name[name])
            elif name not in self.broken:
                near = get_close_matches(name, by_name, n=1)
                mend = f"did you mean {near[0]!r}?" if near else "name the file or folder that it lies in, too"
                msg = f"the filter names the rule {name!r}, which is not among the files given: {mend}"
                raise one.document.fault(msg, "filter", "rules")
        return found

    def correlated(self, one: Asked, by_name: Mapping[str, BaseRule], correlations: Sequence[str]) -> list[Correlation]:
        missing = [name for name in one.rules if name not in by_name]
        for name in missing:
            if name not in self.broken:  # what is broken has a fault of its own
                self.faults.append(unresolved(one, name, is_correlation=name in correlations, known=list(by_name)))
        if missing:
            return []
        try:
            return [correlation(one, by_name)]
        except RuleError as fault:
            self.faults.append(fault)
            return []

    def reported(self, rules: Iterable[BaseRule], by_name: Mapping[str, BaseRule]) -> list[Correlation]:
        """Base rules report for themselves unless only correlations without ``generate`` refer to them."""
        uses: dict[str, list[bool]] = {}
        for one in self.asked:
            for name in one.rules:
                if name in by_name:
                    uses.setdefault(by_name[name].base.id, []).append(one.generate)
        made = []
        for rule in rules:
            generates = uses.get(rule.base.id)
            if generates is None or any(generates):
                try:
                    made.append(reporting(rule))
                except RuleError as fault:
                    self.faults.append(fault)
        return made


def _is_pack(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{" and b'"firstseen_pack":' in data


def _names(document: Document) -> list[str]:
    """What other documents may call this one by."""
    names = [document.data.get("id"), document.data.get("name")]
    return [name for name in [*names, rule_id(document)] if isinstance(name, str)]


def _order(fault: RuleError) -> tuple[str, int, int]:
    place = fault.place or Place("")
    return place.file, place.line, place.column
