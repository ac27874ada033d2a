"""Generated code: one Python function that decides many trees for one event, and shares what they ask.

The text of a function holds only names that are made up here (``v3``, ``k7``) and operators. Field names,
constants and everything else that comes from rules is bound by name, never pasted.

Two kinds of function are made from the same trees: with a :class:`~firstseen.matching.layout.Layout` they take its
struct and the event's bytes, without one the event's view. Both give the base rules that hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from firstseen.matching import running
from firstseen.matching.layout import Layout, Node
from firstseen.matching.literals import needed
from firstseen.matching.many import Many
from firstseen.matching.questions import PLAIN, SAME, All, Opposite, Question, Some, Tree, prepared
from firstseen.matching.remembering import Remembered, looked_at
from firstseen.matching.running import is_word
from firstseen.sources.source import Accessor, Derived

Rows = tuple[int, ...]
Rule = tuple[Tree, Rows]
"""A tree and the base rules (indices into the pack) that it decides."""

Function = Callable[[Any, bytes], Rows]


LARGE = 2_000
"""Questions of a part from which on it is a function of its own. Smaller ones would ask again what others asked."""

_TRUE: Rows = (-1,)
"""What such a function gives if its part is true; it is no row of a pack."""


def build(
    rules: Sequence[Rule], layout: Layout | None, kept: Remembered | None = None, apart: Apart | None = None
) -> Function:
    """The function for these rules: ``f(struct, raw)`` with a layout, ``f(view, raw)`` without.

    ``kept``: questions, asked with the layout, whose answers are looked up. ``apart``: what has the large parts.

    What it raises tells nothing about which rule is at fault: the caller asks each by itself then.
    """
    return _Function(rules, layout, kept or {}, apart).compiled()


class Apart:
    """Large parts of rules, such as values by account, each as a function that is made once for all that need it.

    Otherwise each call's function would have them again: 500 accounts of 20 values take half a second to compile.
    """

    def __init__(self, layout: Layout | None, kept: Remembered) -> None:
        self._layout = layout
        self._kept = kept
        self._sizes: dict[Tree, int] = {}
        self._made: dict[Tree, Function] = {}

    def size(self, tree: Tree) -> int:
        """How many questions the tree has."""
        if isinstance(tree, Question):
            return 1
        if tree not in self._sizes:
            self._sizes[tree] = sum(map(self.size, (tree.part,) if isinstance(tree, Opposite) else tree.parts))
        return self._sizes[tree]

    def function(self, tree: Tree) -> Function:
        """What gives something if the tree is true, and nothing if it is not."""
        if tree not in self._made:
            self._made[tree] = _Function([(tree, _TRUE)], self._layout, self._kept, self).compiled()
        return self._made[tree]


class _Function:
    """The making of one function."""

    def __init__(self, rules: Sequence[Rule], layout: Layout | None, kept: Remembered, apart: Apart | None) -> None:
        self._layout = layout
        self._kept = kept
        self._apart = apart
        self._whole = next((tree for tree, rows in rules if rows == _TRUE), None)
        self._parts: dict[Tree, str] = {}
        self._bound: dict[str, Any] = dict(running.NAMES)
        self._setup: list[str] = []
        self._lazy: list[str] = []
        self._values: dict[object, str] = {}
        self._scalars: dict[Accessor, str] = {}
        self._nodes: dict[int, str] = {}
        self._roots: dict[int, str] = {}
        self._answers: dict[Question, str] = {}
        self._asked: dict[Question, int] = {}
        for tree, _ in rules:
            self._count(tree)
        self._folders = Counter(one.place for one in self._asked if one.folded and one not in self._kept)
        self._lines = [self._line(tree, rows) for tree, rows in rules]

    def compiled(self) -> Function:
        empty = [f"{name} = None" for name in self._lazy]
        body = [*empty, *self._setup, "out = ()", *self._lines, "return out"]
        text = "def decide(s, raw):\n" + "".join(f"    {line}\n" for line in body)
        code = compile(text, "<rules>", "exec")
        exec(code, self._bound)  # noqa: S102 - our own text, without a word from a rule in it
        function: Function = self._bound["decide"]
        return function

    def _line(self, tree: Tree, rows: Rows) -> str:
        add = f"out += {self._bind(rows)}"
        return add if tree == All(()) else f"if {self._tree(tree)}: {add}"

    def _bind(self, value: object) -> str:
        name = f"k{len(self._bound)}"
        self._bound[name] = value
        return name

    def _late(self, prefix: str) -> str:
        """A local that is None until it is needed."""
        name = f"{prefix}{len(self._lazy)}"
        self._lazy.append(name)
        return name

    def _count(self, tree: Tree) -> None:
        waiting = [tree]
        while waiting:
            match waiting.pop():
                case All(parts) | Some(parts) as joined:
                    waiting.extend(() if self._is_apart(joined) else parts)
                case Opposite(part):
                    waiting.append(part)
                case Question() as question:
                    self._asked[question] = self._asked.get(question, 0) + 1

    def _is_apart(self, tree: Tree) -> bool:
        """Whether the tree is a function of its own; not where it is all of this one."""
        return self._apart is not None and tree is not self._whole and self._apart.size(tree) >= LARGE

    # Trees

    def _tree(self, tree: Tree) -> str:
        match tree:
            case All() | Some() if self._apart is not None and self._is_apart(tree):
                name = self._parts.get(tree) or self._parts.setdefault(tree, self._late("b"))
                return (
                    f"({name} if {name} is not None else ({name} := {self._bind(self._apart.function(tree))}(s, raw)))"
                )
            case All(parts):
                looks = [self._look(part) for part in parts if self._is_looked_for(part)]
                return f"({' and '.join([*looks, *self._in_order(parts)])})" if parts else "True"
            case Some(parts):
                return f"({' or '.join(self._in_order(parts))})" if parts else "False"
            case Opposite(part):
                return f"(not {self._tree(part)})"
            case Question():
                return self._question(tree)

    def _is_looked_for(self, tree: Tree) -> bool:
        """Whether the bytes of a raw field can show that a question about its texts is false."""
        if not isinstance(tree, Question) or tree.op != "contains" or tree.part is not None or tree.place is None:
            return False
        if isinstance(tree.values, Many):
            return False  # a look would be a walk
        nodes = self._node(tree.place)
        whole = bool(nodes) and len(nodes) == len(tree.place) and nodes[-1].kind == "raw"  # type: ignore[arg-type]
        return whole and all(map(is_word, tree.values))

    def _look(self, tree: Tree) -> str:
        """A condition that is true where the tree is, and much cheaper."""
        place, values = (tree.place or (), tree.values) if isinstance(tree, Question) else ((), ())
        name = self._values_name(("w", place), "w")
        small = f"({name} if {name} is not None else ({name} := lowered({self._held(self._node(place))})))"
        return f"({small} is False or holds_some({name}, {self._bind(tuple(map(str.lower, values)))}))"

    def _in_order(self, parts: Iterable[Tree]) -> list[str]:
        """The parts as expressions, cheap ones first; the order of equals stays."""
        return [self._tree(part) for part in sorted(parts, key=self._cost)]

    def _cost(self, tree: Tree) -> int:
        """About how long a tree takes, in arbitrary units."""
        match tree:
            case All() | Some() if self._is_apart(tree):
                return LARGE
            case All(parts) | Some(parts):
                return 1 + sum(map(self._cost, parts))
            case Opposite(part):
                return self._cost(part)
            case Question(place, op):
                if place is None:
                    return 100
                if tree in self._kept:
                    return 1
                return (1 if self._is_scalar(place) else 6) + (0 if op in PLAIN or op == "null" else 4)

    def _question(self, question: Question) -> str:
        if question in self._kept:
            return self._looked_up(question)
        name = self._answers.get(question)
        if name is None:
            expression = self._expression(question)
            if self._asked[question] == 1:
                return expression
            name = self._late("b")
            self._answers[question] = name
            return f"({name} if {name} is not None else ({name} := {expression}))"
        return f"({name} if {name} is not None else ({name} := {self._expression(question)}))"

    def _looked_up(self, question: Question) -> str:
        answers, bit = self._kept[question]
        place = question.place or ()
        name = self._values_name(("a", place), "a")
        held = self._held(looked_at(place, self._layout) if self._layout is not None else [])
        return f"(({name} if {name} is not None else ({name} := {self._bind(answers)}[{held}])) & {bit})"

    def _expression(self, question: Question) -> str:
        place = question.place
        if question.op == "exists":
            return self._exists(place)
        if place is not None and self._is_scalar(place) and question.part is None and question.op not in SAME:
            return self._of_scalar(question, place)
        if question.op == "null":
            return f"(not {self._texts(place)})"
        return self._of_texts(question)

    def _exists(self, place: Accessor | None) -> str:
        if place is None:
            return "True"
        if self._is_scalar(place):
            return f"({self._scalar(place)} is not UNSET)"
        return f"(len({self._reached(place)}) != 0)"

    # One string or nothing

    def _of_scalar(self, question: Question, place: Accessor) -> str:
        name = self._scalar(place)
        if question.op == "null":
            return f"(type({name}) is not str)"
        # Null and absence are false, too, and quicker to ask for than a type.
        guard = name if _never_empty(question) else f"type({name}) is str"
        value = self._folded_scalar(question, place, name) if question.folded else name
        if question.op == "equals" and question.folded:  # folding keeps the length
            sizes = _sizes(question)
            size = f"== {min(sizes)}" if len(sizes) == 1 else f"in {self._bind(sizes)}"
            guard += f" and len({name}) {size}"
        return f"({guard} and {self._plain(question, value)})"

    def _folded_scalar(self, question: Question, place: Accessor, name: str) -> str:
        """An expression for the string folded, kept where several questions ask for it."""
        if self._folders[place] == 1 and _of_one_ascii_length(question):
            return f"{name}.casefold()"
        folded = self._values_name(("c", place), "c")
        made = f"{name}.casefold() if {name}.isascii() else fold({name})"
        return f"({folded} if {folded} is not None else ({folded} := {made}))"

    def _plain(self, question: Question, value: str) -> str:
        values = question.values
        if question.op == "equals":
            if len(values) == 1:
                return f"{value} == {self._bind(values[0])}"
            return f"{value} in {self._bind(_set_of(question))}"
        if isinstance(values, Many):
            return f"{self._bind(values.test(question.op))}({value})"
        if question.op in ("startswith", "endswith"):
            return f"{value}.{question.op}({self._bind(values)})"
        if question.op == "contains":
            if len(values) == 1:
                return f"{self._bind(values[0])} in {value}"
            return f"holds_some({value}, {self._bind(values)})"
        test = f"{self._bind(prepared(question))}({value})"
        literal = needed(question.values[0]) if question.op == "regex" else ""
        return f"{self._bind(literal)} in {value} and {test}" if literal else test

    def _is_scalar(self, place: Accessor) -> bool:
        return self._layout is not None and self._layout.is_scalar(place)

    def _node(self, place: Accessor) -> list[Node]:
        return [] if self._layout is None else self._layout.nodes(place)

    def _scalar(self, place: Accessor) -> str:
        """A local that is a string, None (null) or UNSET (absent)."""
        name = self._scalars.get(place)
        if name is None:
            nodes = self._node(place)
            held = self._held(nodes)
            name = f"v{len(self._scalars)}"
            self._setup.append(f"{name} = {held}")
            if nodes[-1].kind == "scalar":
                unusual = f"type({name}) is not str and {name} is not None and {name} is not UNSET"
                self._setup.append(f"if {unusual}: {name} = odd({name})")
            self._scalars[place] = name
        return name

    def _held(self, nodes: Sequence[Node]) -> str:
        """What the struct holds at the last node, as an expression; UNSET when an object on the way is missing."""
        *above, last = nodes
        return f"{self._object(above) if above else 's'}.{last.name}"

    def _object(self, nodes: Sequence[Node]) -> str:
        name = self._nodes.get(id(nodes[-1]))
        if name is None:
            held = self._held(nodes)
            name = f"n{len(self._nodes)}"
            self._nodes[id(nodes[-1])] = name
            self._setup.append(f"{name} = {held} or {self._bind(nodes[-1].empty)}")
        return name

    # Any number of values

    def _values_name(self, key: Any, prefix: str) -> str:  # noqa: ANN401 - a key of our own
        name = self._values.get(key)
        if name is None:
            name = self._late(prefix)
            self._values[key] = name
        return name

    def _of_texts(self, question: Question) -> str:
        found = self._texts(question.place)
        if question.part is not None:
            found = f"parts_of({found}, {self._bind(question.part)})"
            found = f"fold_all({found})" if question.folded else found
        elif question.folded:
            found = self._folded(question.place)
        if question.op in SAME:
            other = self._folded(question.other) if question.folded else self._texts(question.other)
            return f"same({self._bind(question.op)}, {found}, {other})"
        if question.op == "equals":
            return f"equals_any({found}, {self._bind(_set_of(question))})"
        if question.op in PLAIN and not isinstance(question.values, Many):
            return f"{question.op}_any({found}, {self._bind(question.values)})"
        return f"test_any({found}, {self._bind(prepared(question))})"

    def _folded(self, place: Accessor | None) -> str:
        name = self._values_name(("l", place), "l")
        return f"({name} if {name} is not None else ({name} := fold_all({self._texts(place)})))"

    def _texts(self, place: Accessor | None) -> str:
        """An expression for the list of text forms at a place."""
        name = self._values_name(("t", place), "t")
        if place is None:
            made = f"leaf_texts({self._document()}[0])" if self._layout is not None else "leaf_texts(s)"
        elif self._is_scalar(place):
            made = f"scalar_texts({self._scalar(place)})"
        else:
            made = f"texts({self._reached(place)})"
        return f"({name} if {name} is not None else ({name} := {made}))"

    def _reached(self, place: Accessor) -> str:
        name = self._values_name(("r", place), "r")
        if self._layout is None:
            made = f"reach(s, {self._bind(place)})"
        elif isinstance(place, Derived):
            made = self._derived(place, self._layout)
        else:
            made = self._below(place)
        return f"({name} if {name} is not None else ({name} := {made}))"

    def _below(self, place: Accessor) -> str:
        nodes = self._node(place)
        root = self._root(nodes) if nodes else self._document()
        return f"reached({root}, {self._bind(place)}, {len(nodes)})"

    def _document(self) -> str:
        """An expression for the whole event, read in full and kept."""
        name = self._values_name("document", "d")
        return f"({name} if {name} is not None else ({name} := [loads(raw)]))"

    def _root(self, nodes: Sequence[Node]) -> str:
        """An expression for a list of the raw node's decoded value, kept for other fields below it; [] if absent."""
        root = self._roots.get(id(nodes[-1]))
        if root is None:
            root = self._late("d")
            self._roots[id(nodes[-1])] = root
        held = self._held(nodes)
        return f"({root} if {root} is not None else ({root} := decoded({held})))"

    def _derived(self, place: Derived, layout: Layout) -> str:
        if place.moment is not None and layout.parsed and layout.alone:
            return f"moment({self._bind(place.moment)}, s.when)"
        if not layout.top.keys() >= set(place.reads):
            return f"reach({self._document()}[0], {self._bind(place)})"
        keys = {key: layout.top[key] for key in place.reads}
        given = "".join(f"({self._bind(key)}, {self._single(node)})," for key, node in keys.items())
        return f"derived({self._bind(place.function)}, ({given}))"

    def _single(self, node: Node) -> str:
        """An expression for a list of what a top-level key holds; [] if it is absent."""
        if node.kind == "text":
            return f"[s.{node.name}]"
        return f"plain(s.{node.name})" if node.kind in ("scalar", "string") else self._root([node])


def _never_empty(question: Question) -> bool:
    """Whether no empty string passes: then a look at the string alone leaves out null and absence, too."""
    if question.op == "regex":
        return bool(needed(question.values[0]))
    if isinstance(question.values, Many):
        return question.op in PLAIN and 0 not in question.values.sizes
    return question.op in PLAIN and all(question.values)


def _set_of(question: Question) -> frozenset[str]:
    return question.values.all if isinstance(question.values, Many) else frozenset(question.values)


def _sizes(question: Question) -> frozenset[int]:
    return question.values.sizes if isinstance(question.values, Many) else frozenset(map(len, question.values))


def _of_one_ascii_length(question: Question) -> bool:
    """Whether full case folding answers as simple folding does, of texts that have the values' length.

    They differ where one character becomes several: then the text is longer, and equals no value.
    """
    if question.op != "equals" or len(_sizes(question)) != 1:
        return False
    values = question.values
    return values.ascii if isinstance(values, Many) else all(map(str.isascii, values))
