"""Which log sources a Sigma ``logsource`` means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from firstseen.errors import RuleError
from firstseen.language.frontends.documents import Document
from firstseen.language.rules import Vocabulary
from firstseen.sources.source import Source

_PARTS = ("category", "product", "service")
_EVERY_SOURCE = {"category": "audit"}


def sources_of(document: Document, sources: Iterable[Source]) -> tuple[tuple[str, ...], Vocabulary]:
    """The names of the sources that the document's ``logsource`` means, and whose field names its rule uses.

    ``category: audit`` alone is ours: every source, by the common vocabulary. Otherwise each part that the
    rule states must be what the source says, where a source may say ``*`` for any. ``taxonomy: ecs`` selects
    Elastic's names. Raises RuleError when no source is meant.
    """
    asked = written(document)
    known = tuple(sources)
    if asked == _EVERY_SOURCE:
        return tuple(source.name for source in known), "common"
    found = tuple(source.name for source in known if _means(asked, source.logsource))
    if not found:
        have = sorted({_shown(source.logsource) for source in known} | {_shown(_EVERY_SOURCE)})
        near = get_close_matches(_shown(asked), have, n=1, cutoff=0.8)
        hint = f"did you mean {near[0]}? " if near else ""
        raise document.fault(f"no log source is {_shown(asked)}; {hint}there are: {'; '.join(have)}", "logsource")
    return found, "ecs" if document.data.get("taxonomy") == "ecs" else "raw"


def written(document: Document) -> dict[str, str]:
    """The logsource's category, product and service, in lower case, as far as they are stated."""
    given: Any = document.data.get("logsource")
    if not isinstance(given, dict):
        msg = "a rule needs a logsource, for instance {product: aws, service: cloudtrail}"
        raise document.fault(msg, "logsource")
    parts = {}
    for part in _PARTS:
        value = given.get(part)
        if value is None:
            continue
        if not isinstance(value, str):
            raise _not_text(document, part)
        parts[part] = value.lower()
    if not parts:
        msg = "the logsource states neither product, service nor category"
        raise document.fault(msg, "logsource")
    return parts


def _not_text(document: Document, part: str) -> RuleError:
    return document.fault(f"the logsource's {part} is text", "logsource", part)


def _means(asked: Mapping[str, str], have: Mapping[str, str]) -> bool:
    return all(have.get(part, "").lower() in {value, "*"} for part, value in asked.items())


def _shown(logsource: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{part}: {logsource[part]}" for part in _PARTS if part in logsource) + "}"
