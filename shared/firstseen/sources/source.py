"""What a log source is: how to recognise, identify, time and name the parts of one kind of event.

A source copies nothing into a common shape. It maps *names* to places in the raw event; rules are compiled
against those places, and only an event that made a finding is ever normalised (:mod:`firstseen.findings`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firstseen.sources.derived.vocabulary import DERIVED_NAMES, stem

if TYPE_CHECKING:
    from firstseen.sources.derived.addresses import AddressReader

View = Mapping[str, Any]
"""One raw event as orjson reads it: str, int, float, bool, None, list, dict."""

Path = tuple[str, ...]
"""A place in a raw event: keys from the top. A list anywhere on the way means any element."""


def _no_suggestions(_value: object) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Derived:
    """A name whose value is computed: a small pure function of the view.

    ``reads`` names the top-level keys that the function looks at, so that a decoder can leave the rest
    unread. The function never raises on any view: a value it cannot make is ``None``. ``suggests`` gives texts
    that, at one of the fields read, may lead to a value: examples of rules are made with them. ``moment``, where the
    value depends on the event's time alone, makes it from whole seconds since 1970: a decoder that has read the time
    need not keep its text. ``plain`` names a top-level key: where it holds a text that is not empty, that text is the
    value, so that an index or a decoder can take it from there.
    """

    reads: tuple[str, ...]
    function: Callable[[View], Any]
    suggests: Callable[[object], Iterable[str]] = field(default=_no_suggestions, compare=False)
    moment: Callable[[int], Any] | None = field(default=None, compare=False)
    plain: str | None = field(default=None, compare=False)


Accessor = Path | Derived


def _nothing_odd(_view: View) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of audit log.

    Attributes:
        name: ``aws.cloudtrail``; stable, part of states and findings.
        logsource: what Sigma's ``logsource`` of rules for it says, e.g. ``{"product": "aws", "service":
            "cloudtrail"}``.
        dataset: Elastic's ``event.dataset``.
        provider: ``AWS``, ``Azure``, … as OCSF's ``cloud.provider`` has it.
        index: the one or two top-level keys that name the API call, most selective first
            (``("eventName", "eventSource")``); their values are strings in real events.
        required: top-level keys with string values (or objects, as the sample has them) that every event of the
            source has; a decoder that finds them has recognised the source.
        recognise: true for the view of an event of this source.
        event_id: equal for copies of one event; None when the event carries none (a hash of its bytes
            serves).
        operation_id: equal for the start and the end of one operation; falls back to the event id when None.
        time: the event's time in microseconds since 1970, or None when it cannot be read.
        common: the short common vocabulary (:data:`COMMON`) to places.
        ecs: Elastic Common Schema names to places.
        caseless: first keys of paths (or whole names) whose values differ only by case between copies of a
            log.
        known: every dotted raw field that the source is known to have (for checks; prefixes ending in ``.``
            are open: anything below them is known).
        sample: one real-shaped event, as a view.
        remarks: what is odd about an event but did not stop it from being read, each a short sentence.
        expects: what an event must carry to be read, for the reason of a reject: ``"eventTime as in …"``.
        readers: open databases of addresses, for the derived names that need them.
    """

    name: str
    logsource: Mapping[str, str]
    dataset: str
    provider: str
    index: tuple[str, ...]
    required: tuple[str, ...]
    recognise: Callable[[View], bool]
    event_id: Callable[[View], str | None]
    operation_id: Callable[[View], str | None]
    time: Callable[[View], int | None]
    common: Mapping[str, Accessor]
    ecs: Mapping[str, Accessor]
    caseless: frozenset[str]
    known: frozenset[str]
    sample: View
    remarks: Callable[[View], tuple[str, ...]] = _nothing_odd
    expects: str = "a readable time"
    readers: tuple[AddressReader, ...] = ()

    def accessor(self, name: str, *, vocabulary: str = "raw") -> Accessor:
        """Where ``name`` lies in an event of this source.

        ``vocabulary`` says whose names the rule uses: ``raw`` (the source's own fields first, then the common
        vocabulary, then ECS), ``common`` (the common vocabulary first, for rules over every source) or
        ``ecs``. Then come the derived names (:mod:`firstseen.sources.derived.names`), which all sources have. A name
        that no table has is a dotted raw path.
        """
        tables = (self.ecs, self.common) if vocabulary == "ecs" else (self.common, self.ecs)
        if vocabulary == "raw" and self.knows(name):
            return tuple(name.split("."))
        for table in tables:
            found = table.get(name)
            if found is not None:
                return found
        return self._derived(name) or tuple(name.split("."))

    def _derived(self, name: str) -> Derived | None:
        if stem(name) not in DERIVED_NAMES:
            return None
        from firstseen.sources.derived.names import derived  # noqa: PLC0415 - they are made of the types above

        return derived(self, name)

    def knows(self, name: str) -> bool:
        """Whether the source is known to have the dotted raw field ``name``."""
        if name in self.known:
            return True
        parts = name.split(".")
        return any(".".join(parts[:n]) + "." in self.known for n in range(1, len(parts)))


COMMON = (
    "actor", "action", "outcome", "source.ip", "account", "region", "resource", "user_agent", "time", "id",
)  # fmt: skip
"""The common vocabulary: one rule over these names runs on every source.

``actor`` the stable identity that acted (for an assumed role the role, not the session); ``action`` the call,
as ``service:Call`` where the source has both; ``outcome`` ``success`` or ``failure``; ``account`` the
account, subscription or tenant that holds the log; ``resource`` what was acted upon, where the log names one.
"""
