"""Running rules on single events and on sequences, in the real engine: what examples, checks and tests rest upon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from firstseen.adapters.local.memory import MemoryStore
from firstseen.cli.located import SOURCES
from firstseen.deliveries import Delivery
from firstseen.errors import FirstseenError, RuleError
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication
from firstseen.language.checks.issues import Findings
from firstseen.language.examples.asking import Ask
from firstseen.language.examples.sequences import Events
from firstseen.language.pack import Pack
from firstseen.language.predicates import Predicate
from firstseen.language.rules import Base, Correlation
from firstseen.matching.engine import Engine
from firstseen.matching.evaluate import holds
from firstseen.matching.questions import Tree, resolve
from firstseen.pipeline import Pipeline
from firstseen.sources.event import Reject
from firstseen.sources.reading import read_event
from firstseen.sources.source import Source, View

RECEIVED_US = 253_402_300_799_000_000
"""The last second of the year 9999: no event of a test is later than its receipt."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of events came to: how many matched or were found, and what could not be read or decided."""

    number: int
    problems: tuple[str, ...] = ()


def ask_of(base: Base, source: Source) -> Ask:
    """The matcher for predicates of ``base`` over one source's events; what cannot be decided does not hold."""
    # By identity, which the stored predicate keeps from being given to another: hashing a large tree costs more.
    trees: dict[int, tuple[Predicate, Tree | None]] = {}

    def ask(predicate: Predicate, view: View) -> bool:
        found = trees.get(id(predicate))
        if found is None:
            try:
                tree = resolve(predicate, source, base.vocabulary)
            except RuleError:
                tree = None
            found = trees[id(predicate)] = (predicate, tree)
        try:
            return found[1] is not None and holds(found[1], view)
        except (FirstseenError, UnicodeError):
            return False

    return ask


def encoded(view: View) -> bytes:
    """The event as one line of JSON."""
    return orjson.dumps(view)


def matches(base: Base, events: Sequence[bytes]) -> Outcome:
    """How many of the events the base rule matches, in the compiled engine."""
    engine = Engine(Pack.of([base], []), SOURCES)
    source = _only_source(base)
    number, problems = 0, []
    for position, raw in enumerate(events, 1):
        event = read_event(raw, received_us=RECEIVED_US, source=source)
        if isinstance(event, Reject):
            problems.append(f"event {position}: {event.reason}")
            continue
        found = engine.match_event(event)
        problems.extend(f"event {position}: the rule could not be decided: {error}" for _, error in found.failed)
        number += bool(found.bases)
    return Outcome(number, tuple(problems))


def findings(correlation: Correlation, bases: Mapping[str, Base], events: Sequence[bytes]) -> Outcome:
    """How many findings the events cause, stepped one by one in the order given, over an empty store in memory."""
    members = list(dict.fromkeys(member.base_id for member in correlation.members))
    pack = Pack.of([bases[one] for one in members], [replace(correlation, enabled=True)])
    pipeline = Pipeline(pack, MemoryStore(), Taking(), owner="test", clock=still, sources=SOURCES)
    source = _only_source(bases[members[0]]) if len(members) == 1 else None
    number, problems, active = 0, [], False
    for position, raw in enumerate(events, 1):
        event = read_event(raw, received_us=RECEIVED_US, source=source)
        if isinstance(event, Reject):
            problems.append(f"event {position}: {event.reason}")
            continue
        if not active:
            pipeline.activate(event.time_us)
            active = True
        report = pipeline.process([Delivery(str(position), [raw], RECEIVED_US, source)])
        problems.extend(f"event {position}: {reject.reason}" for _, _, reject in report.rejects)
        problems.extend(f"event {position}: {reason}" for reason in report.retry.values())
        number += len(report.findings)
    return Outcome(number, tuple(problems))


def findings_of(bases: Mapping[str, Base]) -> Findings:
    """For checks: the findings of a sequence, or None where something went wrong."""

    def run(correlation: Correlation, events: Events) -> int | None:
        outcome = findings(correlation, bases, [encoded(view) for view in events.views])
        return None if outcome.problems else outcome.number

    return run


def _only_source(base: Base) -> Source | None:
    """The source whose events a test must give, where there is only one; otherwise they are recognised."""
    return SOURCES.get(base.sources[0]) if len(base.sources) == 1 else None


def still() -> int:
    """A clock that stands."""
    return RECEIVED_US


class Taking:
    """A sink that takes everything and tells nobody."""

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        """Every finding is sent."""
        del deadline_us
        return ["sent"] * len(findings)
