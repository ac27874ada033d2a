"""EventBridge patterns: which CloudTrail events can matter to any rule, as far as a pattern can say.

A pattern lets through too much rather than too little. It is made of what a tree *implies* about a few fields; all else
that a rule asks is left to the matcher. Rules that name no call would let nearly everything through: they get no
pattern, and their events come by the trail. So do calls that machines make all day, and calls that services of AWS make
for a customer all day, which would cost more than all others, and the other steps of a chain that cannot be whole
without those.

What is taken for granted about real events: a call and its service have names of ASCII, an error code is a text or not
there (a template cannot say *null*), and ``userIdentity`` is an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from firstseen.errors import RuleError
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base, Correlation
from firstseen.matching.partial import implied
from firstseen.matching.questions import ORDER, PLAIN, All, Opposite, Question, Some, Tree, opposite, resolve
from firstseen.matching.texts import number_of
from firstseen.matching.values import fold
from firstseen.sources.source import Path, Source

MAX_PATTERN_CHARACTERS = 2_048
"""Of one EventBridge rule, by default; counted with the spaces that some writers put in."""
MAX_PATTERNS = 250
"""A bus takes 300 rules, by default."""
MAX_TEXT_CHARACTERS = 128
"""Of a call's or service's name. A rule that asks for a longer one gets no pattern."""
MAX_ASKED_CHARACTERS = 550
"""Of what a pattern asks of one field beside the name; where it would be more, nothing is asked of it."""

NAME, SERVICE = ("eventName",), ("eventSource",)
TOLD: tuple[Path, ...] = (("errorCode",), ("userIdentity", "type"))
"""Further fields that patterns ask about: whether it worked, and which kind of caller it was."""

FREQUENT = frozenset(
    {
        "assumerole", "assumerolewithwebidentity", "getcalleridentity", "getsecretvalue", "batchgetsecretvalue",
        "getparameter", "getparameters", "getparametersbypath", "getauthorizationtoken", "decrypt", "generatedatakey",
        "federate",
    }
)  # fmt: skip
"""Calls that are most of what an account's machines and people's tools do by themselves, folded: IAM Identity Center's
``Federate`` comes each time that a tool's credentials have run out. A rule that names one without saying which kind of
caller it means gets it by the trail."""

UNATTENDED = (
    "autoscaling.amazonaws.com", "backup.amazonaws.com", "batch.amazonaws.com", "dlm.amazonaws.com",
    "drs.amazonaws.com", "ec2fleet.amazonaws.com", "elasticmapreduce.amazonaws.com", "spot.amazonaws.com",
    "spotfleet.amazonaws.com",
)  # fmt: skip
"""Services of AWS that make, copy and end machines and snapshots by themselves. What somebody told them to do was a
call of its own; what they do then comes by the trail."""
CALLER: Path = ("userIdentity", "invokedBy")
"""Which service of AWS made the call."""

ABSENT, PRESENT = "-", "+"
_TEXT = "="
Way = str
"""One way in which a field can be: :data:`ABSENT`, :data:`PRESENT`, or ``=`` and a folded text."""
Ways = frozenset[Way] | None
"""None: whichever."""

_VALUED = PLAIN | ORDER | {"like", "regex", "cidr"}
"""Questions that no absent field answers with yes."""

Pattern = dict[str, object]
"""As EventBridge has them: JSON."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """What EventBridge should hand over.

    Attributes:
        patterns: each fits into one rule of EventBridge; an event that fits any of them is handed over.
        calls: how many names of calls there are in them.
        broad: the base rules that name no call, whose events they do not let through.
        late: base rules with the frequent calls that they name, which they do not let through either.
        waiting: base rules that are only steps of chains of which another step comes by the trail alone.
        alone: ids of the base rules all of whose events come by the trail alone: ``broad``, and some of ``late``.
    """

    patterns: tuple[Pattern, ...]
    calls: int
    broad: tuple[Base, ...] = ()
    late: tuple[tuple[Base, tuple[str, ...]], ...] = ()
    waiting: tuple[Base, ...] = ()
    alone: frozenset[str] = frozenset()

    def serves(self, rule: Correlation) -> bool:
        """Whether what is handed over can bring a finding of the rule about before the trail comes."""
        return _serves(rule, self.alone)


Call = tuple[str, str | None]
"""A call's name and service, folded; None: of any service."""

CHAINS = frozenset({"temporal", "temporal_ordered"})
"""Types of rules that need an event of each of their base rules."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a base rule asks for.

    Attributes:
        calls: of which an event must be one.
        ways: what is asked of each of :data:`TOLD`.
        dear: those of the calls that are frequent, where the rule does not say which callers it means.
    """

    base: Base
    calls: list[Call]
    ways: tuple[Ways, ...]
    dear: frozenset[str]

    @property
    def alone(self) -> bool:
        """Whether all of its events come by the trail alone."""
        return bool(self.calls) and all(name in self.dear for name, _ in self.calls)


