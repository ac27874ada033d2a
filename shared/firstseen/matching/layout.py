"""Which parts of a source's events are decoded: a struct with a place for each field in use, the rest skipped.

Measured on CloudTrail lines, decoding such a struct takes less than half the time of reading the whole event.
What its types do not foresee is not an error: the event takes the slow path, which reads everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from firstseen.sources.source import Accessor, Derived, Path, Source

MAX_STRUCT_LEVELS = 8
"""Objects within objects that get a struct of their own; what lies deeper is read from the raw bytes."""


class Node(msgspec.Struct, eq=False):
    """One key on the way to fields in use.

    Attributes:
        name: the attribute of the struct above that holds it.
        kind: ``text`` (always a string), ``string`` (a string, null or absent; an event with anything else takes the
            slow path), ``scalar`` (decoded at once; a string or a boolean in most events), ``object`` (a struct),
            ``raw`` (bytes, decoded when a rule asks) or ``time`` (checked, never asked for).
        empty: for objects, a struct that stands in for one that is null or absent.
    """

    name: str
    kind: str = "raw"
    whole: bool = False
    below: dict[str, Node] = msgspec.field(default_factory=dict)
    empty: msgspec.Struct | None = None


class Layout(msgspec.Struct, frozen=True, eq=False):
    """A source's decoder for the fields in use.

    Attributes:
        decoder: bytes to a struct; raises msgspec.DecodeError, UnicodeDecodeError or RecursionError.
        top: the struct's nodes by key.
        time_key: the key whose value tells the time. The struct's attribute for it is ``when``; those for the
            index keys are ``first`` and, if there are two, ``second``.
        parsed: whether ``when`` is a datetime; if not, it is text that a rule asks for.
        alone: whether the time key, where it is there, is the event's time: nothing comes before it.
        identified: whether a required key holds the event id; its attribute is ``identity`` then.
    """

    decoder: msgspec.json.Decoder[Any]
    top: Mapping[str, Node]
    time_key: str
    parsed: bool
    identified: bool
    alone: bool = True

    def nodes(self, place: Accessor) -> list[Node]:
        """The nodes from the top to where the struct ends on the way to ``place``; [] when it holds nothing of it."""
        found: list[Node] = []
        below = self.top
        for key in () if isinstance(place, Derived) else place:
            if key not in below:
                break
            found.append(below[key])
            below = found[-1].below if found[-1].kind == "object" else {}
        return found

    def is_scalar(self, place: Accessor) -> bool:
        """Whether the struct itself holds what is at ``place``: a text, null or absence in real events."""
        nodes = self.nodes(place)
        return bool(nodes) and len(nodes) == len(_path(place)) and nodes[-1].kind in ("scalar", "string", "text")


def layout(source: Source, places: Iterable[Accessor]) -> Layout | None:
    """The layout for these places; None when the source's time cannot be told from its required keys."""
    time_key = _time_key(source)
    if time_key is None:
        return None
    root = Node("")
    alone = _first_key(source.common.get("time", ())) == time_key
    parsed = _use(root, places, time_key, alone=alone)
    for key in source.required:
        if isinstance(source.sample.get(key), Mapping):
            root.below.setdefault(key, Node(f"f{len(root.below)}"))
        else:
            _add(root, (key,)).kind = "text"
    identified = _rename(root, source, time_key)
    if parsed:
        root.below[time_key].kind = "time"
    for key, node in root.below.items():
        if node.kind == "raw":
            _settle(node, (key,), source)
    decoder = msgspec.json.Decoder(_struct(root, source.sample, source.required))
    return Layout(decoder, root.below, time_key, parsed, identified, alone)


