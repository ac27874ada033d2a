"""What an event shows that an audit asks about, whichever cloud it comes from; and who reads it out of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from firstseen.sources.source import View

Rank = Literal["commands", "administrator", "grants"]
"""What a right allows: to run commands on machines; those and nearly everything else; to give itself any right."""

Outcome = Literal["success", "failure", ""]
"""The empty one: the event does not say, as at the start of an operation."""


@dataclass(frozen=True, slots=True)
class Command:
    """Somebody runs a command on machines, or opens a shell there.

    Attributes:
        who: the principal, and the person behind it where the log names one.
        machines: as the request names them; a tag where it is the tag that chooses.
    """

    who: str
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """A right of rank is given, taken away, or seen in use.

    Attributes:
        key: equal for the grant and its end.
        principal: who has it from then on.
        right: its name: a policy, a role, a group.
        scope: where it holds; "" for everywhere in the account or tenant.
        how: ``used``: the log names it as the reason why a call was allowed; ``refused``: it never came to be.
    """

    key: tuple[str, ...]
    principal: str = ""
    right: str = ""
    rank: Rank = "administrator"
    scope: str = ""
    how: Literal["given", "taken", "used", "refused"] = "given"


@dataclass(frozen=True, slots=True)
class Within:
    """A principal joins something that may have rank: a group, a permission set. It counts if that is known to have."""

    grant: Grant
    holder: str


@dataclass(frozen=True, slots=True)
class Sensitive:
    """A call by which rights, credentials or code are handed out, or logging is changed."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A lasting credential is made, used or deleted: an access key, a secret or certificate of an application.

    ``owner`` is who it stands for; "" where the event does not say.
    """

    key: str
    kind: str
    owner: str = ""
    how: Literal["made", "used", "deleted"] = "used"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody signed in with one factor. ``to``: what to."""

    to: str


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a principal, by which grants may call it: an object id beside the name that people know."""

    other: str
    principal: str


@dataclass(frozen=True, slots=True)
class Label:
    """What a principal is called, to be shown beside its id. Anybody may choose it, so nothing else rests upon it."""

    principal: str
    text: str


Act = Command | Grant | Within | Sensitive | Credential | SignIn | Alias | Label


class Reader(Protocol):
    """Reads one log source's events. Total: it answers on any JSON object."""

    def principal(self, actor: str) -> str:
        """Who acted, in the form in which grants name the same principal. ``actor``: the common name."""
        ...

    def acts(self, view: View, action: str, actor: str, outcome: Outcome) -> Iterator[Act]:
        """What the event shows. ``action``: the common name; ``actor``: what :meth:`principal` said."""
        ...
