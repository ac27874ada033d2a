"""Addresses as Azure's logs write them: some with a port, IPv6 then in brackets."""

from __future__ import annotations

import ipaddress


def without_port(value: str | None) -> str | None:
    """``192.0.2.1:443`` and ``[2001:db8::1]:443`` without the port; other text as it stands."""
    if not value:
        return None
    if value.startswith("["):
        inner, closed, _ = value[1:].partition("]")
        return inner if closed and inner else value
    host, colon, port = value.rpartition(":")
    return host if colon and "." in host and ":" not in host and port.isdecimal() else value


def address(value: str | None) -> str | None:
    """The address without a port; None when it is none."""
    found = without_port(value)
    try:
        ipaddress.ip_address(found or "")
    except ValueError:
        return None
    return found