def _use(root: Node, places: Iterable[Accessor], time_key: str, *, alone: bool) -> bool:
    """Adds the places; whether the time may be parsed at once, since nothing asks for its text."""
    timed: list[Derived] = []
    for place in places:
        if isinstance(place, Derived):
            if place.moment is not None and alone:
                timed.append(place)
            else:
                _add_all(root, place)
        elif place:
            _add(root, place)
    parsed = time_key not in root.below
    for one in timed if not parsed else ():
        _add_all(root, one)
    return parsed


def _rename(root: Node, source: Source, time_key: str) -> bool:
    """Names the keys that the matcher reads itself; whether the event id is one of them."""
    for key, name in zip(source.index, ("first", "second"), strict=False):
        root.below[key].name = name
    root.below[time_key].name = "when"
    for key in source.required:
        value = source.sample.get(key)
        taken = key in source.index or key == time_key or value is None
        if not taken and source.event_id({key: value}) == value:
            root.below[key].name = "identity"
            return True
    return False


def _time_key(source: Source) -> str | None:
    """The required key that alone tells the time, by the source's own sample."""
    for key in source.required:
        if key in source.sample and source.time({key: source.sample[key]}) is not None:
            return key
    return None


def _first_key(place: Accessor) -> str:
    """The top-level key that is asked first."""
    keys = place.reads if isinstance(place, Derived) else place
    return keys[0] if keys else ""


def _path(place: Accessor) -> Path:
    return () if isinstance(place, Derived) else place


def _add_all(root: Node, place: Derived) -> None:
    for key in filter(_can_be_field, place.reads):
        _add(root, (key,))


def _add(root: Node, path: Path) -> Node:
    node = root
    for depth, key in enumerate(path):
        if depth >= MAX_STRUCT_LEVELS or not _can_be_field(key):
            break
        node = node.below.setdefault(key, Node(f"f{len(node.below)}"))
    node.whole = True
    return node


def _can_be_field(key: str) -> bool:
    """Whether msgspec takes the key. One that it does not take is looked up in what lies above it, read in full."""
    return key.isprintable() and not {'"', "\\"} & set(key)


def _settle(node: Node, path: Path, source: Source) -> None:
    """Decide how a node is decoded, by what the sample and the table of known fields say of it."""
    value: Any = source.sample
    for key in path:
        value = value.get(key) if isinstance(value, dict) or hasattr(value, "get") else None
    if node.below and not node.whole and not isinstance(value, list):
        node.kind = "object"
        for key, below in node.below.items():
            _settle(below, (*path, key), source)
    elif not node.below and isinstance(value, str):
        node.kind = "string"
    elif not node.below and (isinstance(value, bool) or (value is None and ".".join(path) in source.known)):
        node.kind = "scalar"


_OPTIONAL: dict[str, Any] = {
    "raw": msgspec.Raw | msgspec.UnsetType, "scalar": Any, "string": str | None | msgspec.UnsetType,
}  # fmt: skip


def _struct(node: Node, sample: object, required: Iterable[str] = ()) -> type[msgspec.Struct]:
    """The class for a node, its fields in the order of the sample: decoding tries the next one first."""
    values = sample if isinstance(sample, Mapping) else {}
    order = {key: number for number, key in enumerate(values)}
    fields: list[Any] = []
    for key, below in sorted(node.below.items(), key=lambda item: order.get(item[0], len(order))):
        if key in required and below.kind in ("time", "text"):
            fields.append((below.name, datetime if below.kind == "time" else str))
        elif key in required and below.kind == "raw":
            fields.append((below.name, msgspec.Raw))
        elif key in required:
            struct = _struct(below, values.get(key))
            below.empty = struct()
            fields.append((below.name, struct))
        elif below.kind == "object":
            struct = _struct(below, values.get(key))
            below.empty = struct()
            fields.append((below.name, struct | None, below.empty))
        else:
            fields.append((below.name, _OPTIONAL[below.kind], msgspec.UNSET))
    rename = {below.name: key for key, below in node.below.items()}
    return msgspec.defstruct("Fields", fields, rename=rename, gc=False, kw_only=True, frozen=True)
