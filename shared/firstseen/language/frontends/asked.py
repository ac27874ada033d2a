"""Detections that were asked for by name: a file beside the table of named detections, one cloud and some rules a row.

::

    yandex_security_group_action:                          # twenty_three.yml
        title: Security groups are worked on
        cloud: yandex
        rules: [yandex_security_group_changed]
"""

from __future__ import annotations

from dataclasses import dataclass

from firstseen.errors import Place, RuleError
from firstseen.language.frontends.documents import Document, read_documents

ASKED = "twenty_three"
"""The stem of the file."""

_KEYS = ("cloud", "rules", "title")


@dataclass(frozen=True, slots=True)
class AskedRow:
    """One detection that was asked for.

    Attributes:
        id: of the row; small letters, digits and _.
        title: what must be seen.
        cloud: whose log shows it: a source's provider in small letters.
        rules: names of the rules that see it, at least one.
        place: where the row stands.
    """

    id: str
    title: str
    cloud: str
    rules: tuple[str, ...]
    place: Place


def read_asked(name: str, data: bytes) -> tuple[tuple[AskedRow, ...], list[RuleError]]:
    """The rows in the order of the file, as far as they can be read, and what is wrong with the others."""
    found: list[AskedRow] = []
    faults: list[RuleError] = []
    try:
        documents = read_documents(name, data)
    except RuleError as fault:
        return (), [fault]
    for document in documents:
        for row in document.data:
            try:
                found.append(_row(document, row))
            except RuleError as fault:
                faults.append(fault)
    return tuple(found), faults


def _row(document: Document, row: str) -> AskedRow:
    body = document.at(row)
    if not isinstance(body, dict) or sorted(body) != sorted(_KEYS):
        raise document.fault(f"each row has {', '.join(_KEYS)}", row)
    title, cloud, rules = body["title"], body["cloud"], body["rules"]
    listed = isinstance(rules, list) and rules and all(isinstance(one, str) and one for one in rules)
    if not listed or not isinstance(title, str) or not isinstance(cloud, str):
        raise document.fault("title and cloud are text, rules a list of names", row)
    return AskedRow(row, " ".join(title.split()), cloud, tuple(dict.fromkeys(rules)), document.place(row))
