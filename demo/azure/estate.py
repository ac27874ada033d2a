"""What the company has on Azure: its directory, subscriptions, machines, programs, and the partner who helps.

As with its accounts at AWS, nothing names anything real: ids are made from words, addresses are RFC 5737's.
Only the ids of Microsoft's own applications are those that every tenant sees.
"""

from __future__ import annotations

from dataclasses import dataclass

from demo import company as c


def guid(*words: str) -> str:
    """Make a UUID that is always the same for the same words."""
    text = c.ident("", "azure", *words, length=32)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


TENANT = guid("tenant", "quillfjord")
PARTNER_TENANT = guid("tenant", "brakvann")
PARTNER_DOMAIN = "brakvann.example.net"
REGION = "northeurope"
HOME_COUNTRY, HOME_CITY = "DK", "Aarhus"
PARTNER_ADDRESS = "192.0.2.91"

NEW_NETWORK_ADDRESS = "192.0.2.231"
CALL_ADDRESS = "192.0.2.244"
"""Other people's servers, in networks that nobody of the company works from."""

_SYSTEMS = {"203.0.113.": 64496, "198.51.100.": 64497, "192.0.2.": 64498}
_OTHERS_SYSTEM = 64511


def system_of(address: str) -> int:
    """Return the autonomous system of an address, of those that are kept for documentation (RFC 5398)."""
    if address in {NEW_NETWORK_ADDRESS, CALL_ADDRESS}:
        return _OTHERS_SYSTEM
    return next((system for start, system in _SYSTEMS.items() if address.startswith(start)), 0)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription and what runs in it."""

    name: str
    group: str
    machines: tuple[str, ...]

    @property
    def id(self) -> str:
        """Return the subscription's id."""
        return guid("subscription", self.name)

    @property
    def scope(self) -> str:
        """Name the subscription as role assignments do."""
        return f"/subscriptions/{self.id}"

    def resource(self, kind: str, name: str, group: str = "") -> str:
        """Name a resource: ``kind`` is its provider and type, as ``Microsoft.Compute/virtualMachines``."""
        return f"{self.scope}/resourceGroups/{group or self.group}/providers/{kind}/{name}"

    def machine(self, name: str) -> str:
        """Name a virtual machine."""
        return self.resource("Microsoft.Compute/virtualMachines", name)


PROD = Subscription("warehouse-prod", "warehouse", tuple(f"wh-app-{n:02d}" for n in range(1, 15)))
DEV = Subscription("warehouse-dev", "warehouse-dev", tuple(f"whd-app-{n:02d}" for n in range(1, 5)))
STORES = ("whstockfiles", "whinvoices", "whdiagnostics")
GROUPS = ("nsg-web", "nsg-data", "nsg-admin")
SCALE_SET = "wh-workers"


@dataclass(frozen=True, slots=True)
class Application:
    """A program that tokens are issued to."""

    name: str
    id: str


PORTAL = Application("Azure Portal", "c44b4083-3bb0-49c1-b47d-974e53cbdf3c")
AZURE_CLI = Application("Microsoft Azure CLI", "04b07795-8ddb-461a-bbee-02f9e1bf7b46")
POWERSHELL = Application("Microsoft Azure PowerShell", "1950a258-227b-4e31-a9cf-717495945fc2")
OFFICE = Application("Office 365 Exchange Online", "00000002-0000-0ff1-ce00-000000000000")
MANAGEMENT = Application("Windows Azure Service Management API", "797f4846-ba00-4fd7-ba43-dac1f8f63013")
GRAPH = Application("Microsoft Graph", "00000003-0000-0000-c000-000000000000")
VAULT = Application("Azure Key Vault", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093")
STORAGE = Application("Azure Storage", "e406a681-f3d4-42a8-90b6-c2b029497af1")

AGENTS = {
    AZURE_CLI.id: "python-requests/2.32.3",
    POWERSHELL.id: "Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.26100; en-US) PowerShell/7.5.3",
}
"""User agents of what is no browser."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody or something that signs in and acts: a user has a principal name, a program has none."""

    name: str
    object_id: str
    upn: str = ""
    app: Application = PORTAL
    tenant: str = TENANT
    role: str = "Contributor"
    kind: str = "User"


def user(name: str, app: Application = PORTAL, role: str = "Contributor") -> Principal:
    """Let somebody who works here act by one application."""
    return Principal(name.capitalize(), guid("user", name), f"{name}@{c.DOMAIN}", app, TENANT, role)


def program(name: str, role: str = "Contributor", kind: str = "ServicePrincipal") -> Principal:
    """Describe an application of the company, or a managed identity."""
    return Principal(name, guid("principal", name), "", Application(name, guid("app", name)), TENANT, role, kind)


TERRAFORM = program("terraform-apply", "Owner")
DEPLOY = program("github-deploy")
BACKUP = program("Backup Management Service")
AUTOSCALE = program("Azure Autoscale", kind="ServicePrincipal")
POLICY = program("Azure Policy")
WORKER = program("wh-workers-identity", "Reader", "ServicePrincipal")
EXPORT = program("stock-export-identity", "Reader", "ServicePrincipal")
INVOICES = program("invoice-sync", "Storage Blob Data Contributor")

PARTNER = Principal(
    "Nils (Brakvann)",
    guid("user", "nils", "brakvann"),
    f"nils@{PARTNER_DOMAIN}",
    PORTAL,
    PARTNER_TENANT,
    "Virtual Machine Contributor",
)
"""The delegated administrator: signs in to a tenant of his own, and the subscription was delegated to it."""
