"""An Elastic rule's investigation guide, its ``note`` in Markdown, as steps for the on-call."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_STEPS = 200
"""Of one kind; what is over it is left out, and a last step says so."""
MAX_STEP_CHARACTERS = 2_000

_HEADING = re.compile(r"#{1,6}[ \t]+(.*)")
_BULLET = re.compile(r"([ \t]*)(?:[-*+]|[0-9]{1,3}[.)])[ \t]+(.*)")
_FENCES = ("```", "~~~")
_PLUGIN = "!{"
"""Elastic's buttons inside a guide: searches of its own that nobody else can run."""


@dataclass(frozen=True, slots=True)
class Guide:
    """What a guide says, in Markdown; each tuple holds one step an entry."""

    triage: tuple[str, ...] = ()
    response: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()


def read_guide(note: str) -> Guide:
    """The steps under the guide's headings.

    Headings that speak of a response or of remediation lead to ``response``, those that speak of false positives to
    ``false_positives``, those of setup and configuration to nothing, all others to ``triage``. Bullets lose their
    sign; bullets below them keep theirs.
    """
    kinds: dict[str, list[str]] = {"triage": [], "response": [], "false_positives": [], "": []}
    kind = "triage"
    fenced = False
    for line in note.splitlines():
        fenced ^= line.lstrip().startswith(_FENCES)
        heading = None if fenced else _HEADING.fullmatch(line.strip())
        if heading is not None:
            kind = _kind(heading[1].lower())
        elif line.strip() and not line.lstrip().startswith(_PLUGIN):
            kinds[kind].append(_step(line)[:MAX_STEP_CHARACTERS])
    return Guide(*(_bounded(kinds[name]) for name in ("triage", "response", "false_positives")))


def _kind(heading: str) -> str:
    if "false positive" in heading:
        return "false_positives"
    if "response" in heading or "remediation" in heading:
        return "response"
    return "" if heading.startswith(("setup", "config")) else "triage"


def _step(line: str) -> str:
    bullet = _BULLET.fullmatch(line.rstrip())
    if bullet is None:
        return line.strip()
    return bullet[2] if not bullet[1] else f"  - {bullet[2]}"


def _bounded(steps: list[str]) -> tuple[str, ...]:
    if len(steps) > MAX_STEPS:
        return (*steps[:MAX_STEPS], f"… and {len(steps) - MAX_STEPS:,} more lines of the rule's guide")
    return tuple(steps)