def patterns_for(
    bases: Iterable[Base],
    source: Source,
    frequent: frozenset[str] = FREQUENT,
    rules: Iterable[Correlation] | None = None,
    unattended: Sequence[str] = UNATTENDED,
) -> Patterns:
    """Patterns for those of the base rules that read ``source``.

    ``rules`` are all that use them; without, each base rule counts as used by itself. What ``unattended`` services
    call is let through by no pattern. Raises RuleError when there would be too many patterns.
    """
    spelt: dict[str, str] = {}
    broad, asked = [], []
    for base in bases:
        if source.name not in base.sources:
            continue
        tree = resolve(base.predicate, source, base.vocabulary)
        calls = _calls(tree)
        if calls is None:
            broad.append(base)
            continue
        spelt.update((fold(text), text) for text in _texts(base.predicate))
        ways = tuple(_bounded(ways_of(tree, place)) for place in TOLD)
        dear = frozenset() if _narrow(ways) else frozenset(name for name, _ in calls if name in frequent)
        if (callers := implied(tree, CALLER)) and callers <= frozenset(unattended):
            dear = frozenset(name for name, _ in calls)
        asked.append(_Asked(base, calls, ways, dear))
    alone = frozenset({base.id for base in broad} | {one.base.id for one in asked if one.alone})
    useful = None if rules is None else {one.base_id for rule in rules if _serves(rule, alone) for one in rule.members}
    now = [one for one in asked if useful is None or one.base.id in useful]
    told = _told(now)
    found = tuple(_packed(_choices(_merged(told), spelt), unattended))
    if len(found) > MAX_PATTERNS:
        msg = f"the rules name {len(told):,} calls: too many for {MAX_PATTERNS} rules of EventBridge, take fewer"
        raise RuleError(msg)
    return Patterns(
        found,
        len({name for name, _ in told}),
        tuple(broad),
        tuple((one.base, tuple(sorted(spelt.get(name, name) for name in one.dear))) for one in asked if one.dear),
        tuple(one.base for one in asked if one not in now and one.base.id not in alone),
        alone,
    )


def _serves(rule: Correlation, alone: AbstractSet[str]) -> bool:
    """Whether an event of a base rule that is not in ``alone`` can bring a finding about.

    A chain that has a step in ``alone`` is whole when the trail delivers that step, and the trail delivers the others
    too: nothing is found later for lack of them.
    """
    members = {member.base_id for member in rule.members}
    return members.isdisjoint(alone) if rule.type in CHAINS else not members <= alone


def _told(asked: Iterable[_Asked]) -> dict[Call, tuple[Ways, ...]]:
    """What is asked of the events of each call, by whichever base rule."""
    told: dict[Call, tuple[Ways, ...]] = {}
    for one in asked:
        for call in one.calls:
            if call[0] not in one.dear:
                told[call] = _either(told[call], one.ways) if call in told else one.ways
    return told


def _narrow(ways: Sequence[Ways]) -> bool:
    """Whether only callers of certain kinds, or certain failures, are meant."""
    return any(one is not None and ABSENT not in one and PRESENT not in one for one in ways)


def _calls(tree: Tree) -> list[Call] | None:
    """The calls of which an event must be one for the tree to be true; None: no pattern can name them."""
    names = implied(tree, NAME)
    if names is None or not all(map(_sayable, names)):
        return None
    services = implied(tree, SERVICE)
    if services is None or not all(map(_sayable, services)):
        return [(name, None) for name in sorted(names)]
    return [(name, service) for name in sorted(names) for service in sorted(services)]


def _sayable(text: str) -> bool:
    """Whether EventBridge folds it as we do, and a pattern has room for it."""
    return text.isascii() and len(text) <= MAX_TEXT_CHARACTERS


def ways_of(tree: Tree, place: Path) -> Ways:
    """The ways in which the field at ``place`` can be if the tree is true."""
    match tree:
        case Question():
            return _asked(tree) if tree.place == place and tree.part is None else None
        case Opposite(Question(op="null") as question):
            return frozenset({PRESENT}) if question.place == place else None
        case Opposite(Some(parts)):
            return ways_of(All(tuple(map(opposite, parts))), place)
        case Opposite():
            return None
        case All(parts):
            return _both(ways_of(part, place) for part in parts)
        case Some(parts):
            return _any_of([ways_of(part, place) for part in parts])


def _asked(question: Question) -> Ways:
    if question.op == "null":
        return frozenset({ABSENT})
    if question.op not in _VALUED:
        return None
    if question.op != "equals" or not all(map(_only_text, question.values)):
        return frozenset({PRESENT})
    return frozenset(_TEXT + fold(value) for value in question.values)


def _only_text(value: str) -> bool:
    """Whether only a text has this text form; a number or truth value stands in a pattern otherwise."""
    return _sayable(value) and number_of(value) is None and value not in ("true", "false")


