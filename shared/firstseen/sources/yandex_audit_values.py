"""The computed values of an event of Yandex Cloud Audit Trails. Every function is total."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firstseen.sources.azure_addresses import address, without_port
from firstseen.sources.azure_places import first, text
from firstseen.sources.source import Path, View
from firstseen.sources.yes_no import is_no

PREFIX = "yandex.cloud."
"""What every ``event_type`` begins with; then comes ``audit.``, in old events ``events.``."""

CLOUD = "resource-manager.cloud"
FOLDER = "resource-manager.folder"
ORGANIZATION = "organization-manager.organization"

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})
WEB_PORTS = frozenset({"80", "443"})

_OUTCOMES = {"DONE": "success", "ERROR": "failure", "CANCELLED": "failure"}
_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
"""Names of gRPC's status codes, by number."""

_WORDS = re.compile(r"[A-Z][a-z0-9]*", re.ASCII)
_ZONE = re.compile(r"([a-z]{2,4}(?:-[a-z]{2,12}\d{0,2}){1,2})-[a-z]", re.ASCII)
_SHORT_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_MAX_WORDS = 8
_UNIT = "\x1f"

_name_of = first("authentication.subject_name details.native_api_server_event.user.username").function
_subject_of = first("authentication.subject_id").function
_request_of = first("request_metadata.request_id").function
_address_of = first("request_metadata.remote_address").function
_caller_of = first("details.native_api_server_event.sourceIPs details.native_api_server_event.source_ips").function
_cluster_of = first("details.cluster_id").function
_member_of = first("details.user_name details.database_name").function
_holder_of = first("details.federation_id details.instance_id details.group_id details.folder_id").function
_zone_of = first("details.zone_id").function


def actor(view: View) -> str | None:
    """Who acted: the login or the service account's name, else the id of the subject."""
    return text(_name_of(view)) or text(_subject_of(view))


def call(view: View) -> tuple[str, str]:
    """Service and call: ``mdb.postgresql`` and ``CreateUser``; empty where ``event_type`` is no text."""
    name = view.get("event_type")
    if not isinstance(name, str):
        return "", ""
    rest = name.removeprefix(PREFIX).partition(".")[2] if name.startswith(PREFIX) else name
    service, _, what = rest.rpartition(".")
    return service, what


def action(view: View) -> str | None:
    """``mdb.postgresql:CreateUser``."""
    service, what = call(view)
    return ":".join(part for part in (service, what) if part) or None


def suggested_type(value: object) -> tuple[str, ...]:
    """The type that an action is made of."""
    return (f"{PREFIX}audit.{str(value).replace(':', '.')}",)


def outcome(view: View) -> str | None:
    """``success`` or ``failure``; None for what only began. Who was refused has failed, whatever the status says."""
    for key, part in (("authentication", "authenticated"), ("authorization", "authorized")):
        here = view.get(key)
        if isinstance(here, Mapping) and is_no(here.get(part)):
            return "failure"
    status = view.get("event_status")
    return _OUTCOMES.get(status.upper()) if isinstance(status, str) else None


def error(view: View) -> str | None:
    """The name of the status code, ``PERMISSION_DENIED``, and what was said of it."""
    here = view.get("error")
    if not isinstance(here, Mapping):
        return None
    code, said = here.get("code"), text(here.get("message"))
    name = _CODES[code] if isinstance(code, int) and 0 < code < len(_CODES) else text(code)
    return ": ".join(part for part in (name, said) if part) or None


def caller_address(view: View) -> str | None:
    """Where the call came from, without a port: an address, or the name ``cloud.yandex`` of a service of the cloud.

    Calls of a cluster's own interface carry it in the event of Kubernetes as well; that counts where the other is none.
    """
    said = without_port(text(_address_of(view)))
    return said if address(said) else without_port(text(_caller_of(view))) or said


def caller_ip(view: View) -> str | None:
    """As :func:`caller_address`, when it is an address."""
    return address(caller_address(view))


def owner(view: View, kind: str, part: str = "resource_id") -> str | None:
    """The id or name of the organization, cloud or folder that the event is in."""
    for one in _path(view):
        if one.get("resource_type") == kind:
            return text(one.get(part))
    return None


def account(view: View) -> str | None:
    """The cloud; for what is done to the organization itself, the organization."""
    return owner(view, CLOUD) or owner(view, ORGANIZATION) or owner(view, FOLDER)


def _path(view: View) -> Iterator[Mapping[str, Any]]:
    metadata = view.get("resource_metadata")
    path = metadata.get("path") if isinstance(metadata, Mapping) else None
    for one in path if isinstance(path, list) else ():
        if isinstance(one, Mapping):
            yield one


def region(view: View) -> str | None:
    """``ru-central1`` of the zone ``ru-central1-a``, where the event names one."""
    found = _ZONE.fullmatch(text(_zone_of(view)) or "")
    return None if found is None else found[1]


