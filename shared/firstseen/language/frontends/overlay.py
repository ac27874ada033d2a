"""The overlay ``rules.yaml``: what its user tunes in rules that are not theirs to edit, compiled into the pack.

::

    rules:                                  # by id or name
        ec2_password_data_new_role: {level: high, learning: 14d}
    tags:                                   # by tag; * stands for any text
        attack.t1078*: {limit: 10}
    lists:                                  # values for placeholders, in the place of a list's own
        administrators: ['arn:aws:iam::111122223333:role/admin*']
        known_networks: {add: [198.51.100.0/24]}    # or beside them
        break_glass: {accounts: {'111122223333': ['arn:…'], sandbox-*: ['*']}}    # or beside them, in these accounts
    accounts: {'111122223333': payments-prod}   # what ids are called
    time_zone: Europe/Berlin                # whose clocks time.hour and time.weekday mean; UTC when left out

Tags are applied first, in their order, then rules: the more particular word is the last one. An overlay changes how a
rule reports, never what it asks: fingerprints, and with them states, stay. The time zone is the exception: rules over
hours and weekdays begin anew with another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal, cast

from firstseen.errors import Place, RuleError
from firstseen.language.frontends.accounts import AccountsSaid, read_accounts
from firstseen.language.frontends.cards import RISK_OF_LEVEL
from firstseen.language.frontends.documents import Document, read_documents
from firstseen.language.frontends.faults import each
from firstseen.language.frontends.likeness import like
from firstseen.language.frontends.overlay_lists import InAccounts, read_lists
from firstseen.language.frontends.sections import Section
from firstseen.language.rules import LEVELS, Base, Correlation, Level, Suppression

NAMES = ("rules.yaml", "rules.yml")
"""Files of these names are overlays, where they hold no rules."""

MAX_TUNINGS = 10_000
_KEYS = ("rules", "tags", "lists", "accounts", "time_zone")
_TUNING_KEYS = ("enabled", "level", "limit", "learning", "suppress")
_SUPPRESS_KEYS = ("fields", "for", "missing")
_RULE_KEYS = frozenset({"title", "detection", "correlation", "filter", "logsource"})


@dataclass(frozen=True, slots=True)
class Tuning:
    """What an overlay says about one rule, or about all rules with a tag; None where it says nothing.

    Attributes:
        selector: an id or name; or a tag pattern, when ``by_tag``.
        place: where it stands.
        suppression: the new one; ``suppress: false`` takes a rule's own away (``unsuppressed``).
    """

    selector: str
    by_tag: bool
    place: Place
    enabled: bool | None = None
    level: Level | None = None
    limit: int | None = None
    learning_us: int | None = None
    suppression: Suppression | None = None
    unsuppressed: bool = False


@dataclass(frozen=True, slots=True)
class Overlay:
    """One overlay file, as far as it can be read.

    Attributes:
        tunings: in the order in which they apply.
        lists: value lists by name, in the place of those of files and of earlier overlays.
        added: further values by the name of their list.
        in_accounts: further values that hold in some accounts only.
        accounts: what ids are called.
        time_zone: "" where it says nothing.
        faults: what is wrong with the rest, each with its place.
    """

    tunings: tuple[Tuning, ...]
    lists: Mapping[str, tuple[str, ...]]
    added: Mapping[str, tuple[str, ...]]
    in_accounts: tuple[InAccounts, ...] = ()
    accounts: AccountsSaid = field(default_factory=lambda: AccountsSaid({}, {}))
    time_zone: str = ""
    faults: tuple[RuleError, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that an overlay changes in a rule: ``level`` from ``medium`` to ``high``."""

    what: str
    before: str
    after: str


@dataclass(slots=True)
class Tuned:
    """Rules with overlays applied.

    Attributes:
        correlations: the rules, in their order.
        changes: rule id → what was changed.
        faults: tunings that fit no rule.
    """

    correlations: list[Correlation]
    changes: dict[str, list[Change]] = field(default_factory=dict)
    faults: list[RuleError] = field(default_factory=list)


def is_overlay(file: str, data: bytes) -> bool:
    """Whether a file is an overlay: by its name, unless it holds a rule. What is no YAML is taken by its name."""
    if file.replace("\\", "/").rsplit("/", 1)[-1] not in NAMES:
        return False
    try:
        documents = read_documents(file, data)
    except RuleError:
        return True
    return not any(_RULE_KEYS & set(document.data) for document in documents)


def read_overlay(file: str, data: bytes) -> Overlay:
    """The overlay in a file, as far as it can be read; its faults are kept in it.

    Raises RuleError with its place when it is not one YAML document.
    """
    documents = read_documents(file, data)
    if len(documents) > 1:
        raise documents[1].fault("an overlay is one document: join them")
    document = documents[0]
    faults = [
        document.fault(f"an overlay knows no {key!r}; there are: {', '.join(_KEYS)}", key)
        for key in document.data
        if key not in _KEYS
    ]
    tunings: list[Tuning] = []
    for key in ("tags", "rules"):
        body = document.data.get(key) or {}
        if not isinstance(body, dict) or len(body) > MAX_TUNINGS:
            faults.append(document.fault(f"{key} is a mapping of at most {MAX_TUNINGS:,} entries", key))
            continue
        for selector in body:
            try:
                tunings.append(_tuning(document, key, selector))
            except RuleError as fault:
                faults.extend(each(fault))
    lists = read_lists(document, faults)
    accounts = read_accounts(document, faults)
    zone = document.data.get("time_zone") or ""
    if not isinstance(zone, str):
        faults.append(document.fault("time_zone is a name such as Europe/Berlin", "time_zone"))
        zone = ""
    return Overlay(tuple(tunings), lists.placed, lists.added, tuple(lists.in_accounts), accounts, zone, tuple(faults))


