"""Finds in the Bicep files what a compiler would, as far as it can be found without one.

Run by the interpreter of .venv-infra, from the root of the checkout: ``python -m infra.azure.lint [FOLDER…]``. One
line a finding; exit status 1 when there is one.
"""
# ruff: noqa: INP001 - beside scripts, no part of a package

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lark.exceptions import LarkError
from pycep import BicepParser  # type: ignore[import-not-found] # lives in .venv-infra

from infra.azure.bicep_tree import Bicep, Module, Word, read
from infra.azure.pinned import FUNCTIONS, PLATFORM_SETTINGS, ROLES, TYPES

HERE = Path(__file__).resolve().parent

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Tree = Mapping[Path, Bicep]
"""Every file of the folder, by its full path."""


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One fault.

    Attributes:
        check: which check found it.
    """

    path: Path
    line: int
    check: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.check}: {self.message}"


def lint(folder: Path, settings: frozenset[str]) -> list[Finding]:
    """Every finding in the files below ``folder``. ``settings``: names of the app settings that the code reads."""
    tree = {path.resolve(): read(path) for path in sorted(folder.rglob("*.bicep"))}
    found: list[Finding] = []
    for file in tree.values():
        for check in (syntax, names, types, roles, parents):
            found.extend(check(file))
        for symbol, module in file.modules.items():
            found.extend(_module(tree, file, symbol, module))
    found.extend(app_settings(tree, settings | PLATFORM_SETTINGS))
    return sorted(found)


def _at(file: Bicep, word: Word, check: str, message: str) -> Finding:
    return Finding(file.path, word.line, check, message)


def syntax(file: Bicep) -> Iterator[Finding]:
    """Both readers understand the file."""
    for one in file.faults:
        yield _at(file, one, "syntax", f"not understood: {one.text[:60]!r}")
    line = _pycep_stops_at(file.path.read_text(encoding="utf-8"))
    if line:
        yield Finding(file.path, line, "syntax", "pycep does not understand it")


@cache
def _pycep() -> BicepParser:
    """Made once: that takes longer than all files."""
    return BicepParser()


def _pycep_stops_at(text: str) -> int:
    """The line that pycep does not understand; 0: it understands all."""
    try:
        _pycep().parse(text=text)
    except LarkError as exc:
        return max(1, getattr(exc, "line", 1))
    return 0


def names(file: Bicep) -> Iterator[Finding]:
    """Each name is declared once, and used; each that is used is declared."""
    parameters = {**file.required, **file.optional}
    declared = {*parameters, *file.variables, *file.resources, *file.modules, *file.loops}
    for one in file.twice:
        yield _at(file, one, "twice", f"{one.text} is declared twice")
    for one in file.used:
        if one.text not in declared:
            yield _at(file, one, "unknown", f"{one.text} is not declared")
    for one in file.called:
        if one.text not in FUNCTIONS:
            yield _at(file, one, "function", f"{one.text} is no function that pinned.py knows")
    used = {one.text for one in file.used}
    for name, line in {**parameters, **file.variables}.items():
        if name not in used:
            yield Finding(file.path, line, "unused", f"{name} is not used")


def types(file: Bicep) -> Iterator[Finding]:
    """Each resource type is in the table, in that version."""
    for symbol, resource in file.resources.items():
        if resource.type not in TYPES:
            message = f"{symbol} is of {resource.type}, which pinned.py does not know"
            yield Finding(file.path, resource.line, "type", message)


def roles(file: Bicep) -> Iterator[Finding]:
    """Each id of a role is in the table, and its name, or that of the file's own role, stands above its assignment."""
    for one in file.texts:
        if _GUID.fullmatch(one.text) and one.text not in ROLES:
            yield _at(file, one, "role", f"{one.text} is no role that pinned.py knows")
    assignments = [one for one in file.resources.values() if "/roleAssignments@" in one.type]
    starts = sorted(one.line for one in file.resources.values())
    for resource in assignments:
        end = next((line for line in starts if line > resource.line), sys.maxsize)
        ids = {one.text for one in file.texts if resource.line <= one.line < end and _GUID.fullmatch(one.text)}
        said = file.comments.get(resource.line - 1, "")
        own = file.resources.get(resource.role)
        names: set[str | None] = {resource.role} if own and "/roleDefinitions@" in own.type else set()
        if names | {ROLES.get(one) for one in ids} != {said}:
            message = f"the comment above says {said!r}; name there the one role that is assigned"
            yield Finding(file.path, resource.line, "role", message)


def parents(file: Bicep) -> Iterator[Finding]:
    """A resource lies in one of the type that its own type begins with."""
    for symbol, resource in file.resources.items():
        parent = file.resources.get(resource.parent)
        if parent is None:
            continue
        outer, inner = parent.type.partition("@")[0], resource.type.partition("@")[0]
        if inner.rpartition("/")[0] != outer:
            yield Finding(file.path, resource.line, "parent", f"{symbol}, a {inner}, cannot lie in a {outer}")


def _module(tree: Tree, file: Bicep, symbol: str, module: Module) -> Iterator[Finding]:
    """The file exists, takes what it is given, is given what it needs, says what it is asked, and may be there."""
    path = Path(os.path.normpath(file.path.resolve().parent / module.path))
    other = tree.get(path)
    if other is None:
        yield Finding(file.path, module.line, "module", f"{symbol}: there is no {module.path}")
        return
    for one in module.params:
        if one.text not in other.required and one.text not in other.optional:
            yield _at(file, one, "parameter", f"{module.path} has no parameter {one.text}")
    for name in sorted(other.required.keys() - {one.text for one in module.params}):
        yield Finding(file.path, module.line, "parameter", f"{symbol} is not given {name}")
    for one in file.outputs_used:
        user, _, output = one.text.partition(".")
        if user == symbol and output not in other.outputs:
            yield _at(file, one, "output", f"{module.path} has no output {output}")
    if not module.scoped and other.scope != file.scope:
        message = f"{symbol} is of scope {other.scope} and needs one here, where it is {file.scope}"
        yield Finding(file.path, module.line, "scope", message)


def app_settings(tree: Tree, wanted: frozenset[str]) -> Iterator[Finding]:
    """The app is given what is read, and nothing else."""
    for file in tree.values():
        if not file.settings:
            continue
        given = {one.text for one in file.settings}
        for one in file.settings:
            if one.text not in wanted:
                yield _at(file, one, "setting", f"nothing reads {one.text}")
        for name in sorted(wanted - given):
            yield Finding(file.path, file.settings[0].line, "setting", f"{name} is read, and not given")


def read_settings() -> frozenset[str]:
    """Names of the app settings that the code and its triggers read."""
    sys.path.insert(0, str(HERE.parent.parent / "shared"))
    from firstseen.settings.azure import AZURE_VARIABLES, HOST_VARIABLES  # noqa: PLC0415 - found by the line above

    return frozenset(one.name for one in (*AZURE_VARIABLES, *HOST_VARIABLES))


def main(*folders: str) -> int:
    """Print what is found in each folder, each for itself. The number of the exit status."""
    settings = read_settings()
    found = [one for folder in folders or (str(HERE),) for one in lint(Path(folder), settings)]
    for one in found:
        print(one)  # noqa: T201 - it is a command
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
