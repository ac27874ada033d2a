"""What was found in the demo, as the on-call reads it, story by story; then what nobody can explain, and the sum."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from demo.reasons import CLOUDS, LEARNING_DAYS, Reason, Reasons, Told, about
from firstseen.cli.stores import open_store
from firstseen.cli.tables import aligned
from firstseen.findings.text import headline, to_text
from firstseen.store.store import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from firstseen.findings.finding import Finding

_WIDTH = 100
_SHOWN = 8


def told(finding: Finding) -> Told:
    """Say in the demo's words what was notified; whom it is about is the first term, or the first of the group."""
    pairs = finding.terms or finding.group
    who = pairs[0][1] if pairs else finding.fact("actor")
    event = finding.related[0].event_id if finding.related and finding.kind == "finding" else ""
    return Told(finding.card.name, who, event, finding.time_us // 1_000_000)


def show(state: str, reasons: Reasons, out: TextIO) -> bool:
    """Write everything that a state holds as sent; return whether all of it is explained and nothing is missing."""
    store = open_store(state)
    try:
        sent = [row.finding for row in store.scan_findings(Query(status="sent"))]
        kept = (row.finding for row in store.scan_findings(Query(routing="learning")))
        learnt = Counter(one.card.name for one in kept if one.kind == "finding")
    finally:
        store.close()
    heard = [(told(one), one) for one in sent if one.kind != "summary"]
    why = {one.uid: reasons.why(said) for said, one in heard}
    missing = reasons.missing(said for said, _ in heard)
    unknown = [one for _, one in heard if not why[one.uid].known]
    out.writelines(_learning(learnt, [one for one in sent if one.kind == "summary"]))
    for story in _in_order(heard, why):
        found = [one for _, one in heard if why[one.uid].story == story]
        out.writelines(_story(story, found))
    out.writelines(_ordinary([one for _, one in heard if not why[one.uid].story], why))
    out.writelines(_sum(reasons, heard, why))
    out.writelines(f"\nNOT FOUND  {one.rule}: {one.who} at {one.when}: {one.why}\n" for one in missing)
    out.writelines(f"\nNOT EXPLAINED  {one.card.name}: firstseen findings show {one.uid}\n" for one in unknown)
    return not missing and not unknown


def _learning(learnt: Counter[str], summaries: list[Finding]) -> Iterator[str]:
    """Sum up the first week: its findings were kept, and one message said so for all rules that learnt something."""
    yield (
        f"The first {LEARNING_DAYS} days: {len(learnt)} rules learnt; {learnt.total()} findings were kept and not "
        f"sent, and {len(summaries)} message{'s' if len(summaries) != 1 else ''} said so.\n"
    )
    yield from (f"  firstseen findings show {one.uid}\n" for one in summaries)
    most = learnt.most_common(_SHOWN)
    yield from (f"  {line}\n" for line in aligned([(str(number), rule) for rule, number in most]))
    if len(learnt) > _SHOWN:
        yield f"  and {len(learnt) - _SHOWN} more: firstseen findings list --routing learning\n"


def _in_order(heard: Iterable[tuple[Told, Finding]], why: dict[str, Reason]) -> list[str]:
    """Return the stories that something was told of, in the order of their first finding."""
    return list(dict.fromkeys(story for _, one in heard if (story := why[one.uid].story)))


def _story(story: str, found: list[Finding]) -> Iterator[str]:
    """Show the finding with the highest risk in full, and of the others what a telephone shows first."""
    text = textwrap.dedent("    " + about(story))
    yield f"\n{'=' * _WIDTH}\n{story.upper()}\n{text}\n{'=' * _WIDTH}\n\n"
    most = max(found, key=lambda one: (one.kind == "finding", one.card.risk_score))
    yield to_text(most, width=_WIDTH)
    for one in sorted(found, key=lambda one: one.kind != "finding"):
        if one is not most:
            yield from _short(one)


def _short(finding: Finding) -> Iterator[str]:
    yield f"\n{headline(finding)}\n"
    yield f"{textwrap.shorten(finding.reason, 3 * _WIDTH, placeholder=' …')}\n"
    yield f"  firstseen findings show {finding.uid}\n" if finding.kind == "finding" else ""


def _ordinary(found: list[Finding], why: dict[str, Reason]) -> Iterator[str]:
    if found:
        yield f"\n{'=' * _WIDTH}\nON ORDINARY DAYS\n{'=' * _WIDTH}\n"
    for one in found:
        yield from _short(one)
        yield f"  why: {why[one.uid].why or 'nobody knows'}\n"


def _sum(reasons: Reasons, heard: list[tuple[Told, Finding]], why: dict[str, Reason]) -> Iterator[str]:
    """Say for each story what had to find it and what did, and how loud the ordinary days were."""
    yield f"\n{'=' * _WIDTH}\nSUMMARY\n{'=' * _WIDTH}\n"
    rows = [("story", "must be found by", "found by", "notifications")]
    for story in reasons.stories:
        found = [said.rule for said, one in heard if why[one.uid].story == story]
        wanted = {one.rule for one in reasons.of_story(story)}
        met = f"{len(wanted & set(found))} of {len(wanted)}"
        rows.append((story, met + " rules", f"{len(set(found))} rules", str(len(found))))
    yield from (f"{line}\n" for line in aligned(rows))
    rest = sum(not why[one.uid].story for _, one in heard)
    after = range(LEARNING_DAYS + 1, reasons.days + 1)
    noise = {one: reasons.noise_on(after, (said for said, _ in heard), (one,)) for one in CLOUDS}
    events = {one: reasons.events_on(after, (one,)) for one in CLOUDS}
    yield (
        f"\n{len(heard)} notifications, {rest} of them of no story: "
        f"{_rate(sum(noise.values()), sum(events.values()))} for 10,000 events after learning ("
    )
    yield ", ".join(f"{one} {_rate(noise[one], events[one])}" for one in CLOUDS) + ")\n"


def _rate(noise: int, events: int) -> str:
    return f"{noise * 10_000 / max(events, 1):.1f}"
