"""A finding as a custom notification of Amazon Q Developer in chat applications (Slack, Microsoft Teams). Pure.

The service shows messages of this form only and drops every other without a word. It reads Slack's flavour of
Markdown, and mentions: text from events is shown without either.
"""

from __future__ import annotations

import orjson

from firstseen.findings.finding import Finding, key_of
from firstseen.findings.links import console_link, look_closer, mark_expected
from firstseen.findings.naming import whole_account
from firstseen.findings.safe import safe_text
from firstseen.findings.text import caveats, headline, others
from firstseen.findings.times import moment

MAX_TITLE_CHARS = 200
MAX_DESCRIPTION_CHARS = 4_000
MAX_STEPS = 8
MAX_STEP_CHARS = 400

_ICONS = {
    "critical": ":rotating_light:",
    "high": ":red_circle:",
    "medium": ":large_orange_circle:",
    "low": ":large_yellow_circle:",
    "informational": ":white_circle:",
}

_SHOWN = (
    ("Who", "actor"),
    ("What", "action"),
    ("Outcome", "outcome"),
    ("Resource", "resource"),
    ("From", "source.ip"),
    ("Account", "account"),
    ("Region", "region"),
)

_PLAIN = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb", "@": "\uff20"}
)


def _said(finding: Finding, name: str) -> str:
    return whole_account(finding) if name == "account" else finding.fact(name)


def chat_bytes(finding: Finding) -> bytes:
    """The notification as JSON. One thread holds all findings of a key."""
    card = finding.card
    lines = [
        " ".join(_plain(said, 1_000) for said in (finding.reason, *caveats(finding)) if said),
        "",
        *(f"*{label}:* {_plain(said, 300)}" for label, name in _SHOWN if (said := _said(finding, name))),
        f"*When:* {moment(finding.time_us)}",
        *(f"*{label}:* {_plain(said, 300)}" for label, said in others(finding) if label == "Step"),
        *(f"*{_plain(label, 60)}:* {_plain(value, 300)}" for label, value in finding.details[:10]),
        f"*Finding:* `{_plain(finding.uid, 80)}`",
    ]
    link = console_link(finding)
    if link:
        lines.append(f"<{link}|The event in the console>")
    steps = [_plain(step, MAX_STEP_CHARS) for step in card.triage[:MAX_STEPS]]
    steps += [f"`{command}`" for command in look_closer(finding)]
    if finding.kind == "finding":
        steps.append(f"Expected? `{mark_expected(finding)}`")
    return orjson.dumps(
        {
            "version": "1.0",
            "source": "custom",
            "id": finding.uid,
            "content": {
                "textType": "client-markdown",
                "title": f"{_ICONS[card.level]} {_plain(headline(finding), MAX_TITLE_CHARS)}",
                "description": "\n".join(lines)[:MAX_DESCRIPTION_CHARS],
                "nextSteps": steps,
                "keywords": [card.level, finding.kind],
            },
            "metadata": {
                "threadId": key_of(finding.uid),
                "summary": _plain(headline(finding), MAX_TITLE_CHARS),
                "eventType": "firstseen",
                "relatedResources": [_plain(finding.fact("resource"), 300)] if finding.fact("resource") else [],
                "additionalContext": {"rule": card.id, "severity": card.level, "uid": finding.uid},
            },
        }
    )


def _plain(value: str, limit: int) -> str:
    """One line that chat shows as it is: no formatting, no link, no mention."""
    return safe_text(value, limit).translate(_PLAIN)
