"""From an episode that opened to its finding: facts in common words, the reason, the raw event.



Only here is an event normalised, and only events that made a finding come here.
"""

from __future__ import annotations

from collections.abc import Mapping

from firstseen.correlations.sightings import short
from firstseen.correlations.step import Opening
from firstseen.findings.finding import MAX_RAW_BYTES, Finding, Related, key_hash
from firstseen.findings.naming import with_names
from firstseen.findings.reasons import reason
from firstseen.findings.safe import encodable
from firstseen.language.accounts import NO_ACCOUNTS, Accounts
from firstseen.language.rules import Correlation
from firstseen.matching.values import TooManyValuesError, text_values
from firstseen.sources.event import Event
from firstseen.sources.source import COMMON, Accessor, Source

MAX_FACT_CHARS = 2_000
MAX_FACT_VALUES = 10
MAX_KEY_CHARS = 1_000
"""Of one group value or term shown; the key's hash covers all of it."""

MAX_RELATED = 50
MAX_TITLE_CHARS = 120
NO_TITLES: Mapping[str, str] = {}

_MORE_FACTS = (
    (
        "error",
        (
            "aws.cloudtrail.error_code",
            "yandex.audit.error",
            "gcp.audit.error",
            "okta.outcome.reason",
            "o365.audit.LogonError",
            "error.code",
            "azure.activitylogs.properties.status_code",
            "azure.signinlogs.result_description",
            "azure.auditlogs.properties.result_reason",
        ),
    ),
    ("session", ("aws.cloudtrail.user_identity.arn",)),
    (
        "access_key",
        (
            "aws.cloudtrail.user_identity.access_key_id",
            "gcp.audit.authentication_info.service_account_key_name",
        ),
    ),
    ("command_line", ("windows.process_creation.command_line",)),
    ("parent", ("windows.process_creation.parent",)),
    ("country", ("source.geo.country_name",)),
    ("role", ("azure.activitylogs.identity.authorization.evidence.role",)),
    (
        "application",
        (
            "azure.signinlogs.properties.app_display_name",
            "azure.auditlogs.properties.initiated_by.app.displayName",
            "azure.activitylogs.identity.claims.appid",
        ),
    ),
    ("tenant", ("azure.tenant_id",)),
    (
        "home_tenant",
        (
            "azure.signinlogs.properties.home_tenant_id",
            "azure.activitylogs.identity.claims.http://schemas.microsoft.com/identity/claims/tenantid",
        ),
    ),
    (
        "user_id",
        (
            "azure.signinlogs.properties.user_id",
            "azure.auditlogs.properties.initiated_by.user.id",
            "yandex.audit.authentication.subject_id",
            "vk.audit.user_id",
            "okta.actor.id",
        ),
    ),
    (
        "impersonator",
        (
            "yandex.audit.authentication.token_info.impersonator",
            "gcp.audit.authentication_info.impersonator",
        ),
    ),
    ("folder", ("yandex.audit.folder",)),
    ("set_to", ("TargetResources.ModifiedProperties.NewValue",)),
)
"""Beyond the common vocabulary, where a source has a name for it: what an on-call asks next."""


def build(  # noqa: PLR0913 - one door; each part comes from another room
    opening: Opening,
    correlation: Correlation,
    event: Event,
    *,
    group: tuple[str, ...] = (),
    terms: tuple[str, ...] = (),
    pack_version: str = "",
    baseline: str = "none",
    pointer: str = "",
    accounts: Accounts = NO_ACCOUNTS,
    titles: Mapping[str, str] = NO_TITLES,
) -> Finding:
    """The finding for ``opening``; ``event`` is the one that triggered it, ``group`` and ``terms``
    the values of its key, ``accounts`` the accounts that have names, ``titles`` those of base rules by id.

    Routing is still ``send`` and the baseline as given: :class:`firstseen.findings.routing.Router` decides
    both.
    """
    named_group = _named(correlation.group_by, group)
    named_terms = _named(correlation.fields, terms)
    related = _related(opening, correlation, event, titles if len(correlation.members) > 1 else NO_TITLES)
    kept, raw_bytes = _raw(event.raw)
    return Finding(
        uid=opening.uid,
        card=correlation.card,
        type=correlation.type,
        time_us=opening.time_us,
        received_us=event.received_us,
        group=named_group,
        terms=named_terms,
        reason=reason(opening, correlation, named_group, named_terms),
        last_seen_us=opening.last_seen_us,
        late=opening.late,
        overflowed=opening.overflowed,
        baseline=baseline,
        pack_version=pack_version,
        related=related,
        related_more=opening.related_more + max(0, len(opening.related) - MAX_RELATED),
        facts=with_names(facts(event), accounts),
        source=event.source.name,
        provider=event.source.provider,
        raw=kept,
        raw_bytes=raw_bytes,
        pointer=encodable(pointer),
        suppression=_suppression(correlation, event, dict((*named_group, *named_terms))),
    )


