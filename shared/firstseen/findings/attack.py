"""MITRE ATT&CK, as Sigma tags write it: ``attack.t1552.005``, ``attack.credential-access``.

The names of what cloud rules use are here; an id that is not in the table is still shown, without its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TECHNIQUE = re.compile(r"attack\.(t\d{4})(\.\d{3})?", re.IGNORECASE)

TACTICS = {
    "reconnaissance": ("TA0043", "Reconnaissance"),
    "resource-development": ("TA0042", "Resource Development"),
    "initial-access": ("TA0001", "Initial Access"),
    "execution": ("TA0002", "Execution"),
    "persistence": ("TA0003", "Persistence"),
    "privilege-escalation": ("TA0004", "Privilege Escalation"),
    "defense-evasion": ("TA0005", "Defense Evasion"),
    "credential-access": ("TA0006", "Credential Access"),
    "discovery": ("TA0007", "Discovery"),
    "lateral-movement": ("TA0008", "Lateral Movement"),
    "collection": ("TA0009", "Collection"),
    "command-and-control": ("TA0011", "Command and Control"),
    "exfiltration": ("TA0010", "Exfiltration"),
    "impact": ("TA0040", "Impact"),
}

TECHNIQUES = {
    "T1016": "System Network Configuration Discovery",
    "T1021": "Remote Services",
    "T1021.007": "Cloud Services",
    "T1021.008": "Direct Cloud VM Connections",
    "T1040": "Network Sniffing",
    "T1046": "Network Service Discovery",
    "T1048": "Exfiltration Over Alternative Protocol",
    "T1059": "Command and Scripting Interpreter",
    "T1059.009": "Cloud API",
    "T1069": "Permission Groups Discovery",
    "T1069.003": "Cloud Groups",
    "T1070": "Indicator Removal",
    "T1078": "Valid Accounts",
    "T1078.001": "Default Accounts",
    "T1078.004": "Cloud Accounts",
    "T1087": "Account Discovery",
    "T1087.004": "Cloud Account",
    "T1098": "Account Manipulation",
    "T1098.001": "Additional Cloud Credentials",
    "T1098.003": "Additional Cloud Roles",
    "T1098.005": "Device Registration",
    "T1110": "Brute Force",
    "T1110.003": "Password Spraying",
    "T1110.004": "Credential Stuffing",
    "T1114": "Email Collection",
    "T1114.003": "Email Forwarding Rule",
    "T1119": "Automated Collection",
    "T1133": "External Remote Services",
    "T1136": "Create Account",
    "T1136.003": "Cloud Account",
    "T1190": "Exploit Public-Facing Application",
    "T1195": "Supply Chain Compromise",
    "T1199": "Trusted Relationship",
    "T1201": "Password Policy Discovery",
    "T1204": "User Execution",
    "T1204.003": "Malicious Image",
    "T1212": "Exploitation for Credential Access",
    "T1213": "Data from Information Repositories",
    "T1480": "Execution Guardrails",
    "T1484": "Domain or Tenant Policy Modification",
    "T1484.002": "Trust Modification",
    "T1485": "Data Destruction",
    "T1486": "Data Encrypted for Impact",
    "T1489": "Service Stop",
    "T1490": "Inhibit System Recovery",
    "T1496": "Resource Hijacking",
    "T1498": "Network Denial of Service",
    "T1525": "Implant Internal Image",
    "T1526": "Cloud Service Discovery",
    "T1528": "Steal Application Access Token",
    "T1530": "Data from Cloud Storage",
    "T1531": "Account Access Removal",
    "T1535": "Unused/Unsupported Cloud Regions",
    "T1537": "Transfer Data to Cloud Account",
    "T1538": "Cloud Service Dashboard",
    "T1546": "Event Triggered Execution",
    "T1548": "Abuse Elevation Control Mechanism",
    "T1548.005": "Temporary Elevated Cloud Access",
    "T1550": "Use Alternate Authentication Material",
    "T1550.001": "Application Access Token",
    "T1552": "Unsecured Credentials",
    "T1552.001": "Credentials In Files",
    "T1552.004": "Private Keys",
    "T1552.005": "Cloud Instance Metadata API",
    "T1555": "Credentials from Password Stores",
    "T1555.006": "Cloud Secrets Management Stores",
    "T1556": "Modify Authentication Process",
    "T1556.006": "Multi-Factor Authentication",
    "T1556.009": "Conditional Access Policies",
    "T1562": "Impair Defenses",
    "T1562.001": "Disable or Modify Tools",
    "T1562.007": "Disable or Modify Cloud Firewall",
    "T1562.008": "Disable or Modify Cloud Logs",
    "T1566": "Phishing",
    "T1567": "Exfiltration Over Web Service",
    "T1567.002": "Exfiltration to Cloud Storage",
    "T1578": "Modify Cloud Compute Infrastructure",
    "T1578.001": "Create Snapshot",
    "T1578.002": "Create Cloud Instance",
    "T1578.003": "Delete Cloud Instance",
    "T1578.004": "Revert Cloud Instance",
    "T1578.005": "Modify Cloud Compute Configurations",
    "T1580": "Cloud Infrastructure Discovery",
    "T1606": "Forge Web Credentials",
    "T1606.002": "SAML Tokens",
    "T1609": "Container Administration Command",
    "T1610": "Deploy Container",
    "T1613": "Container and Resource Discovery",
    "T1619": "Cloud Storage Object Discovery",
    "T1621": "Multi-Factor Authentication Request Generation",
    "T1648": "Serverless Execution",
    "T1649": "Steal or Forge Authentication Certificates",
    "T1651": "Cloud Administration Command",
    "T1666": "Modify Cloud Resource Hierarchy",
    "T1671": "Cloud Application Integration",
    "T1685.002": "Disable or Modify Cloud Logs",
}


@dataclass(frozen=True, slots=True)
class Tactic:
    """``uid`` is "" for a tactic that the table does not have."""

    uid: str
    name: str


@dataclass(frozen=True, slots=True)
class Technique:
    """``T1552`` or ``T1552.005``; ``name`` is "" when the table does not have it."""

    uid: str
    name: str

    @property
    def parent(self) -> Technique | None:
        """The technique that this sub-technique belongs to."""
        above, dot, _ = self.uid.partition(".")
        return Technique(above, TECHNIQUES.get(above, "")) if dot else None

    def __str__(self) -> str:
        """``T1552.005 Cloud Instance Metadata API``."""
        return f"{self.uid} {self.name}".rstrip()


def techniques(tags: tuple[str, ...]) -> tuple[Technique, ...]:
    """The techniques among a rule's tags, in their order, each once."""
    uids = [(found[1] + (found[2] or "")).upper() for tag in tags if (found := _TECHNIQUE.fullmatch(tag))]
    return tuple(Technique(uid, TECHNIQUES.get(uid, "")) for uid in dict.fromkeys(uids))


def tactics(tags: tuple[str, ...]) -> tuple[Tactic, ...]:
    """The tactics among a rule's tags, in their order; groups and software (``attack.g0016``) are none."""
    slugs = [tag.lower().removeprefix("attack.").replace("_", "-") for tag in tags if tag.lower().startswith("attack.")]
    found = []
    for slug in dict.fromkeys(slugs):
        if slug in TACTICS:
            found.append(Tactic(*TACTICS[slug]))
        elif not any(letter.isdigit() for letter in slug):
            found.append(Tactic("", slug.replace("-", " ").title()))
    return tuple(found)
