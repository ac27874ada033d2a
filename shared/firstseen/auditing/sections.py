"""The audit as tables: what each section says, row by row, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from firstseen.auditing.audit import Audit, Right, Span
from firstseen.findings.times import DAY_US, iso

RANKS = MappingProxyType(
    {"administrator": "anything", "grants": "give itself any right", "commands": "run commands on machines"}
)
_NEVER = "not in these logs"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: now, and from how many days on something is unused, or a key old."""

    now_us: int
    unused_days: int
    key_days: int


@dataclass(frozen=True, slots=True)
class Section:
    """One table.

    ``left_out``: events about rows that the full table could not take; 0 is the usual case. ``places``: columns that
    say in which account, by its id or by a scope within it.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0
    places: tuple[str, ...] = ()


def sections(audit: Audit, asked: Question, names: tuple[str, ...]) -> Iterator[Section]:
    """The sections of these names (:data:`SECTIONS`), in that order."""
    for name in names:
        yield SECTIONS[name](audit, asked)


def _day(time_us: int) -> str:
    return iso(time_us - time_us % 1_000_000) if time_us else ""


def _when(span: Span) -> tuple[str, str]:
    return _day(span.first_us), _day(span.last_us)


def _name(audit: Audit, principal: str) -> str:
    """With the name that people know, where the logs have one."""
    known = audit.aliases.get(principal) or audit.labels.get(principal)
    return f"{known} ({principal})" if known else principal


def _standing(audit: Audit) -> Iterator[Right]:
    """Rights that the logs show and that were not refused; of memberships those in something that has rank."""
    holders = {right.principal for right in audit.rights.values() if right.principal and not right.waits_for}
    for right in audit.rights.values():
        if right.principal and not right.refused and (not right.waits_for or right.waits_for in holders):
            yield right


def _may(audit: Audit, asked: Question) -> Section:
    del asked
    rows = sorted(
        (
            _name(audit, right.principal), RANKS[right.rank], right.name, right.scope or right.account,
            "seen at work" if right.used and not right.by else "seen as it was given", right.by, _day(right.given_us),
            "" if right.stands else _day(right.taken_us),
        )
        for right in _standing(audit)
        if right.rank in {"administrator", "commands", "grants"}
    )  # fmt: skip
    columns = ("who", "may", "by", "where", "known", "given_by", "since", "taken_away")
    title = "Who may run commands on machines, or give themselves the right to, as far as these logs show"
    return Section("may", title, columns, tuple(rows), audit.rights.left_out, ("where",))


def _ran(audit: Audit, asked: Question) -> Section:
    del asked
    rows = sorted(
        (
            _name(audit, who),
            action,
            account,
            str(ran.span.times),
            str(ran.refused),
            str(ran.machines),
            *_when(ran.span),
            ran.address,
        )
        for (who, action, account), ran in audit.ran.items()
    )
    columns = ("who", "call", "account", "times", "refused", "machines", "first", "last", "last_address")
    return Section("ran", "Who ran commands on machines", columns, tuple(rows), audit.ran.left_out, ("account",))


def _unused(audit: Audit, asked: Question) -> Section:
    """Privileged principals that were not there for so many days."""
    last = _last_seen(audit)
    why: dict[str, tuple[int, list[str]]] = {}
    for right in _standing(audit):
        if right.stands:
            known_us, reasons = why.get(right.principal, (right.given_us, []))
            why[right.principal] = min(known_us, right.given_us), [*reasons, right.name]
    for principal, span in audit.sensitive.items():
        known_us, reasons = why.get(principal, (span.first_us, []))
        why[principal] = min(known_us, span.first_us), [*reasons, "sensitive calls"]
    rows = []
    for principal, (known_us, reasons) in why.items():
        seen_us = last.get(audit.aliases.get(principal) or principal, last.get(principal, 0))
        days = (asked.now_us - (seen_us or known_us)) // DAY_US
        if days >= asked.unused_days:
            shown = ", ".join(dict.fromkeys(reasons))
            rows.append((_name(audit, principal), shown, _day(known_us), _day(seen_us) or _NEVER, str(days)))
    columns = ("who", "privileged_by", "known_since", "last_seen", "days_unused")
    title = f"Privileged principals that were not seen for {asked.unused_days} days or more"
    left_out = audit.seen.left_out + audit.sensitive.left_out
    return Section("unused", title, columns, tuple(sorted(rows)), left_out)


def _last_seen(audit: Audit) -> Mapping[str, int]:
    """When each principal was last there, under each of its names."""
    last: dict[str, int] = dict(audit.seen.items())
    for other, principal in audit.aliases.items():
        latest = max(last.get(other, 0), last.get(principal, 0))
        if latest:
            last[other] = last[principal] = latest
    return last


def _keys(audit: Audit, asked: Question) -> Section:
    rows = []
    for key, known in audit.credentials.items():
        since_us = known.made_us or known.span.first_us
        days = (asked.now_us - since_us) // DAY_US if since_us else 0
        if known.span.times and days >= asked.key_days and not known.deleted_us:
            age = str(days) if known.made_us else f"{days}+"
            rows.append((key, known.kind, known.owner, _day(known.made_us) or "before these logs", age,
                         str(known.span.times), *_when(known.span)))  # fmt: skip
    columns = ("key", "kind", "owner", "made", "age_days", "times", "first", "last")
    title = f"Access keys and credentials of {asked.key_days} days or more that were used"
    return Section("keys", title, columns, tuple(sorted(rows)), audit.credentials.left_out)


def _no_mfa(audit: Audit, asked: Question) -> Section:
    del asked
    rows = sorted(
        (who, account, to, str(entered.span.times), *_when(entered.span), entered.address)
        for (who, account, to), entered in audit.sign_ins.items()
    )
    columns = ("who", "account", "to", "times", "first", "last", "last_address")
    title = "Sign-ins without a second factor"
    return Section("no-mfa", title, columns, tuple(rows), audit.sign_ins.left_out, ("account",))


SECTIONS: Mapping[str, Callable[[Audit, Question], Section]] = MappingProxyType(
    {"may": _may, "ran": _ran, "unused": _unused, "keys": _keys, "no-mfa": _no_mfa}
)
"""By name, in the order in which they are shown."""
