"""Why a finding is reported, in one sentence for each kind of correlation."""

from __future__ import annotations

from firstseen.correlations.step import Opening
from firstseen.findings.times import about, moment, span
from firstseen.findings.words import word
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
    "subscriptionId": "this subscription",
    "tenantId": "this tenant",
}
"""Group-by names that are places; the value stands beside them in the finding."""


def reason(opening: Opening, correlation: Correlation, group: Named, terms: Named) -> str:
    """One sentence that stands alone, in texts and in ``unmapped.reason``."""
    match correlation.type:
        case "match":
            said = "Told whenever it happens: this rule does not ask whether it is new"
        case "new_terms":
            said = _new(opening, correlation, group, terms)
        case "event_count":
            said = _counted(opening, correlation, "matching event") + _within(group)
        case "value_count":
            said = _values(opening, correlation) + _within(group)
        case "temporal":
            said = f"{_steps(correlation)} within {span(correlation.timespan_us)}{_within(group)}"
        case _:  # temporal_ordered
            said = f"{_steps(correlation)}, in order, within {span(correlation.timespan_us)}{_within(group)}"
    if opening.late:
        said += "; the event arrived late, older than everything that is kept of this key"
    if opening.overflowed:
        said += "; the key's log of sightings overflowed, so counts are lower bounds"
    return said + "."


def _new(opening: Opening, correlation: Correlation, group: Named, terms: Named) -> str:
    first, *others = [f"{word(name)} {_short(value)}" for name, value in terms] or ["this"]
    what = first + _joined(" with ", others)
    if opening.last_seen_us:
        gap = about(max(0, opening.time_us - opening.last_seen_us))
        seen = f"last seen {gap} ago ({moment(opening.last_seen_us)})"
        return f"{seen[0].upper()}{seen[1:]}{_within(group)}: {what}"
    if opening.late:
        return f"Not seen within {span(correlation.timespan_us)}{_within(group)}: {what}"
    return f"Never seen before{_within(group)}: {what}"


def _counted(opening: Opening, correlation: Correlation, noun: str) -> str:
    number = max(len(opening.related) + opening.related_more, correlation.count)
    least = "At least " if opening.overflowed else ""
    return f"{least}{number} {noun}{'s' if number != 1 else ''} within {span(correlation.timespan_us)}"


def _values(opening: Opening, correlation: Correlation) -> str:
    seen = len({one.value for one in opening.related})
    number = max(seen, correlation.count)
    least = "At least " if opening.related_more or opening.overflowed else ""
    fields = ", ".join(map(word, correlation.fields)) or "the counted field"
    return f"{least}{number} different values of {fields} within {span(correlation.timespan_us)}"


def _steps(correlation: Correlation) -> str:
    number = len(correlation.members)
    return "Both steps happened" if number == 2 else f"All {number} steps happened"  # noqa: PLR2004 - two are both


def _within(group: Named) -> str:
    """`` by this actor for disk vol-1 in this account``: who, what, where. The actor is the finding's."""
    by = [" by this actor" for name, _ in group if name == "actor"]
    named = [f"{word(name)} {_short(value)}" for name, value in group if name != "actor" and name not in _PLACES]
    places = [_PLACES[name] for name, _ in group if name in _PLACES]
    return "".join(by) + _joined(" for ", named) + _joined(" in ", places)


def _joined(before: str, said: list[str]) -> str:
    return before + " and ".join(said) if said else ""


def _short(value: str) -> str:
    return value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 1] + "…"
