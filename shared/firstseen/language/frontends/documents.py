"""Rule files as YAML documents whose every part knows its place.

A rule that is quietly read as something else is worse than one that is refused: duplicate keys, numbers that
YAML would change and structures that explode are faults here, each with the line to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from firstseen.errors import Place, RuleError

MAX_FILE_BYTES = 10_000_000
MAX_NODES = 200_000
"""Keys, values and lists of one file after aliases are followed."""
MAX_DEPTH = 50
MAX_LIST_VALUES = 50_000
MAX_SCALAR_CHARACTERS = 1_000_000

Path = tuple[str | int, ...]
"""The way from the top of a document: keys, and positions in lists from 0."""

MAX_SHOWN_CHARACTERS = 20_000
"""Of a line that a place carries; who shows it cuts it around the caret."""

_SURELY_SHALLOW_CHARACTERS = 2_000
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_TOO_MANY = f"more than {MAX_NODES:,} values once aliases are followed: split the file"
_TAG = "tag:yaml.org,2002:"
_ANY_TEXT = frozenset({"str", "timestamp", "value"})


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain data, and where each part of it stands.

    Attributes:
        file: the name that faults show.
        data: str, int, float, bool, None, list, dict; keys are text; dates stay text.
        marks: line and column, from 1, by path; for an entry of a mapping the place of its key.
        values: the same for the values of entries, where they are known.
        lines: the file's lines.
    """

    file: str
    data: Mapping[str, Any]
    marks: Mapping[Path, tuple[int, int]] = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    values: Mapping[Path, tuple[int, int]] = field(repr=False, default_factory=dict)

    def at(self, *path: str | int) -> object:
        """The part at ``path``; None where there is none."""
        found: Any = self.data
        for step in path:
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int) and step < len(found):
                found = found[step]
            else:
                return None
        return found

    def place(self, *path: str | int) -> Place:
        """Where the part at ``path`` stands; the nearest known part above it when it has no own place."""
        for length in range(len(path), -1, -1):
            mark = self.marks.get(path[:length])
            if mark is not None:
                return _place(self.file, mark, self.lines)
        return Place(self.file)

    def place_of_value(self, *path: str | int) -> Place:
        """Where the value at ``path`` stands: behind its key, if it has one; else as :meth:`place` has it."""
        mark = self.values.get(path)
        return _place(self.file, mark, self.lines) if mark is not None else self.place(*path)

    def fault(self, message: str, *path: str | int) -> RuleError:
        """A RuleError at ``path``, to be raised or collected."""
        return RuleError(message, self.place(*path))

    def wrong(self, message: str, *path: str | int) -> RuleError:
        """A RuleError at the value at ``path``: the key is right, what stands behind it is not."""
        return RuleError(message, self.place_of_value(*path))


def read_documents(file: str, data: bytes) -> list[Document]:
    """The documents of one rule file; empty ones are left out.

    Raises RuleError, with its place, on a file that is too large, not UTF-8, not YAML, or not made of
    mappings.
    """
    text = _text(file, data)
    lines = tuple(text.splitlines())
    budget = _Budget(file, lines)
    documents = []
    for node in _nodes(file, text, lines):
        if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null":
            continue
        if not isinstance(node, yaml.MappingNode):
            msg = "a rule is a mapping of keys to values (title: …, detection: …)"
            raise RuleError(msg, _place(file, _mark(node), lines))
        marks: dict[Path, tuple[int, int]] = {(): _mark(node)}
        values: dict[Path, tuple[int, int]] = {}
        documents.append(Document(file, _Builder(budget, marks, values).mapping(node, (), 0), marks, lines, values))
    if not documents:
        msg = "the file holds no rule"
        raise RuleError(msg, Place(file))
    return documents


