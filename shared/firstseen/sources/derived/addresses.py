"""What an address tells: its network, and whose it is by the databases that the user supplies."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol, runtime_checkable

V4_BITS, V6_BITS = 24, 48
"""The network that one customer usually has; a home's or an office's address moves within it."""

MAX_REMEMBERED = 4_096
"""Texts whose network is kept: the same few addresses come again and again."""

MAX_TEXT_CHARACTERS = 100
"""No address is longer."""


@runtime_checkable
class AddressReader(Protocol):
    """An open database in MaxMind's format. Read-only, and safe to be asked by several threads at once."""

    def get(self, ip_address: str, /) -> object:
        """The record of an address, or None. Raises ValueError for an address of a kind that it does not hold."""
        ...


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a text is; an IPv4 address in IPv6's clothes is taken as IPv4. None of names and the rest."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 6:  # noqa: PLR2004 - IPv6
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # without a zone such as %eth0
    return address


def network_of(text: str) -> str | None:
    """``198.51.100.0/24`` of an address in it, ``2001:db8:7::/48`` for IPv6."""
    return _network_of(text) if len(text) <= MAX_TEXT_CHARACTERS else None


@lru_cache(maxsize=MAX_REMEMBERED)
def _network_of(text: str) -> str | None:
    address = address_of(text)
    if address is None:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return f"{str(address).rpartition('.')[0]}.0/{V4_BITS}"
    kept = int(address) >> (128 - V6_BITS) << (128 - V6_BITS)
    return f"{ipaddress.IPv6Address(kept)}/{V6_BITS}"


def first_host(network: str) -> str | None:
    """An address in a network, for examples of rules."""
    try:
        return str(ipaddress.ip_network(network)[1])
    except (ValueError, IndexError):
        return None


def autonomous_system(readers: tuple[AddressReader, ...], text: str) -> int | None:
    """The number of the autonomous system that announces the address: the first that a database has."""
    for record in _records(readers, text):
        found = record.get("autonomous_system_number", record.get("asn"))
        if isinstance(found, str) and found[2:].isdecimal() and found[:2].upper() == "AS":
            found = int(found[2:12])
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def country(readers: tuple[AddressReader, ...], text: str) -> str | None:
    """The country of the address as two letters (ISO 3166): the first that a database has."""
    for record in _records(readers, text):
        below = record.get("country")
        found = below.get("iso_code") if isinstance(below, Mapping) else record.get("country_code", below)
        if isinstance(found, str) and len(found) == 2:  # noqa: PLR2004 - ISO 3166-1 alpha-2
            return found.upper()
    return None


def _records(readers: tuple[AddressReader, ...], text: str) -> list[Mapping[str, object]]:
    address = address_of(text)
    if address is None:
        return []
    records = []
    for reader in readers:
        try:
            record = reader.get(str(address))
        except ValueError:  # IPv6 in a database that holds IPv4 only
            continue
        if isinstance(record, Mapping):
            records.append(record)
    return records
