"""The text form: what an on-call reads on a phone at three in the morning.

The first line says what happened and to what. Then why it is new, the facts, the triage steps; the last
lines are the commands to look closer and to mark it expected. Whatever comes from events goes through
``safe_text``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from firstseen.findings.attack import tactics, techniques
from firstseen.findings.finding import Finding, Related
from firstseen.findings.links import console_link, look_closer, mark_expected
from firstseen.findings.naming import NAME, account_name, labels, whole_account, whole_folder
from firstseen.findings.safe import safe_text
from firstseen.findings.times import moment

DEFAULT_WIDTH = 100
MIN_WIDTH = 40

MAX_HEADLINE_CHARS = 240
MAX_VALUE_CHARS = 300
MAX_PROSE_CHARS = 1_000
MAX_STEPS = 12
MAX_RELATED_SHOWN = 5
MAX_DETAILS = 30
MAX_SUBJECT_CHARS = 99
"""SNS takes subjects of less than 100 ASCII characters without line breaks."""
MAX_SUBJECT_NAME_CHARS = 24
"""Of who, and of where."""

_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

_LABEL_WIDTH = 10

__all__ = ["caveats", "headline", "minimal", "others", "safe_text", "subject", "to_text"]


def to_text(finding: Finding, *, width: int = DEFAULT_WIDTH) -> str:
    """The finding as plain text, in lines of ``width`` unless that breaks an id, a link or a command.



    Deterministic; ends with a line break. Holds no control character but line breaks, whatever the event
    holds.
    """
    width = max(width, MIN_WIDTH)
    blocks = [
        [
            headline(finding),
            # Where a long one is wrapped, the event chooses with which word: no line of its may look like one of ours.
            *_wrapped(safe_text(finding.reason, MAX_PROSE_CHARS), width, later="  "),
            *(line for one in caveats(finding) for line in _wrapped(one, width)),
        ],
        _facts(finding, width),
        _steps("Triage", finding.card.triage, width),
        _steps("Response", finding.card.response, width),
        _closing(finding),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def headline(finding: Finding) -> str:
    """What happened and to what, in one line: ``HIGH  Title: who called what on which resource in where``."""
    level = finding.card.level.upper()
    title = safe_text(finding.card.title, 120)
    match finding.kind:
        case "digest":
            return f"{level}  Digest: {title}: {_counted(finding)}"
        case "summary":
            return f"LEARNT  {title}: {_counted(finding)}"
        case "test":
            return f"TEST  {title}"
        case "operational":
            return f"NOTICE  {title}"
        case "finding":
            return safe_text(f"{level}  {title}: {_what(finding)}", MAX_HEADLINE_CHARS)


def subject(finding: Finding) -> str:
    """The headline as a mail's subject: one line of at most 99 printable ASCII characters.

    Who and where are never lost to a long title: the title is cut, between two words.
    """
    text, tail = headline(finding), ""
    if finding.kind == "finding":
        text = f"{finding.card.level.upper()} {safe_text(finding.card.title)}"
        who, account = _brief(short_actor(finding.fact("actor"))), _brief(_account(finding))
        tail = f": {who}" * bool(who) + f" in {account}" * bool(account)
    return (_cut(_plain(text.replace("  ", " ")), MAX_SUBJECT_CHARS - len(tail)) + tail).strip() or "firstseen"


def _brief(name: str) -> str:
    """Who or where as a subject has room for it: ``ana@...`` of an address, ``92f59481...`` of a GUID."""
    plain = _plain(name)
    if _GUID.fullmatch(plain):
        return plain[:8] + "..."
    local, found, _ = plain.partition("@")
    return _cut(f"{local}@..." if found and local else plain, MAX_SUBJECT_NAME_CHARS)


def _plain(text: str) -> str:
    """Printable ASCII."""
    return "".join(char if " " <= char <= "~" else "?" for char in safe_text(text).replace("…", "..."))


def _cut(text: str, limit: int) -> str:
    """At most ``limit`` characters; what is cut ends with three dots, after a whole word where one is near."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 3]
    words = kept.rpartition(" ")[0]
    return (words if len(words) > limit // 2 else kept).rstrip(" ,:;") + "..."


def minimal(finding: Finding) -> Finding:
    """A short form for a sink that refused the whole: uid, rule, time, facts; no event, no steps."""
    card = replace(
        finding.card,
        title=safe_text(finding.card.title, 120),
        name=safe_text(finding.card.name, 120),
        author="",
        description="",
        references=(),
        false_positives=(),
        tags=tuple(safe_text(tag, 60) for tag in finding.card.tags[:10]),
        triage=(),
        response=(),
    )
    return replace(
        finding,
        card=card,
        group=_short_pairs(finding.group),
        terms=_short_pairs(finding.terms),
        reason=safe_text(finding.reason, 300),
        related=tuple(replace(one, event_id=safe_text(one.event_id, 128)) for one in finding.related[:1]),
        related_more=finding.related_more + max(0, len(finding.related) - 1),
        facts=_short_pairs(finding.facts),
        raw="",
        pointer=safe_text(finding.pointer, 300),
        details=_short_pairs(finding.details[:5]),
    )


def short_actor(actor: str) -> str:
    """The last part of an identity's name: ``role/ci/deploy`` of an ARN is ``deploy``."""
    tail = actor.rstrip("/").rpartition("/")[2] if "/" in actor else actor.rpartition(":")[2] or actor
    return tail or actor


def _account(finding: Finding) -> str:
    """The account as a subject has room for it: by its name, whatever signs are in it, or the last part of its id."""
    return finding.fact(NAME) or short_actor(finding.fact("account"))


def short_action(finding: Finding) -> str:
    """The call as a headline has room for it: of Azure's operations without the provider and what all of them end in.

    ``MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION`` is ``virtualmachines/runcommand``.
    """
    action = finding.fact("action")
    provider, found, rest = action.partition("/")
    if finding.source != "azure.activitylogs" or not found or "." not in provider:
        return action
    rest = rest.lower() if rest.isupper() else rest
    head, found, last = rest.rpartition("/")
    return head if found and last.lower() == "action" else rest


def _short_pairs(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((safe_text(name, 80), safe_text(value, 200)) for name, value in pairs)


def _counted(finding: Finding) -> str:
    number = safe_text(dict(finding.details).get("findings", "?"), 40)
    return f"{number} finding{'s' if number != '1' else ''}"


def _what(finding: Finding) -> str:
    who = safe_text(short_actor(finding.fact("actor")), 60)
    call = safe_text(short_action(finding), 80)
    said = (": " if " " in call else " called ").join(part for part in (who, call) if part)
    if finding.fact("outcome") == "failure":
        said += " (failed)"
    if finding.fact("resource"):
        said += f" on {safe_text(short_actor(finding.fact('resource')), 60)}"
    where = " ".join(safe_text(part, 40) for part in (account_name(finding), finding.fact("region")) if part)
    return f"{said} in {where}" if where else said


def caveats(finding: Finding) -> list[str]:
    """What weakens the reason, or says where the finding went; a sentence each."""
    said: list[str] = []
    if finding.baseline == "none" and finding.type == "new_terms" and finding.kind == "finding":
        said.append("No baseline was built for this rule: what is new may only be new to firstseen.")
    if finding.baseline == "learning":
        said.append("The rule was still learning.")
    if finding.routing not in {"send", "learning"}:
        said.append(f"Not sent singly: {finding.routing}.")
    return said


def _facts(finding: Finding, width: int) -> list[str]:
    card = finding.card
    outcome = " ".join(part for part in (finding.fact("outcome"), _bracketed(finding.fact("error"))) if part)
    places = (finding.provider, whole_account(finding), whole_folder(finding), finding.fact("region"))
    where = " ".join(part for part in places if part)
    told = {finding.fact(name) for name in ("actor", "session", "account", "region", "source.ip")}
    pairs: list[tuple[str, str]] = [
        ("When", moment(finding.time_us)),
        ("Remark", finding.fact("remark")),
        ("Who", finding.fact("actor")),
        ("Session", finding.fact("session") if finding.fact("session") != finding.fact("actor") else ""),
        ("Key", finding.fact("access_key")),
        ("What", ", ".join(part for part in (finding.fact("action"), outcome) if part)),
        ("Set to", finding.fact("set_to")),
        ("Resource", finding.fact("resource")),
        ("From", finding.fact("source.ip")),
        ("Agent", finding.fact("user_agent")),
        ("App", finding.fact("application")),
        ("Role", finding.fact("role")),
        ("Tenant", _foreign(finding)),
        ("Where", where),
        ("Account", ", ".join(f"{label} {value}" for label, value in labels(finding))),
        *(("Term", f"{name} = {value}") for name, value in finding.terms if value not in told),
        *(("Group", f"{name} = {value}") for name, value in finding.group if value not in told),
        *((name, value) for name, value in finding.details[:MAX_DETAILS]),
        ("Event", finding.related[0].event_id if finding.related else ""),
        *others(finding),
        ("Lies in", finding.pointer),
        ("Rule", f"{card.id} ({card.level}, risk {card.risk_score})"),
        ("ATT&CK", ", ".join(_attack(card.tags))),
        ("Baseline", finding.baseline if finding.baseline != "none" else ""),
        ("Pack", finding.pack_version),
    ]
    return [line for name, value in pairs if value for line in _labelled(name, value, width)]


def _attack(tags: tuple[str, ...]) -> Iterable[str]:
    return (*map(str, techniques(tags)), *(one.name for one in tactics(tags)))


def _foreign(finding: Finding) -> str:
    """Whoever comes from another tenant is a guest, or a partner to whom the subscription was delegated."""
    home, here = finding.fact("home_tenant"), finding.fact("tenant")
    return f"{home}, not that of the log" if home and here and home.casefold() != here.casefold() else ""


def _bracketed(text: str) -> str:
    return f"({text})" if text else ""


def others(finding: Finding) -> Iterable[tuple[str, str]]:
    """The events of the condition: of a chain its steps as they happened, in words; else the others by id.

    Where there are many steps the newest is among those that are said: it is what made the chain whole.
    """
    chain = finding.kind == "finding" and finding.type in {"temporal", "temporal_ordered"}
    steps = sorted((one for one in finding.related if one.title), key=lambda one: one.time_us) if chain else []
    if steps:
        runs = [list(run) for _, run in groupby(steps, key=lambda one: one.title)]
        said = runs if len(runs) <= MAX_STEPS else [*runs[: MAX_STEPS - 1], runs[-1]]
        yield from (("Step", _step(run)) for run in said)
        number = finding.related_more + len(steps) - sum(map(len, said))
    else:
        yield from (("and", f"{moment(one.time_us)}  {one.event_id}") for one in finding.related[1:MAX_RELATED_SHOWN])
        number = finding.related_more + max(0, len(finding.related) - MAX_RELATED_SHOWN)
    if number:
        yield "and", f"{number} more event{'s' if number != 1 else ''}"


def _step(run: list[Related]) -> str:
    """When it began, and what it was; how many events, where several say the same one after the other."""
    more = f" ({len(run)} events)" if len(run) > 1 else ""
    return f"{moment(run[0].time_us)}  {run[0].title}{more}"


def _labelled(name: str, value: str, width: int) -> list[str]:
    label = f"{safe_text(name, 40)}: ".ljust(_LABEL_WIDTH)
    return _wrapped(safe_text(value, MAX_VALUE_CHARS), width, label, " " * _LABEL_WIDTH)


def _steps(title: str, steps: tuple[str, ...], width: int) -> list[str]:
    lines = [title] if steps else []
    for number, step in enumerate(steps[:MAX_STEPS], 1):
        text = safe_text(step.strip(), MAX_PROSE_CHARS)
        lines.extend(_wrapped(text, width, f" {number}. ", " " * (len(str(number)) + 3)))
    if len(steps) > MAX_STEPS:
        lines.append(f" and {len(steps) - MAX_STEPS} more steps with the rule")
    return lines


def _closing(finding: Finding) -> list[str]:
    lines = ["Look closer", *(f"  {command}" for command in look_closer(finding))]
    link = console_link(finding)
    if link:
        lines.append(f"  {link}")
    if finding.kind == "finding":
        lines += ["Expected?", f"  {mark_expected(finding)}"]
    return lines


def _wrapped(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    """Lines of at most ``width``; a longer word (an id, an ARN) keeps its line to itself, unbroken."""
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or ([first.rstrip()] if first.strip() else [])
