"""Issues of ``rules check`` as text, as JSON, and as SARIF 2.1.0 for code hosts that show them beside the line."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from urllib.parse import quote

from firstseen import __version__
from firstseen.errors import Place, RuleError
from firstseen.findings.safe import safe_json, safe_lines, safe_text
from firstseen.language.checks.issues import SEVERITIES, Issue
from firstseen.language.checks.running import CHECKS, SYNTAX, SYNTAX_SAYS

MAX_LINE_CHARACTERS = 2_000
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def text(issues: Sequence[Issue]) -> str:
    """For people: place, message, the line with a caret, the mend."""
    shown = []
    for issue in issues:
        mend = f"; {issue.mend}" if issue.mend else ""
        rule = f"rule {issue.rule_id}: " if issue.place is None and issue.rule_id else ""
        message = f"{issue.severity}: {rule}{safe_text(issue.message + mend, MAX_LINE_CHARACTERS)} [{issue.check}]"
        shown.append(safe_lines(str(RuleError(message, issue.place))) + "\n")
    return "".join(shown)


def as_json(issues: Sequence[Issue]) -> str:
    """``{"issues": […], "counts": {"error": n, …}}``."""
    counts = Counter(issue.severity for issue in issues)
    body = {
        "issues": [
            {
                "check": issue.check,
                "severity": issue.severity,
                "rule_id": issue.rule_id,
                "file": issue.place.file if issue.place else None,
                "line": issue.place.line or None if issue.place else None,
                "column": issue.place.column or None if issue.place else None,
                "message": issue.message,
                "mend": issue.mend,
            }
            for issue in issues
        ],
        "counts": {severity: counts[severity] for severity in SEVERITIES},
    }
    return safe_json(json.dumps(body, ensure_ascii=False, indent=2)) + "\n"


def sarif(issues: Sequence[Issue]) -> str:
    """One SARIF run. Files that are named relatively stay so: the host takes them from the root of the repository."""
    ids = [SYNTAX, *(check.name for check in CHECKS)]
    rules = [_rule(SYNTAX, "error", SYNTAX_SAYS), *(_rule(one.name, one.severity, one.says) for one in CHECKS)]
    driver = {"name": "firstseen", "version": __version__, "semanticVersion": __version__, "rules": rules}
    body = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(issue, ids) for issue in issues],
            }
        ],
    }
    return safe_json(json.dumps(body, ensure_ascii=False, indent=2)) + "\n"


def _rule(name: str, severity: str, says: str) -> dict[str, object]:
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in name.split("-")),
        "shortDescription": {"text": says},
        "defaultConfiguration": {"level": severity},
    }


def _result(issue: Issue, ids: Sequence[str]) -> dict[str, object]:
    message = issue.message + (f"; {issue.mend}" if issue.mend else "")
    file = issue.place.file if issue.place else ""
    # Without the line: a result stays the same when something is added above it.
    identity = f"{issue.check}\n{issue.rule_id}\n{file}\n{issue.message}".encode("utf-8", "surrogatepass")
    result: dict[str, object] = {
        "ruleId": issue.check,
        "ruleIndex": ids.index(issue.check),
        "level": issue.severity,
        "message": {"text": message.replace("](", "] (")},  # hosts make links of what has this form
        "partialFingerprints": {"firstseenIssue/v1": hashlib.sha256(identity).hexdigest()},
    }
    if issue.place is not None:
        result["locations"] = [{"physicalLocation": _location(issue.place)}]
    if issue.rule_id:
        result["properties"] = {"rule_id": issue.rule_id}
    return result


def _location(place: Place) -> dict[str, object]:
    path = PurePath(place.file)
    uri = Path(place.file).as_uri() if path.is_absolute() else quote(path.as_posix())
    location: dict[str, object] = {"artifactLocation": {"uri": uri}}
    if place.line:
        region: dict[str, object] = {"startLine": place.line}
        if place.column:
            region["startColumn"] = place.column
        if place.text:
            region["snippet"] = {"text": place.text[:MAX_LINE_CHARACTERS]}
        location["region"] = region
    return location
