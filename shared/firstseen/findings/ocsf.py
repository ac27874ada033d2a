"""The wire form: an OCSF Detection Finding (class 2004), the same bytes for the same finding.

What OCSF has a place for stands in its place; the rest (routing, reason, baseline, triage, …) under
``unmapped``.
"""

from __future__ import annotations

import ipaddress

import orjson

import firstseen
from firstseen.findings.attack import Tactic, Technique, tactics, techniques
from firstseen.findings.finding import Finding
from firstseen.findings.links import console_link
from firstseen.findings.naming import NAME, labels
from firstseen.findings.safe import safe_json
from firstseen.findings.text import headline
from firstseen.findings.times import iso
from firstseen.language.rules import Level

OCSF_VERSION = "1.8.0"
CLASS_UID = 2004
CREATE = 1
_RULE = 1  # analytic.type_id
_NEW = 1  # status_id

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
Object = dict[str, Json]

SEVERITIES: dict[Level, tuple[int, str]] = {
    "informational": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}

_ACCOUNT_TYPES = {"AWS": (10, "AWS Account"), "Azure": (13, "Azure Subscription"), "GCP": (11, "GCP Project")}
_OF_TENANTS = frozenset(("azure.signinlogs", "azure.auditlogs"))
_OBSERVABLE_TYPES = {
    "ip": (2, "IP Address"),
    "hostname": (1, "Hostname"),
    "user": (31, "User Object: uid"),
    "resource": (10, "Resource UID"),
    "agent": (16, "HTTP User-Agent"),
    "account": (35, "Account Object: uid"),
    "credential": (19, "User Credential ID"),
}

MAX_IP_CHARS = 40


def ocsf_bytes(finding: Finding) -> bytes:
    """The finding as one line of JSON with sorted keys, without a line break or anything else that a display obeys."""
    return safe_json(orjson.dumps(to_ocsf(finding), option=orjson.OPT_SORT_KEYS).decode()).encode()


def to_ocsf(finding: Finding) -> Object:
    """The finding as an OCSF Detection Finding; empty parts are left out."""
    severity_id, severity = SEVERITIES[finding.card.level]
    found: Object = {
        "activity_id": CREATE,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS_UID,
        "class_name": "Detection Finding",
        "type_uid": CLASS_UID * 100 + CREATE,
        "type_name": "Detection Finding: Create",
        "time": _ms(finding.time_us),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": _NEW,
        "status": "New",
        "is_alert": finding.routing == "send" and finding.kind == "finding",
        "risk_score": finding.card.risk_score,
        "message": headline(finding),
        "metadata": _metadata(finding),
        "finding_info": _finding_info(finding),
        "cloud": _cloud(finding),
        "evidences": _evidences(finding),
        "resources": _resources(finding),
        "observables": _observables(finding),
        "remediation": _remediation(finding),
        "raw_data": finding.raw,
        "raw_data_size": finding.raw_bytes or None,
        "unmapped": _unmapped(finding),
    }
    if finding.provider:  # the class has it by the cloud profile; the actor has a place among evidences only
        found["api"] = _api(finding)
    return _pruned(found)


def _ms(time_us: int) -> int:
    return time_us // 1000


def _pruned(found: Object) -> Object:
    """Without what is empty: "", None, [] and {}; zero and false stay."""
    return {name: value for name, value in found.items() if value not in ("", None, [], {})}


def _metadata(finding: Finding) -> Json:
    cut = len(finding.raw.encode()) < finding.raw_bytes
    return _pruned(
        {
            "version": OCSF_VERSION,
            "product": {"name": "firstseen", "vendor_name": "firstseen", "version": firstseen.__version__},
            "uid": finding.uid,
            "profiles": ["cloud"] if finding.provider else [],
            "log_name": finding.source,
            "original_time": iso(finding.time_us),
            "is_truncated": True if cut else None,
            "untruncated_size": finding.raw_bytes if cut else None,
        }
    )


def _finding_info(finding: Finding) -> Json:
    card = finding.card
    times = [one.time_us for one in finding.related] or [finding.time_us]
    return _pruned(
        {
            "uid": finding.uid,
            "title": card.title,
            "desc": card.description,
            "analytic": _pruned(
                {
                    "uid": card.id,
                    "name": card.title,
                    "type_id": _RULE,
                    "type": "Rule",
                    "version": card.hash[:12],
                    "category": finding.type,
                }
            ),
            "attacks": _attacks(card.tags),
            "related_events": [
                _pruned(
                    {
                        "uid": one.event_id,
                        "first_seen_time": _ms(one.time_us),
                        "type": one.base_id,
                        "title": one.title,
                    }
                )
                for one in finding.related
            ],
            "related_events_count": len(finding.related) + finding.related_more,
            "first_seen_time": _ms(min(times)),
            "last_seen_time": _ms(max(times)),
            "src_url": console_link(finding),
            "types": [finding.kind],
        }
    )


