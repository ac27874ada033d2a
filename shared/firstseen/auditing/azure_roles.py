"""Roles of Azure and of Entra ID that have rank."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.auditing.acts import Rank

ROLES: Mapping[str, tuple[str, Rank]] = MappingProxyType(
    {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": ("Owner", "administrator"),
        "b24988ac-6180-42a0-ab88-20f7382dd24c": ("Contributor", "administrator"),
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": ("User Access Administrator", "grants"),
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168": ("Role Based Access Control Administrator", "grants"),
        "9980e02c-c2be-4d73-94e8-173b1dc7cf3c": ("Virtual Machine Contributor", "commands"),
        "1c0163c0-47e6-4577-8991-ea5c82e286e4": ("Virtual Machine Administrator Login", "commands"),
        "fb879df8-f326-4884-b1cf-06f3ad86be52": ("Virtual Machine User Login", "commands"),
        "f353d9bd-d4a6-484e-a77a-8050b599b867": ("Automation Contributor", "commands"),
        "d3881f73-407a-4167-8283-e981cbba0404": ("Automation Operator", "commands"),
        "4fe576fe-1146-4730-92eb-48519fa6bf9f": ("Automation Job Operator", "commands"),
        "cd570a14-e51a-42ad-bac8-bafd67325302": ("Azure Connected Machine Resource Administrator", "commands"),
        "92aaf0da-9dab-42b6-94a3-d43ce8d16293": ("Log Analytics Contributor", "commands"),
    }
)
"""Of Azure, by the id of the role definition, which is the same in every tenant: name and rank."""

ROLE_NAMES: Mapping[str, Rank] = MappingProxyType({name.casefold(): rank for name, rank in ROLES.values()})

DIRECTORY_ROLES: Mapping[str, Rank] = MappingProxyType(
    {
        "global administrator": "administrator",
        "company administrator": "administrator",
        "privileged role administrator": "grants",
        "privileged authentication administrator": "grants",
        "partner tier2 support": "grants",
        "application administrator": "grants",
        "cloud application administrator": "grants",
        "hybrid identity administrator": "grants",
        "domain name administrator": "grants",
        "user administrator": "grants",
        "authentication administrator": "grants",
        "conditional access administrator": "grants",
        "security administrator": "grants",
        "intune administrator": "commands",
        "intune service administrator": "commands",
    }
)
"""Of Entra ID, by name in small letters. ``company administrator`` is what older entries call the global one."""