def _both(parts: Iterable[Ways]) -> Ways:
    """Of what several parts imply, what says most. Texts are not intersected: rules do not ask twice."""
    known = [ways for ways in parts if ways is not None]
    return min(known, key=lambda ways: (PRESENT in ways, len(ways), sorted(ways)), default=None)


def _any_of(parts: Sequence[Ways]) -> Ways:
    together: frozenset[Way] = frozenset()
    for ways in parts:
        if ways is None:
            return None
        together |= ways
    if PRESENT in together:
        return None if ABSENT in together else frozenset({PRESENT})
    return together


def _bounded(ways: Ways) -> Ways:
    fits = ways is None or _fits([_element(way, {}) for way in ways])
    return ways if fits else None


def _fits(elements: list[object]) -> bool:
    return len(json.dumps(elements)) <= MAX_ASKED_CHARACTERS


def _either(some: tuple[Ways, ...], others: tuple[Ways, ...]) -> tuple[Ways, ...]:
    return tuple(_bounded(_any_of(pair)) for pair in zip(some, others, strict=True))


def _merged(told: Mapping[Call, tuple[Ways, ...]]) -> dict[Call, tuple[Ways, ...]]:
    """A call that some rule names whichever its service stands once."""
    merged: dict[Call, tuple[Ways, ...]] = {}
    for (name, service), ways in told.items():
        call = (name, None) if (name, None) in told else (name, service)
        merged[call] = _either(merged[call], ways) if call in merged else ways
    return merged


Every = tuple[tuple[Way, ...], ...]
"""For each of :data:`TOLD` the ways in order; none: whichever."""
Choice = tuple[Pattern, list[str]]
"""What is asked of an event beside its name, and the names."""


def _choices(told: Mapping[Call, tuple[Ways, ...]], spelt: Mapping[str, str]) -> Iterator[Choice]:
    """Calls of the same services and with the same further questions together, in order."""
    services: dict[tuple[str, Every], list[str]] = {}
    for (name, service), found in told.items():
        every = tuple(tuple(sorted(ways or ())) for ways in found)
        services.setdefault((name, every), []).extend([] if service is None else [service])
    groups: dict[tuple[tuple[str, ...], Every], list[str]] = {}
    for (name, every), of in services.items():
        groups.setdefault((tuple(sorted(of)), every), []).append(spelt.get(name, name))
    for (of_all, every), names in sorted(groups.items()):
        names_of: list[object] = [_same(spelt.get(one, one)) for one in of_all]
        asked: Pattern = {"eventSource": names_of} if names_of and _fits(names_of) else {}
        for place, known in zip(TOLD, every, strict=True):
            if known:
                asked |= _nested(place, [_element(way, spelt) for way in known])
        yield asked, sorted(names)


def _nested(place: Path, elements: list[object]) -> Pattern:
    *above, last = place
    pattern: Pattern = {last: elements}
    for key in reversed(above):
        pattern = {key: pattern}
    return pattern


def _element(way: Way, spelt: Mapping[str, str]) -> object:
    if way == ABSENT:
        return {"exists": False}
    if way == PRESENT:
        return {"exists": True}
    text = way.removeprefix(_TEXT)
    return _same(spelt.get(text, text))


def _same(text: str) -> Pattern:
    return {"equals-ignore-case": text}


def _texts(predicate: Predicate) -> Iterator[str]:
    """Constants as the rule spells them."""
    match predicate:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _texts(part)
        case Not(part):
            yield from _texts(part)
        case Leaf(value=str() as text):
            yield text


def _packed(choices: Iterable[Choice], unattended: Sequence[str]) -> Iterator[Pattern]:
    """Patterns that fit, each filled up before the next is begun."""
    full: list[Choice] = []
    for asked, names in choices:
        full.append((asked, []))
        for name in names:
            full[-1][1].append(name)
            if _size(full, unattended) > MAX_PATTERN_CHARACTERS:
                full[-1][1].pop()
                yield _pattern(full, unattended)
                full = [(asked, [name])]
    if full:
        yield _pattern(full, unattended)


def _size(choices: Sequence[Choice], unattended: Sequence[str]) -> int:
    return len(json.dumps(_pattern(choices, unattended)))


def _pattern(choices: Sequence[Choice], unattended: Sequence[str]) -> Pattern:
    """Source and kind say that the event is CloudTrail's: nobody but AWS may send from a source that begins so."""
    details: list[Pattern] = [
        {"eventName": [_same(name) for name in names], **asked} for asked, names in choices if names
    ]
    detail: Pattern = {"$or": details} if len(details) > 1 else dict(details[0])  # an $or of one is none
    if unattended:
        above, name = CALLER
        asked = detail.get(above)
        others = asked if isinstance(asked, dict) else {}
        detail[above] = {**others, name: [{"exists": False}, {"anything-but": list(unattended)}]}
    return {"source": [{"prefix": "aws."}], "detail-type": [{"suffix": " via CloudTrail"}], "detail": detail}