def _text(file: str, data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        msg = f"a rule file of {len(data):,} bytes is larger than {MAX_FILE_BYTES:,}: split it"
        raise RuleError(msg, Place(file))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        msg = "not UTF-8 text: save the file as UTF-8"
        raise RuleError(msg, Place(file, line)) from exc


def _nodes(file: str, text: str, lines: tuple[str, ...]) -> Iterator[Any]:
    try:
        if len(text) > _SURELY_SHALLOW_CHARACTERS:
            _check_extent(file, text, lines)
        yield from yaml.compose_all(text, Loader=_Loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = _place(file, (mark.line + 1, mark.column + 1), lines) if mark else Place(file)
        raise RuleError(f"not YAML: {_reason(exc, place.text)}", place) from exc
    except yaml.YAMLError as exc:
        msg = f"not YAML: {str(exc).splitlines()[0]}"
        raise RuleError(msg, Place(file)) from exc
    except RecursionError as exc:  # where PyYAML was built without libyaml
        raise RuleError(_TOO_DEEP, Place(file)) from exc


def _check_extent(file: str, text: str, lines: tuple[str, ...]) -> None:
    """Refuses depth and number before nodes are made: libyaml's composer recurses without a bound."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            depth += isinstance(event, yaml.CollectionStartEvent)
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                msg = _TOO_DEEP if depth > MAX_DEPTH else _TOO_MANY
                raise RuleError(msg, _place(file, _mark(event), lines))


def _reason(exc: yaml.MarkedYAMLError, line: str) -> str:
    reason = ", ".join(part for part in (exc.context, exc.problem) if part)
    if "\t" in line and ("token" in reason or "tab" in reason):
        return f"{reason}; indent with spaces, not tabs"
    return reason


def _mark(node: Any) -> tuple[int, int]:  # noqa: ANN401 - PyYAML's nodes are untyped
    return node.start_mark.line + 1, node.start_mark.column + 1


def _place(file: str, mark: tuple[int, int], lines: tuple[str, ...]) -> Place:
    line, column = mark
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return Place(file, line, column, text[:MAX_SHOWN_CHARACTERS])


@dataclass(slots=True)
class _Budget:
    """What all documents of a file may use together."""

    file: str
    lines: tuple[str, ...]
    nodes: int = 0

    def take(self, node: Any, depth: int) -> None:  # noqa: ANN401 - PyYAML's nodes are untyped
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.fault(_TOO_MANY, node)
        if depth > MAX_DEPTH:
            raise self.fault(_TOO_DEEP, node)

    def fault(self, message: str, node: Any) -> RuleError:  # noqa: ANN401 - PyYAML's nodes are untyped
        return RuleError(message, _place(self.file, _mark(node), self.lines))


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds plain data from nodes and notes the places; aliases are followed within the budget."""

    budget: _Budget
    marks: dict[Path, tuple[int, int]]
    values: dict[Path, tuple[int, int]]

    def mapping(self, node: Any, path: Path, depth: int) -> dict[str, Any]:  # noqa: ANN401 - PyYAML's nodes are untyped
        built: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged = {**self.merged(value_node, path, depth + 1), **merged}
                continue
            key = self.key(key_node)
            if key in built:
                raise self.budget.fault(f"the key {key!r} stands here twice: the first would be lost", key_node)
            self.marks[*path, key] = _mark(key_node)
            self.values[*path, key] = _mark(value_node)
            built[key] = self.value(value_node, (*path, key), depth + 1)
        return {**merged, **built} if merged else built

    def merged(self, node: Any, path: Path, depth: int) -> dict[str, Any]:  # noqa: ANN401 - PyYAML's nodes are untyped
        self.budget.take(node, depth)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            parts = [self.merged(part, path, depth + 1) for part in node.value]
            return {key: value for part in reversed(parts) for key, value in part.items()}
        msg = "'<<' takes a mapping or a list of mappings"
        raise self.budget.fault(msg, node)

    def key(self, node: Any) -> str:  # noqa: ANN401 - PyYAML's nodes are untyped
        self.budget.take(node, 0)
        if not isinstance(node, yaml.ScalarNode):
            msg = "a key is text"
            raise self.budget.fault(msg, node)
        return str(node.value)

    def value(self, node: Any, path: Path, depth: int) -> Any:  # noqa: ANN401 - plain data of any shape
        self.budget.take(node, depth)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return self.sequence(node, path, depth)
        return self.scalar(node)

    def sequence(self, node: Any, path: Path, depth: int) -> list[Any]:  # noqa: ANN401 - PyYAML's nodes are untyped
        if len(node.value) > MAX_LIST_VALUES:
            msg = f"a list of {len(node.value):,} values is longer than {MAX_LIST_VALUES:,}: split it"
            raise self.budget.fault(msg, node)
        built = []
        for position, part in enumerate(node.value):
            self.marks[*path, position] = _mark(part)
            built.append(self.value(part, (*path, position), depth + 1))
        return built

    def scalar(self, node: Any) -> str | int | float | bool | None:  # noqa: ANN401 - YAML's scalars
        text: str = node.value
        if len(text) > MAX_SCALAR_CHARACTERS:
            msg = f"a text of {len(text):,} characters is longer than {MAX_SCALAR_CHARACTERS:,}"
            raise self.budget.fault(msg, node)
        kind = node.tag.removeprefix(_TAG)
        if kind in _ANY_TEXT:
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in {"yes", "true", "on"}
        if kind in {"int", "float"}:
            return self.number(node, text)
        msg = f"the YAML tag {node.tag!r} has no meaning in a rule"
        raise self.budget.fault(msg, node)

    def number(self, node: Any, text: str) -> int | float:  # noqa: ANN401 - PyYAML's nodes are untyped
        """The number that the text shows; what YAML 1.1 would read as another number is a fault."""
        plain = text.lstrip("+-")
        try:
            number = int(text) if node.tag == _TAG + "int" else float(text)
        except ValueError:
            number = None
        if number is None or "_" in text or (plain[:1] == "0" and plain[1:2].isdigit()) or len(text) > 40:  # noqa: PLR2004
            msg = f"YAML does not read {text[:40]} as it is written: put it in quotes"
            raise self.budget.fault(msg, node)
        return number
