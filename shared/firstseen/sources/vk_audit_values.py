"""What the fields of VK Cloud's action log are called, and their computed values. Every function is total."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from firstseen.sources.azure_places import Names, below, computed, constant, opened, text
from firstseen.sources.source import Accessor, Path, View
from firstseen.sources.yes_no import is_no, is_yes

_VERSION = re.compile(r"v\d{1,2}(?:\.\d{1,3})?", re.ASCII)
_ACTIONS = frozenset({"action", "detail"})
"""Last parts of an address that name what is done, not what it is done to."""
_MAX_PARTS = 20


def actor(view: View) -> str | None:
    """Who acted: the address that the user signs in with, else the id."""
    return text(view.get("user_email")) or text(view.get("user_id"))


def action(view: View) -> str | None:
    """``nova:vm-action``; of ``vm-action`` the request says which: ``nova:vm-action.addSecurityGroup``."""
    said = text(view.get("action"))
    component = text(view.get("source"))
    if said is None:
        return None
    which = request_action(view)
    named = f"{said}.{which}" if which else said
    return f"{component}:{named}" if component else named


def request_action(view: View) -> str | None:
    """What is asked of a machine, the only key of the request: ``addSecurityGroup``, ``os-stop``, ``createImage``."""
    if not (text(view.get("uri")) or "").partition("?")[0].rstrip("/").endswith("/action"):
        return None
    body = opened(view.get("request_body"))
    keys = list(body) if isinstance(body, Mapping) else []
    return keys[0] if len(keys) == 1 and isinstance(keys[0], str) and keys[0] else None


def outcome(view: View) -> str | None:
    """``success`` or ``failure``: the log writes "yes" and "no", also as booleans."""
    said = view.get("success")
    return "success" if is_yes(said) else "failure" if is_no(said) else None


def resource(view: View) -> str | None:
    """What the call's address names: ``servers/8f0c…`` of ``/v2.1/servers/8f0c…/action``."""
    parts = (text(view.get("uri")) or "").partition("?")[0].split("/", _MAX_PARTS)
    kept = [part for part in parts if part and not _VERSION.fullmatch(part)]
    while len(kept) > 1 and kept[-1] in _ACTIONS:
        kept.pop()
    return "/".join(kept[-2:]) or None


@dataclass(frozen=True, slots=True)
class RequestAction:
    """:func:`request_action`, with the way back for examples."""

    def __call__(self, view: View) -> str | None:
        """The key, or None."""
        return request_action(view)

    def ways(self, _view: View, value: object) -> Iterator[tuple[Path, object]]:
        """A request that has it, in text as the log keeps it."""
        yield ("request_body",), f'{{"{value}":{{}}}}'


_ACTOR = computed("user_email user_id", actor)
_ACTION = computed("action source uri request_body", action)
_OUTCOME = computed("success", outcome, lambda value: ("yes",) if value == "success" else ("no",))
_NOTHING: Accessor = computed("", lambda _view: None)
"""The log has neither addresses, nor programs, nor regions."""

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": _ACTOR,
        "action": _ACTION,
        "outcome": _OUTCOME,
        "source.ip": _NOTHING,
        "account": ("project_id",),
        "region": _NOTHING,
        "resource": computed("uri", resource),
        "user_agent": _NOTHING,
        "time": ("timestamp",),
        "id": ("event_id",),
    }
)

_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": ("timestamp",),
        "event.dataset": constant("vk.audit"),
        "data_stream.dataset": constant("vk.audit"),
        "event.module": constant("vk"),
        "event.kind": constant("event"),
        "cloud.provider": constant("vk"),
        "event.action": ("action",),
        "event.provider": ("source",),
        "event.id": ("event_id",),
        "event.outcome": _OUTCOME,
        "user.id": ("user_id",),
        "user.email": ("user_email",),
        "user.name": _ACTOR,
        "http.request.method": ("method",),
        "http.request.id": ("request_id",),
        "url.path": ("uri",),
        "cloud.project.id": ("project_id",),
        "vk.audit.user_id": ("user_id",),
    }
)


def _body(key: str) -> Any:
    return below((key,))


NAMES = Names(
    _ECS,
    {"request.action": computed("uri request_body", RequestAction()), "call": _ACTION},
    {"request_body.": _body("request_body"), "response_body.": _body("response_body")},
)
"""Elastic's names, and what stands in the bodies, which the log keeps as JSON in a text."""

KNOWN_FIELDS = frozenset((
    "action", "event_id", "method", "request_body", "request_id", "response_body", "source", "success", "timestamp",
    "uri", "user_email", "user_id", "project_id",
))  # fmt: skip
