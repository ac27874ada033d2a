"""The table of detections that a set of rules is held against: what must be seen, and what sees it on each cloud.

A folder of YAML files. ``named.yml`` lists techniques with their rows; beside it lies one file a cloud, which says for
each row what sees it, or why nothing can, and perhaps :mod:`~firstseen.language.frontends.asked`::

    - technique: T1651                                   # named.yml
      title: Cloud Administration Command
      rows:
          run_command: A command is run on machines through the provider's agent

    run_command: [ssm_run_command_new_document]          # aws.yml
    runbook_webhook: {not_observable: no log shows it}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from firstseen.errors import Place, RuleError
from firstseen.language.attack_table import RENUMBERED, TECHNIQUES, VERSION
from firstseen.language.frontends.asked import ASKED, AskedRow, read_asked
from firstseen.language.frontends.documents import Document, read_documents

TABLE = "named"
"""The stem of the file with the rows; every other file's stem names a cloud, but for :data:`ASKED`."""

NOT_OBSERVABLE = "not_observable"
_KEYS = ("technique", "title", "rows")
_ABOVE = "techniques"


@dataclass(frozen=True, slots=True)
class NamedRow:
    """One thing that must be seen: its id, which rules name under ``observes``, and a sentence for people."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class NamedTechnique:
    """A technique (``T1578.002``) with its rows, in the order of the file."""

    uid: str
    title: str
    rows: tuple[NamedRow, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a cloud's file says to a row: names of rules, or why no log shows it (``reason``)."""

    rules: tuple[str, ...]
    reason: str
    place: Place


@dataclass(slots=True)
class NamedTable:
    """The table, as far as it can be read.

    Attributes:
        techniques: in the order of the file.
        clouds: cloud → row id → answer. Rows that a cloud's file leaves out are not there.
        asked: detections that were asked for by name, each of one cloud.
        faults: everything that is wrong with the files themselves, each with its place.
    """

    techniques: tuple[NamedTechnique, ...] = ()
    clouds: dict[str, dict[str, Answer]] = field(default_factory=dict)
    asked: tuple[AskedRow, ...] = ()
    faults: list[RuleError] = field(default_factory=list)

    @property
    def rows(self) -> dict[str, NamedRow]:
        """Row id → row."""
        return {row.id: row for technique in self.techniques for row in technique.rows}


def read_named(files: Mapping[str, bytes]) -> NamedTable:
    """The table in these files (name → content). What is wrong is in ``faults``, what is right is there as well."""
    table = NamedTable()
    stems = {_stem(name): name for name in sorted(files)}
    if TABLE not in stems:
        table.faults.append(RuleError(f"the folder has no {TABLE}.yml, which lists what must be seen"))
        return table
    table.techniques = _techniques(stems[TABLE], files[stems[TABLE]], table.faults)
    for stem, name in stems.items():
        if stem == ASKED:
            table.asked, faults = read_asked(name, files[name])
            table.faults += faults
        elif stem != TABLE:
            table.clouds[stem] = _answers(name, files[name], table)
    if not table.clouds:
        table.faults.append(RuleError(f"the folder has no file of a cloud beside {TABLE}.yml"))
    return table


def _stem(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].partition(".")[0]


def _techniques(name: str, data: bytes, faults: list[RuleError]) -> tuple[NamedTechnique, ...]:
    # The file is a list, and a document a mapping: it is read with one line above it.
    try:
        document = read_documents(name, f"{_ABOVE}:\n".encode() + data.removeprefix(b"\xef\xbb\xbf"))[0]
    except RuleError as fault:
        faults.append(_lower(fault))
        return ()
    listed = document.data[_ABOVE]
    found: list[NamedTechnique] = []
    seen: set[str] = set()
    for position in range(len(listed) if isinstance(listed, list) else 0):
        try:
            found.append(_technique(document, position, seen))
        except RuleError as fault:
            faults.append(_lower(fault))
    if not found and not faults:
        faults.append(RuleError("it lists no technique", Place(name)))
    return tuple(found)


def _technique(document: Document, position: int, seen: set[str]) -> NamedTechnique:
    here = (_ABOVE, position)
    body = document.at(*here)
    if not isinstance(body, dict) or sorted(body) != sorted(_KEYS) or not isinstance(body["rows"], dict):
        raise document.fault(f"each entry has {', '.join(_KEYS)}; rows is a mapping of ids to sentences", *here)
    uid, rows = body["technique"], body["rows"]
    if uid not in TECHNIQUES:
        mend = f": it is {RENUMBERED[uid]} now" if uid in RENUMBERED else ""
        raise document.wrong(f"ATT&CK v{VERSION} has no technique {uid}{mend}", *here, "technique")
    if not isinstance(body["title"], str) or not rows or not all(isinstance(text, str) for text in rows.values()):
        raise document.fault("the title and the sentences of rows are text", *here)
    for row in rows:
        if row in seen:
            raise document.fault(f"there is another row {row!r} above", *here, "rows", row)
        seen.add(row)
    listed = tuple(NamedRow(row, " ".join(text.split())) for row, text in rows.items())
    return NamedTechnique(uid, body["title"], listed)


def _answers(name: str, data: bytes, table: NamedTable) -> dict[str, Answer]:
    try:
        documents: Sequence[Document] = read_documents(name, data)
    except RuleError as fault:
        table.faults.append(fault)
        return {}
    found: dict[str, Answer] = {}
    known = table.rows
    for document in documents:
        for row in document.data:
            try:
                found[row] = _answer(document, row)
            except RuleError as fault:
                table.faults.append(fault)
            if table.techniques and row not in known:
                table.faults.append(document.fault(f"{TABLE}.yml has no row {row!r}", row))
    return found


def _answer(document: Document, row: str) -> Answer:
    body = document.at(row)
    place = document.place(row)
    if isinstance(body, dict) and list(body) == [NOT_OBSERVABLE] and _said(body[NOT_OBSERVABLE]):
        return Answer((), " ".join(str(body[NOT_OBSERVABLE]).split()), place)
    if isinstance(body, list) and body and all(map(_said, body)):
        return Answer(tuple(dict.fromkeys(body)), "", place)
    msg = f"{row}: write a list of rule names, or {{{NOT_OBSERVABLE}: the reason}}"
    raise document.fault(msg, row)


def _said(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _lower(fault: RuleError) -> RuleError:
    """The fault without the line that was put above the file."""
    if fault.place is None or not fault.place.line:
        return fault
    return RuleError(fault.message, replace(fault.place, line=max(1, fault.place.line - 1)))
