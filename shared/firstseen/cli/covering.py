"""What rules cover: techniques by cloud, and the rows of a table of named detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from firstseen.cli.detections import Detection, clouds_of
from firstseen.errors import RuleError, SettingsError
from firstseen.findings.attack import Technique

if TYPE_CHECKING:
    from firstseen.language.frontends.asked import AskedRow
    from firstseen.language.frontends.named import NamedRow, NamedTable, NamedTechnique

ENDINGS = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Covered:
    """One technique, and the rules whose tags name it, by cloud."""

    technique: Technique
    rules: Mapping[str, tuple[Detection, ...]]

    @property
    def number(self) -> int:
        """How many rules there are; one that reads two clouds counts once."""
        return len({one.rule.card.id for found in self.rules.values() for one in found})


@dataclass(frozen=True, slots=True)
class Cell:
    """What sees a row on a cloud: rules, or a reason why nothing can, or neither (``missing``)."""

    rules: tuple[Detection, ...] = ()
    reason: str = ""

    @property
    def missing(self) -> bool:
        """Whether nobody has answered for the row."""
        return not self.rules and not self.reason


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole.

    Attributes:
        clouds: in the order of columns.
        techniques: every technique that some rule's tag names, by id.
        named: the techniques of the table with, for each row, a cell a cloud; empty without a table.
        faults: what makes the table untrue, each with its place where it has one.
        asked: detections that were asked for by name, each with the rules that see it.
    """

    clouds: tuple[str, ...]
    techniques: tuple[Covered, ...]
    named: tuple[tuple[NamedTechnique, tuple[tuple[NamedRow, Mapping[str, Cell]], ...]], ...] = ()
    faults: tuple[RuleError, ...] = ()
    asked: tuple[tuple[AskedRow, tuple[Detection, ...]], ...] = ()

    @property
    def gaps(self) -> list[tuple[Technique, list[str]]]:
        """Techniques that rules of one cloud see and no rule of another, with the clouds that lack one."""
        lacking = [(one.technique, [cloud for cloud in self.clouds if not one.rules[cloud]]) for one in self.techniques]
        return [(technique, clouds) for technique, clouds in lacking if clouds]


def coverage_of(detections: Sequence[Detection], table: NamedTable | None = None) -> Coverage:
    """What these rules cover; with a table, held against it."""
    named = set(table.clouds) if table is not None else set()
    clouds = tuple(sorted({*clouds_of(detections), *named}))
    found: dict[str, Technique] = {one.uid: one for each in detections for one in each.techniques}
    covered = tuple(
        Covered(found[uid], {cloud: _with(detections, uid, cloud) for cloud in clouds}) for uid in sorted(found)
    )
    if table is None:
        return Coverage(clouds, covered)
    by_name = {one.rule.card.name: one for one in detections if one.rule.card.name}
    rows = tuple(
        (
            technique,
            tuple((row, {cloud: _cell(table, cloud, row.id, by_name) for cloud in clouds}) for row in technique.rows),
        )
        for technique in table.techniques
    )
    asked = tuple((row, tuple(by_name[name] for name in row.rules if name in by_name)) for row in table.asked)
    return Coverage(clouds, covered, rows, tuple(_faults(table, clouds, by_name)), asked)


def _with(detections: Sequence[Detection], uid: str, cloud: str) -> tuple[Detection, ...]:
    return tuple(one for one in detections if cloud in one.clouds and any(uid == its.uid for its in one.techniques))


def _cell(table: NamedTable, cloud: str, row: str, by_name: Mapping[str, Detection]) -> Cell:
    answer = table.clouds.get(cloud, {}).get(row)
    if answer is None:
        return Cell()
    return Cell(tuple(by_name[name] for name in answer.rules if name in by_name), answer.reason)


def _faults(table: NamedTable, clouds: Sequence[str], by_name: Mapping[str, Detection]) -> list[RuleError]:
    faults = list(table.faults)
    for cloud in clouds:
        answers = table.clouds.get(cloud, {})
        faults += [
            RuleError(f"{cloud} has no answer for the row {row} ({technique.uid}): name rules, or say not_observable")
            for technique in table.techniques
            for row in (one.id for one in technique.rows)
            if row not in answers
        ]
        for row, answer in answers.items():
            said = (_wrong(name, cloud, by_name) for name in answer.rules)
            faults += [RuleError(f"{row}: {one}", answer.place) for one in said if one]
    for asked in table.asked:
        said = (_wrong(name, asked.cloud, by_name) for name in asked.rules)
        faults += [RuleError(f"{asked.id}: {one}", asked.place) for one in said if one]
    return faults


def _wrong(name: str, cloud: str, by_name: Mapping[str, Detection]) -> str:
    """What is wrong with a rule's name in a cloud's file; "" for nothing."""
    found = by_name.get(name)
    if found is None:
        near = get_close_matches(name, by_name, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"there is no rule {name!r} that makes findings{hint}"
    return "" if cloud in found.clouds else f"the rule {name!r} reads no log of {cloud}"


def read_named_folder(folder: str) -> NamedTable:
    """The table in a folder. Raises SettingsError when the folder cannot be read; other faults are in the table."""
    from firstseen.language.frontends.named import read_named

    try:
        paths = sorted(path for path in Path(folder).iterdir() if path.suffix in ENDINGS)
        files = {str(path): path.read_bytes() for path in paths}
    except OSError as exc:
        msg = f"--named {folder}: cannot be read: {exc.strerror or exc}"
        raise SettingsError(msg) from exc
    return read_named(files)