def _attacks(tags: tuple[str, ...]) -> list[Json]:
    """One entry a technique, then one a tactic: tags do not say which technique serves which tactic."""
    found: list[Json] = []
    for one in techniques(tags):
        parent = one.parent
        if parent is None:
            found.append({"technique": _named(one)})
        else:
            found.append({"technique": _named(parent), "sub_technique": _named(one)})
    found.extend({"tactic": _named(one)} for one in tactics(tags))
    return found


def _named(one: Technique | Tactic) -> Json:
    return _pruned({"uid": one.uid, "name": one.name})


def _cloud(finding: Finding) -> Json:
    if not finding.provider:
        return None
    region = finding.fact("region")
    return _pruned({"provider": finding.provider, "account": _account(finding), "region": region})


def _account(finding: Finding) -> Json:
    uid = finding.fact("account")
    if not uid:
        return None
    type_id, name = _ACCOUNT_TYPES.get(finding.provider, (99, "Other"))
    if finding.source in _OF_TENANTS:
        type_id, name = 99, "Microsoft Entra tenant"
    tags: list[Json] = [{"name": label, "value": value} for label, value in labels(finding)]
    return _pruned({"uid": uid, "name": finding.fact(NAME), "type_id": type_id, "type": name, "tags": tags})


def _actor(finding: Finding) -> Json:
    uid = finding.fact("actor")
    if not uid:
        return None
    credential = finding.fact("access_key")
    user = _pruned({"uid": uid, "uid_alt": finding.fact("session") or finding.fact("user_id"),
                    "credential_uid": credential})  # fmt: skip
    return _pruned({"user": user, "app_name": finding.fact("application")})


def _api(finding: Finding) -> Json:
    """``service:Call`` in its two parts; of an operation of Azure the provider is the service."""
    service, colon, call = finding.fact("action").rpartition(":")
    if finding.source == "azure.activitylogs":
        call = finding.fact("action")
        service, colon, _ = call.partition("/")
    if not call and not service:
        return None
    response = _pruned({"error": finding.fact("error"), "message": finding.fact("outcome")})
    named: Json = {"name": service} if colon and service else None
    return _pruned(
        {
            "operation": call or service,
            "service": named,
            "response": response,
        }
    )


def _source(finding: Finding) -> tuple[str, str]:
    """("ip", address), or ("svc_name", a service, a name or something malformed in its place)."""
    found = finding.fact("source.ip")
    return ("ip" if _is_address(found) else "svc_name"), found


def _is_address(text: str) -> bool:
    if len(text) > MAX_IP_CHARS:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _evidences(finding: Finding) -> list[Json]:
    kind, address = _source(finding)
    evidence = _pruned(
        {
            "src_endpoint": {kind: address} if address else None,
            "actor": _actor(finding),
            "api": _api(finding),
            "data": _pruned({"facts": dict(finding.facts)}) if finding.facts else None,
        }
    )
    if evidence and finding.fact("user_agent"):
        evidence["http_request"] = {"user_agent": finding.fact("user_agent")}
    return [evidence] if evidence else []


def _resources(finding: Finding) -> list[Json]:
    uid = finding.fact("resource")
    return [_pruned({"uid": uid, "region": finding.fact("region")})] if uid else []


def _observables(finding: Finding) -> list[Json]:
    kind, address = _source(finding)
    candidates = (
        ("ip" if kind == "ip" else "hostname", f"evidences.src_endpoint.{kind}", address),
        ("user", "evidences.actor.user.uid", finding.fact("actor")),
        ("credential", "evidences.actor.user.credential_uid", finding.fact("access_key")),
        ("resource", "resources.uid", finding.fact("resource")),
        ("account", "cloud.account.uid", finding.fact("account")),
        ("agent", "evidences.http_request.user_agent", finding.fact("user_agent")),
    )
    return [
        {
            "type_id": _OBSERVABLE_TYPES[one][0],
            "type": _OBSERVABLE_TYPES[one][1],
            "name": name,
            "value": value,
        }
        for one, name, value in candidates
        if value
    ]


def _remediation(finding: Finding) -> Json:
    steps = "\n".join(finding.card.response)
    return {"desc": steps} if steps else None


def _unmapped(finding: Finding) -> Json:
    card = finding.card
    return _pruned(
        {
            "kind": finding.kind,
            "type": finding.type,
            "routing": finding.routing,
            "reason": finding.reason,
            "baseline": finding.baseline,
            "late": finding.late,
            "overflowed": finding.overflowed,
            "last_seen": iso(finding.last_seen_us) if finding.last_seen_us else "",
            "group": _pairs(finding.group),
            "terms": _pairs(finding.terms),
            "details": _pairs(finding.details),
            "pack_version": finding.pack_version,
            "received": iso(finding.received_us),
            "pointer": finding.pointer,
            "rule_name": card.name,
            "rule_status": card.status,
            "author": card.author,
            "references": list(card.references),
            "false_positives": list(card.false_positives),
            "tags": list(card.tags),
            "triage": list(card.triage),
        }
    )


def _pairs(pairs: tuple[tuple[str, str], ...]) -> list[Json]:
    """Pairs as a list of objects, since names may repeat and the order is theirs."""
    return [{"name": name, "value": value} for name, value in pairs]