def facts(event: Event) -> tuple[tuple[str, str], ...]:
    """The common vocabulary of one event as (name, text), names without a value left out.

    And what was odd about the event, as ``remark``: whoever weighs the finding has to know that its time was corrected.
    """
    source = event.source
    found = [(name, _fact(source.accessor(name, vocabulary="common"), event)) for name in COMMON]
    for name, candidates in _MORE_FACTS:
        found.extend((name, _fact(source.ecs[one], event)) for one in candidates if one in source.ecs)
    named: dict[str, str] = {}
    for name, text in found:
        if text:
            named.setdefault(name, text)
    if named.get("outcome") != "failure":
        named.pop("error", None)  # Azure gives a status, and even a reason, to what succeeded
    if event.remarks:
        named["remark"] = _cut(encodable("; ".join(event.remarks)), MAX_FACT_CHARS)
    return tuple(named.items())


def _fact(accessor: Accessor, event: Event) -> str:
    values = _values(accessor, event)
    text = ", ".join(values[:MAX_FACT_VALUES])
    if len(values) > MAX_FACT_VALUES:
        text += f" and {len(values) - MAX_FACT_VALUES} more"
    return _cut(encodable(text), MAX_FACT_CHARS)


def _values(accessor: Accessor, event: Event) -> list[str]:
    """Each value once, in the event's order; none where there are too many: a fact stops no finding."""
    try:
        return list(dict.fromkeys(text_values(event.view, accessor)))
    except TooManyValuesError:
        return []


def _named(names: tuple[str, ...], values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (names[place] if place < len(names) else f"part {place + 1}", _cut(encodable(value), MAX_KEY_CHARS))
        for place, value in enumerate(values)
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…(+{len(text) - limit})"


def _related(
    opening: Opening, correlation: Correlation, event: Event, titles: Mapping[str, str]
) -> tuple[Related, ...]:
    """The triggering event first, then the others of the condition by time; bounded."""

    def related(event_id: str, time_us: int, member: int) -> Related:
        base_id = correlation.members[member].base_id
        return Related(encodable(event_id), time_us, base_id, _cut(titles.get(base_id, ""), MAX_TITLE_CHARS))

    found = {opening.hit.event_id: related(event.id, event.time_us, opening.hit.member)}
    found[short(opening.hit.event_id)] = found[opening.hit.event_id]  # as states keep a long id
    for one in opening.related[:MAX_RELATED]:
        found.setdefault(one.event_id, related(one.event_id, one.time_us, one.member))
    return tuple(dict.fromkeys(found.values()))


def _suppression(correlation: Correlation, event: Event, key: dict[str, str]) -> str:
    """The name of the suppression slot that this finding belongs to; "" when it stands alone.

    A field is looked up among the key's names first (they may be aliases), then in the event, by the names that the
    rule uses.
    """
    asked = correlation.suppression
    if asked is None:
        return ""
    parts: list[str] = []
    for name in asked.fields:
        values = (
            [key[name]] if name in key else _values(event.source.accessor(name, vocabulary=asked.vocabulary), event)
        )
        if not values and asked.missing == "separate":
            return ""
        parts.append(str(len(values)))  # so that no two lists of values read the same
        parts.extend(encodable(value) for value in sorted(values))
    return key_hash(correlation.card.id, "suppression", asked.fields, tuple(parts))


def _raw(raw: bytes) -> tuple[str, int]:
    """The event's bytes as text of at most MAX_RAW_BYTES in UTF-8, and their full number."""
    text = raw[:MAX_RAW_BYTES].decode("utf-8", "ignore" if len(raw) > MAX_RAW_BYTES else "replace")
    while len(text.encode()) > MAX_RAW_BYTES:  # U+FFFD is longer than the byte that it replaces; two rounds at most
        text = text.encode()[:MAX_RAW_BYTES].decode("utf-8", "ignore")
    return text, len(raw)


def source_names(source: Source) -> tuple[str, ...]:
    """The names that :func:`facts` may give for this source; for documents and tests."""
    more = tuple(name for name, candidates in _MORE_FACTS if any(one in source.ecs for one in candidates))
    return (*COMMON, *more, "remark")
