"""Why a finding is reported, in one sentence for each kind of correlation."""

from __future__ import annotations

from firstseen.correlations.step import Opening
from firstseen.findings.times import about, moment, span
from firstseen.language.rules import Correlation

Named = tuple[tuple[str, str], ...]

MAX_SHOWN = 120

_PLACES = {
    "account": "this account",
    "recipientAccountId": "this account",
    "userIdentity.accountId": "this account",
    "cloud.account.id": "this account",
    "region": "this region",
    "awsRegion": "this region",
    "cloud.region": "this region",
    "actor": "this actor",
    "subscriptionId": "this subscription",
    "tenantId": "this tenant",
}
"""Group-by names that have a plain word; the value stands beside them in the finding."""


def reason(opening: Opening, correlation: Correlation, group: Named, terms: Named) -> str:
    """One sentence that stands alone, in texts and in ``unmapped.reason``."""
    match correlation.type:
        case "match":
            said = "The event matches the rule; the rule has no memory"
        case "new_terms":
            said = _new(opening, correlation, group, terms)
        case "event_count":
            said = _counted(opening, correlation, "matching event") + _within(group)
        case "value_count":
            said = _values(opening, correlation) + _within(group)
        case "temporal":
            said = f"All {len(correlation.members)} rules of the chain matched within "
            said += span(correlation.timespan_us) + _within(group)
        case _:  # temporal_ordered
            said = f"All {len(correlation.members)} rules of the chain matched in order within "
            said += span(correlation.timespan_us) + _within(group)
    if opening.late:
        said += "; the event arrived late, older than everything that is kept of this key"
    if opening.overflowed:
        said += "; the key's log of sightings overflowed, so counts are lower bounds"
    return said + "."


def _new(opening: Opening, correlation: Correlation, group: Named, terms: Named) -> str:
    what = " with ".join(f"{_tail(name)} {_short(value)}" for name, value in terms) or "this"
    if opening.last_seen_us:
        gap = about(max(0, opening.time_us - opening.last_seen_us))
        seen = f"last seen {gap} ago ({moment(opening.last_seen_us)})"
        return f"{seen[0].upper()}{seen[1:]}{_within(group)}: {what}"
    if opening.late:
        return f"Not seen within {span(correlation.timespan_us)}{_within(group)}: {what}"
    return f"Never seen before{_within(group)}: {what}"


def _counted(opening: Opening, correlation: Correlation, noun: str) -> str:
    number = max(len(opening.related) + opening.related_more, correlation.count)
    least = "at least " if opening.overflowed else ""
    return f"{least}{number} {noun}{'s' if number != 1 else ''} within {span(correlation.timespan_us)}"


def _values(opening: Opening, correlation: Correlation) -> str:
    seen = len({one.value for one in opening.related})
    number = max(seen, correlation.count)
    least = "at least " if opening.related_more or opening.overflowed else ""
    fields = ", ".join(correlation.fields) or "the counted field"
    return f"{least}{number} different values of {fields} within {span(correlation.timespan_us)}"


def _within(group: Named) -> str:
    """`` in this account`` and so on; an unknown name is shown with its value."""
    said = [_PLACES.get(name) or f"{name} {_short(value)}" for name, value in group]
    return " in " + " and ".join(said) if said else ""


def _tail(name: str) -> str:
    """The last two parts of a dotted name: enough for a sentence; the whole stands with the facts."""
    return ".".join(name.split(".")[-2:])


def _short(value: str) -> str:
    return value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 1] + "…"
