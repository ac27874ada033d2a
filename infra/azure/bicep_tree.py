"""A Bicep file as its linter sees it: what it declares and what it refers to, read with tree-sitter.

The one other reader that can be had, pycep, tells no name from a text; it is a second gate for the syntax.
"""
# ruff: noqa: INP001 - beside scripts, no part of a package

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import tree_sitter  # type: ignore[import-not-found] # lives in .venv-infra
import tree_sitter_bicep  # type: ignore[import-not-found] # the same


class Node(Protocol):
    """A node of tree-sitter; the parts that are used."""

    type: str
    text: bytes
    is_missing: bool
    start_point: tuple[int, int]
    children: list[Node]
    named_children: list[Node]


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a text and its line, counted from 1."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Module:
    """Another file that is deployed with this one.

    Attributes:
        path: as written, relative to the file that names it.
        params: what is passed.
        scoped: whether it says where it is deployed; else it is where its parent is.
    """

    path: str
    line: int
    params: tuple[Word, ...]
    scoped: bool


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource.

    Attributes:
        type: with its version.
        parent: the symbol of the resource that it lies in; "": none is named.
        role: the symbol of the role definition that it assigns; "": it names none of this file.
    """

    type: str
    line: int
    parent: str
    role: str


@dataclass(slots=True)
class Bicep:
    """One file.

    Attributes:
        scope: what it is deployed into.
        required, optional: its parameters.
        loops: variables of its loops.
        outputs_used: of modules, as ``module.output``.
        settings: names of the app settings that it makes.
    """

    path: Path
    scope: str = "resourceGroup"
    faults: list[Word] = field(default_factory=list)
    required: dict[str, int] = field(default_factory=dict)
    optional: dict[str, int] = field(default_factory=dict)
    variables: dict[str, int] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    twice: list[Word] = field(default_factory=list)
    loops: set[str] = field(default_factory=set)
    used: list[Word] = field(default_factory=list)
    called: list[Word] = field(default_factory=list)
    outputs_used: list[Word] = field(default_factory=list)
    texts: list[Word] = field(default_factory=list)
    comments: dict[int, str] = field(default_factory=dict)
    settings: list[Word] = field(default_factory=list)


def read(path: Path) -> Bicep:
    """Read one file; what is no Bicep stands among its faults."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
    root: Node = parser.parse(path.read_bytes()).root_node
    found = Bicep(path)
    for node in _below(root):
        if node.type == "ERROR" or node.is_missing:
            found.faults.append(_word(node))
        elif node.type == "comment":
            found.comments[_line(node)] = _text(node).removeprefix("//").strip()
        elif node.type == "string":
            found.texts.append(Word(_content(node), _line(node)))
    for node in root.named_children:
        _declaration(found, node)
        _references(found, node)
    return found


def _below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _below(child)


def _text(node: Node) -> str:
    return node.text.decode()


def _line(node: Node) -> int:
    return node.start_point[0] + 1


def _word(node: Node) -> Word:
    return Word(_text(node), _line(node))


def _content(node: Node) -> str:
    return _text(node).removeprefix("'").removesuffix("'")


def _declare(found: Bicep, names: dict[str, int], node: Node) -> None:
    name = node.named_children[0]
    everything = {*found.required, *found.optional, *found.variables, *found.resources, *found.modules}
    if _text(name) in (found.outputs if names is found.outputs else everything):
        found.twice.append(_word(name))
    names[_text(name)] = _line(name)


def _declaration(found: Bicep, node: Node) -> None:
    parts = node.named_children
    if node.type == "target_scope_assignment":
        found.scope = _content(parts[0])
    elif node.type == "parameter_declaration":
        has_default = any(child.type == "=" for child in node.children)
        _declare(found, found.optional if has_default else found.required, node)
    elif node.type == "variable_declaration":
        _declare(found, found.variables, node)
    elif node.type == "output_declaration":
        _declare(found, found.outputs, node)
    elif node.type == "resource_declaration":
        _declare(found, {}, node)
        body = _properties(node)
        parent = _text(body["parent"]) if "parent" in body else ""
        inner = dict(_pairs(body["properties"])) if "properties" in body else {}
        role = _text(inner["roleDefinitionId"]) if "roleDefinitionId" in inner else ""
        symbol = role.removesuffix(".id") if role.endswith(".id") else ""
        found.resources[_text(parts[0])] = Resource(_content(parts[1]), _line(node), parent, symbol)
    elif node.type == "module_declaration":
        _declare(found, {}, node)
        body = _properties(node)
        passed = _keys(body["params"]) if "params" in body else ()
        found.modules[_text(parts[0])] = Module(_content(parts[1]), _line(node), tuple(passed), "scope" in body)


def _properties(declaration: Node) -> dict[str, Node]:
    """Of a resource or module, under its condition or loop."""
    body = next((node for node in _below(declaration) if node.type == "object"), None)
    return dict(_pairs(body)) if body else {}


def _pairs(value: Node) -> Iterator[tuple[str, Node]]:
    """Name and value of an object's properties."""
    for one in value.named_children:
        if one.type == "object_property":
            yield _content(one.named_children[0]), one.named_children[-1]


def _keys(value: Node) -> list[Word]:
    pairs = [one for one in value.named_children if one.type == "object_property"]
    return [_word(one.named_children[0]) for one in pairs]


def _references(found: Bicep, node: Node) -> None:
    """What the declaration refers to; its own name is none of that."""
    if node.type in {"decorators", "comment", "type", "ERROR"}:
        return
    parts = list(node.named_children)
    if node.type == "identifier":
        found.used.append(_word(node))
    elif node.type.endswith("_declaration"):
        parts = parts[1:]
    elif node.type == "object_property":
        parts = parts[1:]
        _setting(found, node)
    elif node.type == "call_expression":
        found.called.append(_word(parts[0]))
        parts = parts[1:]
    elif node.type == "for_statement":
        found.loops.add(_text(parts[0]))
        parts = parts[1:]
    elif node.type == "member_expression":
        symbol, _, rest = _text(node).partition(".outputs.")
        if rest and "." not in rest:
            found.outputs_used.append(Word(f"{symbol}.{rest}", _line(node)))
    for part in parts:
        _references(found, part)


def _setting(found: Bicep, node: Node) -> None:
    """``appSettings: [{name: …, value: …}]``."""
    if _content(node.named_children[0]) != "appSettings":
        return
    for one in node.named_children[-1].named_children:
        for pair in one.named_children:
            if pair.type == "object_property" and _text(pair.named_children[0]) == "name":
                value = pair.named_children[-1]
                found.settings.append(Word(_content(value), _line(value)))
