"""What checks look at and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from firstseen.errors import Place
from firstseen.language.examples.parts import AskOf
from firstseen.language.examples.sequences import Events
from firstseen.language.rules import Base, Correlation
from firstseen.sources.source import Source

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to mend.

    Attributes:
        check: the check's name.
        severity: an ``error`` stops a build; a ``warning`` should be looked at; a ``note`` says what was not checked.
        message: what is wrong, in one line.
        rule_id: the rule; "" where a file cannot be read so far.
        place: where; None for rules without a file of their own (packs).
        mend: what to do; "" where the message says it.
    """

    check: str
    severity: Severity
    message: str
    rule_id: str = ""
    place: Place | None = None
    mend: str = ""


class Written(Protocol):
    """A rule's document: its plain data, and where each part of it stands."""

    @property
    def data(self) -> Mapping[str, object]:
        """Text, numbers, booleans, None, lists and mappings."""
        ...

    def place(self, *path: str | int) -> Place:
        """Where the part at ``path`` stands; the nearest known part above it when it has no own place."""
        ...

    def place_of_value(self, *path: str | int) -> Place:
        """Where the value at ``path`` stands: behind its key, if it has one."""
        ...


class Queried(Protocol):
    """A rule whose question is one text in another language."""

    def place(self, text: str = "") -> Place:
        """Where the query says ``text``; its beginning where it does not."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of one run.

    Attributes:
        bases, correlations: as loaded.
        documents: rule id → its document, for rules that have one.
        tested: ids of rules that carry tests.
        sources: the log sources by name.
        ask_of: gives the matcher for a base rule on a source.
        findings_of: how many findings a sequence of events causes in the real engine; None when it cannot be run.
        queried: rule id → its query, for rules of other front ends than Sigma's.
        needs: base rule id → the empty value lists without which it never holds. ``bases`` have values standing in.
        listed: base rule id → values that it has from lists, those that stand in included.
        unused_lists: lists that an overlay fills and no rule uses → the list that was perhaps meant, or "".
    """

    bases: Sequence[Base]
    correlations: Sequence[Correlation]
    documents: Mapping[str, Written]
    tested: frozenset[str]
    sources: Mapping[str, Source]
    ask_of: AskOf
    findings_of: Findings
    queried: Mapping[str, Queried] = field(default_factory=dict)
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    listed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unused_lists: Mapping[str, str] = field(default_factory=dict)
    by_id: Mapping[str, Base] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {base.id: base for base in self.bases})

    def place(self, rule_id: str, *path: str | int) -> Place | None:
        """The place of a part of a rule's document, or of its query."""
        document = self.documents.get(rule_id)
        if document is not None:
            return document.place(*path)
        return self.queried[rule_id].place() if rule_id in self.queried else None


class Findings(Protocol):
    """Runs a sequence of events through the whole engine."""

    def __call__(self, correlation: Correlation, events: Events) -> int | None:
        """The number of findings, sent or not; None when an event could not be read or the rule raised."""
        ...


class Check(Protocol):
    """One check. ``name`` is its stable id; ``says`` is what it is about, in one sentence."""

    name: str
    severity: Severity
    says: str

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """What it finds, in the order of the rules."""
        ...
