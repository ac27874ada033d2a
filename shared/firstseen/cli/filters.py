"""Expectations as Sigma filters: what turned out to be normal for good, written where the rules are."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from firstseen.findings.build import MAX_KEY_CHARS
from firstseen.findings.safe import safe_text
from firstseen.findings.times import iso
from firstseen.sources.registry import SOURCES

if TYPE_CHECKING:
    from firstseen.findings.expectations import Expectation
    from firstseen.findings.finding import Finding

_NAMESPACE = uuid.UUID("5f1f6b0e-6a0e-5a53-9d0b-0c7f7d2b7a11")
"""Of the filters' ids, so that exporting again gives the same ids."""

_SPECIAL = re.compile(r"[\\*?]")


def sigma_filter(expectation: Expectation, finding: Finding) -> dict[str, object] | str:
    """The filter document; or, in a sentence, why this expectation cannot be one.

    It names the base rules of the finding: Sigma has no filter over a correlation. What it excludes no longer counts
    for any rule over these base rules, and it has no end.
    """
    source = SOURCES.get(finding.source)
    bases = sorted({one.base_id for one in finding.related if one.base_id})
    if source is None or not bases:
        return "the finding does not say which base rules and log source it comes from"
    selection: dict[str, object] = {}
    for name, value in _parts(finding):
        # A name that no table of the source has may be the correlation's alias: it would never hold.
        if not (source.knows(name) or name in source.common or name in source.ecs):
            return f"{source.name} has no field {name!r} (an alias of the rule?): write the filter by hand"
        if len(value) > MAX_KEY_CHARS:
            return f"the value of {name} was cut: write the filter by hand"
        selection[name] = _SPECIAL.sub(lambda found: "\\" + found[0], value)
    if not selection:
        return "it belongs to no field of the event: write the filter by hand"
    return {
        "title": f"Expected: {safe_text(expectation.shown, 120)}",
        "id": str(uuid.uuid5(_NAMESPACE, f"{finding.card.id} {sorted(selection.items())}")),
        "description": f"{expectation.reason} (expected by {expectation.who} on {iso(expectation.at_us)} for the rule"
        f" {finding.card.title!r}). A filter has no end, and excludes these events from all rules over its base rules.",
        "logsource": dict(source.logsource),
        "filter": {"rules": bases, "selection": selection, "condition": "not selection"},
    }


def _parts(finding: Finding) -> list[tuple[str, str]]:
    """The fields that make the expectation's key, as ``expectation_record`` does."""
    if finding.type == "match":
        facts = ((name, finding.fact(name)) for name in ("actor", "action", "account"))
        return [(name, value) for name, value in facts if value]
    return [*finding.group, *finding.terms]
