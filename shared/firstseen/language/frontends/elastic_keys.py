"""Which keys an Elastic rule may have: those that are used, those that change nothing here, those that are refused."""

from __future__ import annotations

from difflib import get_close_matches

from firstseen.errors import RuleError
from firstseen.language.frontends.documents import Document
from firstseen.language.frontends.refusals import Refused

USED = frozenset({
    "alert_suppression", "author", "building_block_type", "data_view_id", "description", "enabled", "exceptions_list",
    "false_positives", "filters", "from", "index", "language", "name", "new_terms", "note", "query", "references",
    "risk_score", "rule_id", "saved_id", "severity", "tags", "threat", "threshold", "to", "type",
})  # fmt: skip

WITHOUT_MEANING = frozenset({
    # how and when Elastic runs a rule: here each event is looked at when it comes, by its own time
    "interval", "max_signals", "timestamp_override", "timestamp_override_fallback_disabled",
    # what else Elastic shows or does beside an alert
    "actions", "investigation_fields", "license", "meta", "namespace", "outcome", "output_index",
    "related_integrations", "required_fields", "response_actions", "revision", "risk_score_mapping",
    "rule_name_override", "rule_source", "setup", "severity_mapping", "throttle", "timeline_id", "timeline_title",
    "version",
    # who wrote the rule into Elastic's database, and when
    "created_at", "created_by", "execution_summary", "id", "immutable", "updated_at", "updated_by",
})  # fmt: skip

TYPES = ("query", "new_terms", "threshold")

_REFUSED_TYPES = {
    "eql": "EQL, a language of its own for sequences of events",
    "esql": "ES|QL, a language of its own that computes tables",
    "machine_learning": "the results of an anomaly detection job that runs inside Elastic",
    "threat_match": "comparing events with an index of indicators that lives inside Elastic",
    "saved_query": "a query that is kept inside Elastic and not in the file",
}
_REFUSED_LANGUAGES = {
    "lucene": "Lucene's query language, whose words are analysed as each index is configured",
    "eql": _REFUSED_TYPES["eql"],
    "esql": _REFUSED_TYPES["esql"],
}
_REFUSED_KEYS = {
    "saved_id": "a query that is kept inside Elastic",
    "data_view_id": "a data view that is kept inside Elastic: list the indices under 'index'",
    "exceptions_list": "exceptions that are kept inside Elastic: write them into the query as 'and not'",
    "filters": "Kibana's filters beside the query: write them into the query",
}
_MEND = "rewrite it in KQL, or as a Sigma rule"


def check_keys(document: Document) -> None:
    """Raises Refused when the rule asks for what is not done here, RuleError when its type is missing or unknown."""
    rule = document.data["rule"]
    kind = rule.get("type")
    if kind in _REFUSED_TYPES:
        raise _refused(document, f"the rule needs {_REFUSED_TYPES[kind]}: {_MEND}", "type")
    if kind not in TYPES:
        msg = f"the type of an Elastic rule is one of: {', '.join((*TYPES, *_REFUSED_TYPES))}"
        raise document.fault(msg, "rule", "type")
    language = rule.get("language", "kuery")
    if language in _REFUSED_LANGUAGES:
        raise _refused(document, f"the rule needs {_REFUSED_LANGUAGES[language]}: {_MEND}", "language")
    if language != "kuery":
        msg = "the language of this type of rule is kuery"
        raise document.fault(msg, "rule", "language")
    for key, why in _REFUSED_KEYS.items():
        if rule.get(key):
            raise _refused(document, f"the rule needs {why}", key)
    for key in rule:
        if key not in USED and key not in WITHOUT_MEANING:
            raise _refused(document, _unknown(key), key)


def _unknown(key: str) -> str:
    near = get_close_matches(key, USED, n=1)
    mend = f"did you mean {near[0]!r}?" if near else "it may change what the rule asks"
    return f"the key {key!r} is not known here: {mend}"


def _refused(document: Document, message: str, key: str) -> RuleError:
    return Refused(message, document.place("rule", key))