def resource(view: View) -> str | None:
    """The id of what was acted upon, among the details: of CreateNodeGroup ``node_group_id``, of a database's user
    the cluster and the name. Else the last part of the path that leads there.
    """
    details = view.get("details")
    if isinstance(details, Mapping):
        for name in _nouns(call(view)[1]):
            found = text(details.get(f"{name}_id"))
            if found:
                return found
        cluster = text(_cluster_of(view))
        if cluster:
            member = text(_member_of(view))
            return f"{cluster}/{member}" if member else cluster
        held = text(_holder_of(view))
        if held:
            return held
    return next((found for one in reversed([*_path(view)]) if (found := text(one.get("resource_id")))), None)


def _nouns(what: str) -> Iterator[str]:
    """``node_group``, ``node``, ``group`` of CreateNodeGroup: the longest first, the verb left out."""
    words = [word.lower() for word in _WORDS.findall(what)[1 : _MAX_WORDS + 1]]
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            yield "_".join(words[start : start + length])


def operation_id(view: View) -> str | None:
    """Equal for the start and the end of one operation: request id, kind and resource.

    One request may make several things (a network with its subnets), so the request id alone does not serve.
    """
    request = text(_request_of(view))
    if request is None:
        return None
    written = _UNIT.join((request, action(view) or "", resource(view) or ""))
    digest = hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{request}:{digest}" if _SHORT_ID.fullmatch(request) else digest


@dataclass(frozen=True, slots=True)
class Bound:
    """One part (``role_id``, ``subject_id``, …) of the access bindings that a call adds, or removes.

    A call that sets bindings anew lists them without an action: all of them count as added.
    """

    part: str
    act: str

    def __call__(self, view: View) -> Any:
        """The value, or a list of them; None when there is none."""
        details = view.get("details")
        if not isinstance(details, Mapping):
            return None
        deltas = details.get("access_binding_deltas")
        bindings: list[Any] = []
        if isinstance(deltas, list) and deltas:
            bindings = [one.get("access_binding") for one in deltas if isinstance(one, Mapping) and self._is(one)]
        elif self.act == "ADD":
            listed = details.get("access_bindings")
            bindings = listed if isinstance(listed, list) else []
        found = [told for one in bindings if isinstance(one, Mapping) and (told := text(one.get(self.part)))]
        return found[0] if len(found) == 1 else found or None

    def _is(self, delta: Mapping[str, Any]) -> bool:
        said = delta.get("action")
        return isinstance(said, str) and said.upper() == self.act

    def ways(self, view: View, value: object) -> Iterator[tuple[Path, object]]:
        """Where it stands, for examples: beside what an earlier question has put there."""
        details = view.get("details")
        deltas = details.get("access_binding_deltas") if isinstance(details, Mapping) else None
        here = deltas[0] if isinstance(deltas, list) and deltas and isinstance(deltas[0], Mapping) else {}
        binding = here.get("access_binding")
        made = {**(binding if isinstance(binding, Mapping) else {}), self.part: value}
        yield ("details", "access_binding_deltas"), [{"action": self.act, "access_binding": made}]


@dataclass(frozen=True, slots=True)
class Opened:
    """The ports by which a security group lets everybody in: ``22``, ``0-65535``, ``any``; ping and the like left out.

    ``beyond_web``: without those that a web site has.
    """

    beyond_web: bool

    def __call__(self, view: View) -> Any:
        """The ports, or a list of them; None when nothing is open."""
        details = view.get("details")
        rules = details.get("rules") if isinstance(details, Mapping) else None
        found: dict[str, None] = {}
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, Mapping) and _lets_everybody_in(rule):
                ports = _ports(rule.get("ports"))
                if not (self.beyond_web and ports in WEB_PORTS):
                    found[ports] = None
        listed = list(found)
        return listed[0] if len(listed) == 1 else listed or None

    def ways(self, _view: View, value: object) -> Iterator[tuple[Path, object]]:
        """Where it stands, for examples."""
        low, _, high = str(value).partition("-")
        rule = {"direction": "INGRESS", "protocol_name": "TCP", "cidr_blocks": {"v4_cidr_blocks": ["0.0.0.0/0"]}}
        yield ("details", "rules"), [{**rule, "ports": {"from_port": low, "to_port": high or low}}]


def _lets_everybody_in(rule: Mapping[str, Any]) -> bool:
    protocol = text(rule.get("protocol_name")) or ""
    blocks = rule.get("cidr_blocks")
    if rule.get("direction") != "INGRESS" or protocol.upper().endswith("ICMP") or not isinstance(blocks, Mapping):
        return False
    listed = [one for key in ("v4_cidr_blocks", "v6_cidr_blocks") for one in _list(blocks.get(key))]
    return any(isinstance(one, str) and one in EVERYWHERE for one in listed)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _ports(ports: Any) -> str:
    if not isinstance(ports, Mapping):
        return "any"
    low, high = text(ports.get("from_port")) or "0", text(ports.get("to_port")) or "0"
    return low if low == high else f"{low}-{high}"
