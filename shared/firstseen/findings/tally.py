"""Counting stored findings for digests and summaries: how many, of which keys, and what all of them share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from firstseen.findings.finding import Finding
from firstseen.findings.naming import OF_ACCOUNT
from firstseen.store.store import Query, Store

MAX_COUNTED = 10_000
"""Counting stops here and says "at least"."""

MAX_SCANNED = 30_000
"""So does looking: of a rule that was changed, most may be what its earlier version found."""

TOP = 10
MAX_KEY_CHARS = 200

_SHARED = ("account", "region", "action")


@dataclass(slots=True)
class Tally:
    """What was counted. Holds one finding, not all of them: each may carry an event of 100 KB.

    Attributes:
        number: how many.
        keys: how many of each key, as people are shown it.
        shared: the facts that all of them have in common, among the account with its name, region and action.
        sample: the first.
        cut: there may be more, that were not looked at.
    """

    number: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    shared: dict[str, str] = field(default_factory=dict)
    sample: Finding | None = None
    cut: bool = False

    def add(self, finding: Finding) -> None:
        """Count one."""
        if self.sample is None:
            self.sample = finding
            self.shared = {name: value for name, value in finding.facts if _may_be_shared(name)}
        self.number += 1
        self.keys[_shown(finding)] += 1
        self.shared = {name: value for name, value in self.shared.items() if finding.fact(name) == value}

    def shown(self, *, beyond: int = 0) -> str:
        """``at least 5 more findings``: the number in words, beyond what was told before."""
        new = self.number - beyond
        least = "at least " if self.cut else ""
        more = " more" if beyond else ""
        return f"{least}{new}{more} finding{'s' if new != 1 else ''}"

    def lines(self, *, beyond: int = 0) -> tuple[tuple[str, str], ...]:
        """The number as details of a finding."""
        number = f"at least {self.number}" if self.cut else str(self.number)
        return (("findings", number), *((("reported before", str(beyond)),) if beyond else ()))

    def top(self) -> tuple[tuple[str, str], ...]:
        """The busiest keys, then how many other keys there are."""
        order = sorted(self.keys.items(), key=lambda item: (-item[1], item[0]))
        lines = tuple((f"{number} ×", shown) for shown, number in order[:TOP])
        return (*lines, ("other keys", str(len(order) - TOP))) if len(order) > TOP else lines


def count(store: Store, query: Query, *, received_from_us: int | None = None) -> Tally:
    """Count the findings of a query, at most :data:`MAX_COUNTED`; with a time, those received since.

    Our own messages are none of them, though a rule's summary is kept beside what it counts.
    """
    tally = Tally()
    for scanned, row in enumerate(store.scan_findings(query), 1):
        finding = row.finding
        if finding.kind == "finding" and (received_from_us is None or finding.received_us >= received_from_us):
            tally.add(finding)
        if tally.number >= MAX_COUNTED or scanned >= MAX_SCANNED:
            tally.cut = True
            break
    return tally


def message(sample: Finding, tally: Tally, now_us: int) -> Finding:
    """A message about the counted: the rule, what they share, and the first of them as the related event."""
    return Finding(
        uid=sample.uid,
        card=sample.card,
        type=sample.type,
        time_us=sample.time_us,
        received_us=now_us,
        pack_version=sample.pack_version,
        related=sample.related[:1],
        facts=tuple(tally.shared.items()),
        source=sample.source,
        provider=sample.provider,
    )


def _may_be_shared(name: str) -> bool:
    return name in _SHARED or name.startswith(OF_ACCOUNT)


def _shown(finding: Finding) -> str:
    key = ", ".join(value for _, value in (*finding.terms, *finding.group))
    return (key or finding.fact("actor") or "(no key)")[:MAX_KEY_CHARS]
