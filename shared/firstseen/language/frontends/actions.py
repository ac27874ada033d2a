"""Sigma's collection actions: ``global``, ``repeat`` and ``reset`` documents in a file of several rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from firstseen.language.frontends.documents import Document

_OTHER_KINDS = ("correlation", "filter")


def completed(documents: Iterable[Document]) -> Iterator[Document]:
    """The documents of one file with what ``action`` documents add to them; those themselves are left out.

    ``global`` is added to the rules after it until ``reset`` or another ``global``; ``repeat`` is the rule
    before it with changes. Correlations and filters stand as they are. Raises RuleError with its place on
    another action.
    """
    template: Document | None = None
    last: Document | None = None
    for document in documents:
        action = document.data.get("action")
        if any(kind in document.data for kind in _OTHER_KINDS) and action is None:
            yield document
        elif action is None:
            last = document if template is None else _joined(document, template)
            yield last
        elif action == "global":
            template = last = _without_action(document)
        elif action == "reset":
            template = None
        elif action == "repeat" and last is not None:
            last = _joined(last, _without_action(document))
            yield last
        else:
            msg = "an action is 'global', 'reset', or 'repeat' after a rule"
            raise document.fault(msg, "action")


def _without_action(document: Document) -> Document:
    data = {key: value for key, value in document.data.items() if key != "action"}
    return Document(document.file, data, document.marks, document.lines)


def _joined(document: Document, added: Document) -> Document:
    """``document`` with the parts of ``added``, which win; each part keeps its own place."""
    return Document(
        document.file, _merged(document.data, added.data), {**added.marks, **document.marks}, document.lines
    )


def _merged(data: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(data)
    for key, value in added.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
