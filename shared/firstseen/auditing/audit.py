"""The audit: events go in one by one, in any order; what they show stands in tables of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from firstseen.auditing.acts import (
    Act,
    Alias,
    Command,
    Credential,
    Grant,
    Label,
    Outcome,
    Rank,
    Reader,
    Sensitive,
    SignIn,
    Within,
)  # fmt: skip
from firstseen.auditing.aws import CloudTrailReader
from firstseen.auditing.azure import ActivityLogReader
from firstseen.auditing.entra import AuditLogReader, SignInReader
from firstseen.auditing.tables import MAX_NAMES, Bounded, Remembered, Some
from firstseen.matching.values import TooManyValuesError, text_values
from firstseen.sources.event import Event
from firstseen.sources.source import Accessor

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "aws.cloudtrail": CloudTrailReader(),
        "azure.activitylogs": ActivityLogReader(),
        "azure.signinlogs": SignInReader(),
        "azure.auditlogs": AuditLogReader(),
    }
)
"""Of other sources it is only seen who acted when."""

MAX_MACHINES = 1_000
MAX_CHARACTERS = 500
"""Of a name that is kept."""


@dataclass(slots=True)
class Span:
    """How often and when. Times are microseconds since 1970; 0: never."""

    times: int = 0
    first_us: int = 0
    last_us: int = 0

    def add(self, time_us: int) -> bool:
        """Count one; whether it is the latest so far."""
        self.times += 1
        self.first_us = min(self.first_us or time_us, time_us)
        latest = time_us >= self.last_us
        self.last_us = max(self.last_us, time_us)
        return latest


@dataclass(slots=True)
class Ran:
    """Commands of one principal by one call in one account."""

    span: Span = field(default_factory=Span)
    refused: int = 0
    machines: Some = field(default_factory=lambda: Some(MAX_MACHINES))
    address: str = ""


@dataclass(slots=True)
class Right:
    """A right of a principal: since when, until when. ``used``: seen at work, not as it was given."""

    principal: str = ""
    name: str = ""
    rank: Rank = "administrator"
    scope: str = ""
    account: str = ""
    by: str = ""
    given_us: int = 0
    taken_us: int = 0
    used: bool = False
    refused: bool = False
    waits_for: str = ""

    @property
    def stands(self) -> bool:
        """Whether it was not taken away since it was given."""
        return self.taken_us < self.given_us or not self.taken_us


@dataclass(slots=True)
class Known:
    """A credential. ``made_us`` 0: it was made before the logs begin, or the log that shows it is missing."""

    kind: str
    owner: str = ""
    made_us: int = 0
    deleted_us: int = 0
    span: Span = field(default_factory=Span)


@dataclass(slots=True)
class Entered:
    """Sign-ins of one principal with one factor. ``address``: of the last."""

    span: Span = field(default_factory=Span)
    address: str = ""


class Audit:
    """What was seen. The tables are for :mod:`firstseen.auditing.sections`.

    Copies of an event count once, the start and the end of an operation too.
    """

    def __init__(self) -> None:
        self.ran: Bounded[tuple[str, str, str], Ran] = Bounded()
        self.rights: Bounded[tuple[str, ...], Right] = Bounded()
        self.credentials: Bounded[str, Known] = Bounded()
        self.sign_ins: Bounded[tuple[str, str, str], Entered] = Bounded()
        self.sensitive: Bounded[str, Span] = Bounded()
        self.seen: Bounded[str, int] = Bounded(MAX_NAMES)
        self.aliases: Bounded[str, str] = Bounded(MAX_NAMES)
        self.labels: Bounded[str, str] = Bounded(MAX_NAMES)
        self.accounts: Bounded[str, str] = Bounded(MAX_NAMES)
        self.remembered = Remembered()
        self.events = Span()
        self._accessors: dict[tuple[str, str], Accessor] = {}  # as many as sources have names here

    def add(self, event: Event) -> None:
        """Take in what the event shows."""
        self.events.add(event.time_us)
        actor, outcome = self._said(event, "actor"), self._said(event, "outcome")
        reader = READERS.get(event.source.name)
        if reader is None:
            self.heard(actor, event.time_us)
            return
        actor = reader.principal(actor)[:MAX_CHARACTERS]
        self.heard(actor, event.time_us)
        how: Outcome = "failure" if outcome == "failure" else "success" if outcome == "success" else ""
        for act in reader.acts(event.view, self._said(event, "action"), actor, how):
            self._act(act, event, actor, how)

    def called(self, account: str, name: str) -> None:
        """People call the account, which is named by its id, so. The last word counts."""
        if account and name:
            self.accounts.put(account.casefold()[:MAX_CHARACTERS], name[:MAX_CHARACTERS])

    def heard(self, principal: str, time_us: int) -> None:
        """The principal was there at this time."""
        if principal and time_us > (self.seen.get(principal) or 0):
            self.seen.put(principal, time_us)

    def _act(self, act: Act, event: Event, actor: str, outcome: Outcome) -> None:
        match act:
            case Alias() | Label():
                self._name(act)
            case Command():
                self._command(act, event, outcome)
            case Grant():
                self._grant(act, event, actor)
            case Within(grant, holder):
                self._grant(grant, event, actor, waits_for=holder)
            case Sensitive():
                span = self.sensitive.at(actor, Span) if actor else None
                if span is not None and self.remembered.new("sensitive", event.operation_id):
                    span.add(event.time_us)
            case Credential():
                self._credential(act, event)
            case SignIn(to):
                self._sign_in(to, event, actor)

    def _name(self, act: Alias | Label) -> None:
        if isinstance(act, Alias):
            self.aliases.put(act.other[:MAX_CHARACTERS], act.principal)
        else:
            self.labels.put(act.principal, act.text[:MAX_CHARACTERS])

    def _sign_in(self, to: str, event: Event, actor: str) -> None:
        row = self.sign_ins.at((actor, self._said(event, "account"), to[:MAX_CHARACTERS]), Entered)
        if row is not None and self.remembered.new("sign-in", event.id) and row.span.add(event.time_us):
            row.address = self._said(event, "source.ip")

    def _command(self, act: Command, event: Event, outcome: Outcome) -> None:
        key = act.who[:MAX_CHARACTERS], self._said(event, "action").casefold(), self._said(event, "account")
        row = self.ran.at(key, Ran)
        if row is None:
            return
        if self.remembered.new("command", event.operation_id) and row.span.add(event.time_us):
            row.address = self._said(event, "source.ip") or row.address
        if outcome == "failure" and self.remembered.new("refused", event.operation_id):
            row.refused += 1
        for machine in act.machines:
            row.machines.add(machine[:MAX_CHARACTERS])

    def _grant(self, act: Grant, event: Event, actor: str, waits_for: str = "") -> None:
        row = self.rights.at(tuple(part[:MAX_CHARACTERS] for part in act.key), Right)
        if row is None:
            return
        if act.how == "taken":
            row.taken_us = max(row.taken_us, event.time_us)
            return
        row.refused = row.refused or act.how == "refused"
        if act.how == "refused":
            return
        row.principal, row.name = act.principal[:MAX_CHARACTERS], act.right[:MAX_CHARACTERS]
        row.rank, row.scope, row.account = act.rank, act.scope[:MAX_CHARACTERS], self._said(event, "account")
        row.waits_for = waits_for
        if act.how == "used":
            row.used = True
            row.given_us = min(row.given_us or event.time_us, event.time_us)
        elif event.time_us >= row.given_us:
            row.given_us, row.by = event.time_us, actor

    def _credential(self, act: Credential, event: Event) -> None:
        row = self.credentials.at(act.key[:MAX_CHARACTERS], lambda: Known(act.kind))
        if row is None:
            return
        row.owner = act.owner[:MAX_CHARACTERS] or row.owner
        if act.how == "made":
            row.made_us = event.time_us
        elif act.how == "deleted":
            row.deleted_us = max(row.deleted_us, event.time_us)
        elif self.remembered.new("credential", event.id):
            row.span.add(event.time_us)

    def _said(self, event: Event, name: str) -> str:
        """The first text of a name of the common vocabulary, or ""."""
        known = event.source.name, name
        accessor = self._accessors.get(known)
        if accessor is None:
            accessor = self._accessors[known] = event.source.accessor(name, vocabulary="common")
        try:
            found = next(iter(text_values(event.view, accessor)), "")
        except TooManyValuesError:
            return ""
        return found[:MAX_CHARACTERS]