def _tuning(document: Document, key: str, selector: str) -> Tuning:
    section = Section(document, (key, selector), _TUNING_KEYS)
    if not section.body:
        raise section.fault(f"{selector} says nothing; there are: {', '.join(_TUNING_KEYS)}")
    suppress = section.body.get("suppress")
    return Tuning(
        selector=selector,
        by_tag=key == "tags",
        place=document.place(key, selector),
        enabled=section.boolean("enabled"),
        level=cast("Level | None", section.choice("level", LEVELS)),
        limit=section.integer("limit", 0, 1_000_000),
        learning_us=section.duration_us("learning"),
        suppression=_suppression(document, key, selector) if suppress not in (None, False) else None,
        unsuppressed=suppress is False,
    )


def _suppression(document: Document, *path: str) -> Suppression:
    section = Section(document, (*path, "suppress"), _SUPPRESS_KEYS)
    section.need("fields")
    section.need("for")
    return Suppression(
        fields=section.texts("fields", most=8),
        duration_us=section.duration_us("for") or 0,
        missing=cast("Literal['group', 'separate']", section.choice("missing", ("group", "separate")) or "group"),
    )


def apply(overlays: Sequence[Overlay], correlations: Iterable[Correlation], bases: Iterable[Base] = ()) -> Tuned:
    """The rules with the overlays applied, in the order of the overlays. ``bases`` name what cannot be tuned."""
    tuned = Tuned(list(correlations))
    silent = {base.id: base for base in bases}
    for overlay in overlays:
        for tuning in overlay.tunings:
            rows = [row for row, one in enumerate(tuned.correlations) if _fits(tuning, one)]
            if not rows:
                tuned.faults.append(RuleError(_unfit(tuning, tuned.correlations, silent), tuning.place))
            for row in rows:
                one, changes = _changed(tuned.correlations[row], tuning, silent)
                tuned.correlations[row] = one
                tuned.changes.setdefault(one.card.id, []).extend(changes)
    tuned.changes = {rule: changes for rule, changes in tuned.changes.items() if changes}
    return tuned


def _fits(tuning: Tuning, one: Correlation) -> bool:
    if not tuning.by_tag:
        return tuning.selector in (one.card.id, one.card.name)
    return any(like(tuning.selector.lower(), tag.lower()) for tag in one.card.tags)


def _unfit(tuning: Tuning, correlations: Sequence[Correlation], silent: Mapping[str, Base]) -> str:
    if tuning.by_tag:
        near = get_close_matches(tuning.selector, sorted({tag for one in correlations for tag in one.card.tags}), n=1)
        return f"no rule has a tag like {tuning.selector!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    if tuning.selector in silent:
        title = silent[tuning.selector].title
        return f"{tuning.selector!r} ({title}) reports nothing by itself: tune the correlations over it"
    known = [name for one in correlations for name in (one.card.id, one.card.name) if name]
    near = get_close_matches(tuning.selector, known, n=1)
    return f"there is no rule {tuning.selector!r}" + (
        f"; did you mean {near[0]!r}?" if near else ": name it by its id or name"
    )


def _changed(one: Correlation, tuning: Tuning, bases: Mapping[str, Base]) -> tuple[Correlation, list[Change]]:
    """The rule as the tuning wants it; its hash changes with it, its fingerprint does not."""
    card = one.card
    if tuning.level is not None:
        usual = card.risk_score == RISK_OF_LEVEL[card.level]
        risk = RISK_OF_LEVEL[tuning.level] if usual else card.risk_score
        card = replace(card, level=tuning.level, risk_score=risk)
    suppression = tuning.suppression or one.suppression
    base = bases.get(one.members[0].base_id)
    if suppression is not None and base is not None:
        suppression = replace(suppression, vocabulary=base.vocabulary)
    made = replace(
        one,
        card=card,
        enabled=one.enabled if tuning.enabled is None else tuning.enabled,
        limit=one.limit if tuning.limit is None else tuning.limit,
        learning_us=one.learning_us if tuning.learning_us is None else tuning.learning_us,
        suppression=None if tuning.unsuppressed else suppression,
    )
    changes = [
        Change(what, before, after)
        for (what, before), (_, after) in zip(_shown(one), _shown(made), strict=True)
        if before != after
    ]
    if changes:
        text = "\n".join([card.hash, *map(str, changes)])
        made = replace(made, card=replace(card, hash=hashlib.sha256(text.encode()).hexdigest()))
    return made, changes


def _shown(one: Correlation) -> list[tuple[str, str]]:
    suppression = one.suppression
    kept = f"{', '.join(suppression.fields)} for {suppression.duration_us // 1_000_000} s" if suppression else "none"
    return [
        ("enabled", "yes" if one.enabled else "no"),
        ("level", one.card.level),
        ("risk score", str(one.card.risk_score)),
        ("limit", str(one.limit)),
        ("learning", f"{one.learning_us // 1_000_000} s"),
        ("suppression", kept),
    ]
