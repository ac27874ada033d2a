"""What a document says about its rule to people and to routing: its id, its card, its hash."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import cast

from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from firstseen.errors import RuleError
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.extras import NOT_RUN, Extras
from firstseen.language.rules import LEVELS, Card, Level

RISK_OF_LEVEL: Mapping[Level, int] = {"informational": 5, "low": 21, "medium": 47, "high": 73, "critical": 99}

_NAMESPACE = uuid.UUID("6f3f0a55-6b0e-5a0c-9d63-3b1f0c8d7e21")
_CHOICES = {
    "level": ", ".join(LEVELS[:-1]) + f" or {LEVELS[-1]}",
    "status": "stable, test, experimental, deprecated or unsupported",
    "date": "a day such as 2026-03-02",
    "modified": "a day such as 2026-03-02",
}
"""What a key may hold, which pySigma does not say."""

_ERROR_KEYS = {
    "SigmaIdentifierError": "id",
    "SigmaNameError": "name",
    "SigmaTaxonomyError": "taxonomy",
    "SigmaRelatedError": "related",
    "SigmaLevelError": "level",
    "SigmaStatusError": "status",
    "SigmaTagError": "tags",
    "SigmaDateError": "date",
    "SigmaModifiedError": "modified",
    "SigmaFieldsError": "fields",
    "SigmaFalsePositivesError": "falsepositives",
    "SigmaAuthorError": "author",
    "SigmaDescriptionError": "description",
    "SigmaReferencesError": "references",
    "SigmaTitleError": "title",
    "SigmaScopeError": "scope",
    "SigmaLicenseError": "license",
}


def rule_id(document: Document) -> str:
    """The Sigma id; without one the name; without that an id made from the title, so that it stays."""
    written = document.data.get("id") or document.data.get("name")
    if isinstance(written, str):
        return written
    return str(uuid.uuid5(_NAMESPACE, str(document.data.get("title"))))


def sigma_faults(document: Document) -> list[RuleError]:
    """What pySigma finds wrong with the keys that every kind of Sigma document shares."""
    for key in ("id", "name"):
        if not isinstance(document.data.get(key), str | None):
            return [document.fault(f"the {key} is text", key)]
    try:
        _, errors = SigmaRule.from_dict_common_params(dict(document.data), collect_errors=True)
    except Exception as exc:  # noqa: BLE001 - pySigma raises TypeError, AttributeError, … on values it does not foresee
        return [document.fault(f"pySigma cannot read this document ({type(exc).__name__}: {str(exc)[:200]})")]
    return [_placed(document, error) for error in errors]


def _placed(document: Document, error: SigmaError) -> RuleError:
    key = _ERROR_KEYS.get(type(error).__name__)
    choices = _CHOICES.get(key or "")
    hint = f": it is {choices}" if choices else ""
    return document.fault(str(error).splitlines()[0] + hint, *([key] if key else []))


def card_of(document: Document, extras: Extras, members: Iterable[Document] = ()) -> Card:
    """The card of the document's rule; ``members``, the base rules it stands on, are part of its hash."""
    data = document.data
    level = cast("Level", str(data.get("level") or "medium").lower())  # pySigma checked it
    return Card(
        id=rule_id(document),
        title=str(data.get("title", "")),
        name=str(data.get("name") or ""),
        level=level,
        risk_score=RISK_OF_LEVEL[level] if extras.risk_score is None else extras.risk_score,
        status=str(data.get("status") or "stable").lower(),
        description=str(data.get("description") or "").strip(),
        author=str(data.get("author") or ""),
        references=_texts(data.get("references")),
        false_positives=_texts(data.get("falsepositives")),
        tags=_texts(data.get("tags")),
        triage=extras.triage,
        response=extras.response,
        hash=document_hash([document, *members]),
    )


def document_hash(documents: Iterable[Document]) -> str:
    """SHA-256 over what the documents say; equal for equal data, however it is laid out.

    Tests, and what only readers of the rule need, are left out.
    """
    bodies = []
    for document in documents:
        body = dict(document.data)
        extras = body.get("firstseen")
        if isinstance(extras, dict):
            body["firstseen"] = {key: value for key, value in extras.items() if key not in NOT_RUN}
            if not body["firstseen"]:
                del body["firstseen"]
        bodies.append(body)
    return hashlib.sha256(json.dumps(bodies, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(part) for part in value) if isinstance(value, list) else ()
