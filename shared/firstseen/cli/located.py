"""Log sources for examples and tests of rules: they know countries of made-up addresses, so no database is needed.

A rule's examples and tests use addresses that are set aside for documents (RFC 5737, RFC 3849). No database holds them.
Here each of those networks is in a country of its own, with a number that is set aside as well (RFC 5398).
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from firstseen.sources.registry import SOURCES as KNOWN

NETWORKS = {
    "192.0.2.0/24": ("NO", 64_496),
    "198.51.100.0/24": ("PT", 64_497),
    "203.0.113.0/24": ("NZ", 64_498),
    "2001:db8::/32": ("CA", 64_499),
}
"""Network → country and autonomous system. docs/rules.md tells them to writers of tests."""


class Documented:
    """A database of the addresses in documents."""

    _records = tuple(
        (ipaddress.ip_network(network), {"country": {"iso_code": country}, "autonomous_system_number": number})
        for network, (country, number) in NETWORKS.items()
    )

    def get(self, ip_address: str, /) -> object:
        """The record of an address, or None. Raises ValueError for what is no address."""
        address = ipaddress.ip_address(ip_address)
        return next((record for network, record in self._records if address in network), None)


SOURCES = {name: replace(source, readers=(Documented(),)) for name, source in KNOWN.items()}
"""Every log source, by name."""
