"""Writes small databases in MaxMind's format (https://maxmind.github.io/MaxMind-DB/), for tests: IPv4, no pointers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

MARKER = b"\xab\xcd\xefMaxMind.com"
MAP, ARRAY, TEXT, UINT16, UINT32, UINT64 = 7, 11, 2, 5, 6, 9

Value = Mapping[str, object] | list[str] | str | int


def write_database(path: Path, records: Mapping[str, Value]) -> Path:
    """A file that knows these networks."""
    nodes: list[list[int | None]] = [[None, None]]
    data = b""
    leaves: dict[tuple[int, int], int] = {}
    for network, record in records.items():
        block = ipaddress.IPv4Network(network)
        bits = f"{int(block.network_address):032b}"[: block.prefixlen]
        node = 0
        for bit in bits[:-1]:
            child = nodes[node][int(bit)]
            if child is None:
                nodes.append([None, None])
                child = nodes[node][int(bit)] = len(nodes) - 1
            node = child
        leaves[node, int(bits[-1])] = len(data)
        data += _encoded(record)
    tree = b""
    for number, node_ in enumerate(nodes):
        for side, child in enumerate(node_):
            at = leaves.get((number, side))
            value = len(nodes) if child is None else child
            tree += (len(nodes) + 16 + at if at is not None else value).to_bytes(3, "big")
    about: dict[str, object] = {
        "node_count": (UINT32, len(nodes)),
        "record_size": (UINT16, 24),
        "ip_version": (UINT16, 4),
        "database_type": "Test",
        "languages": ["en"],
        "binary_format_major_version": (UINT16, 2),
        "binary_format_minor_version": (UINT16, 0),
        "build_epoch": (UINT64, 1_790_000_000),
        "description": {"en": "test"},
    }
    path.write_bytes(tree + bytes(16) + data + MARKER + _encoded(about))
    return path


def _encoded(value: object) -> bytes:
    match value:
        case str():
            raw = value.encode()
            return _head(TEXT, len(raw)) + raw
        case int():
            return _encoded((UINT32, value))
        case (int() as kind, int() as number):
            raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
            return _head(kind, len(raw)) + raw
        case list():
            return _head(ARRAY, len(value)) + b"".join(map(_encoded, value))
        case Mapping():
            return _head(MAP, len(value)) + b"".join(_encoded(key) + _encoded(one) for key, one in value.items())
    raise TypeError(value)


def _head(kind: int, size: int) -> bytes:
    """The control byte; kinds from 8 on stand in a byte of their own, sizes of 29 to 284 as well."""
    first, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([kind << 5 | first]) if kind < 8 else bytes([first, kind - 7])) + more
