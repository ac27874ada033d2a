"""Whether one predicate implies another, as far as their shapes show it: a yes is certain, a no is not."""

from __future__ import annotations

from firstseen.language.predicates import MAX_DEPTH, And, Leaf, Not, Or, Predicate

MAX_PARTS = 200
"""Parts of one node that are compared with those of another."""

_TEXT = frozenset({"equals", "contains", "startswith", "endswith"})


def implies(one: Predicate, other: Predicate, depth: int = 0) -> bool:
    """Whether ``other`` surely holds wherever ``one`` does."""
    if one == other:
        return True
    if depth > MAX_DEPTH or any(isinstance(node, And | Or) and len(node.parts) > MAX_PARTS for node in (one, other)):
        return False
    match one, other:
        case _, And(parts):
            return all(implies(one, part, depth + 1) for part in parts)
        case Or(parts), _ if parts:
            return all(implies(part, other, depth + 1) for part in parts)
        case And(parts), Or(others):
            return any(implies(part, other, depth + 1) for part in parts) or any(
                implies(one, part, depth + 1) for part in others
            )
        case And(parts), _:
            return any(implies(part, other, depth + 1) for part in parts)
        case _, Or(others):
            return any(implies(one, part, depth + 1) for part in others)
        case Not(part), Not(denied):
            return implies(denied, part, depth + 1)
        case Leaf(), Leaf():
            return _narrower(one, other)
    return False


def _narrower(one: Leaf, other: Leaf) -> bool:
    """Whether each value that answers ``one`` with yes answers ``other`` so."""
    if one.field != other.field or one.part != other.part or one.field is None:
        return False
    positive = one.op not in ("null", "exists")
    if other.op == "present" or (other.op == "exists" and other.value is not False):
        return positive and one.part is None
    if one.op not in _TEXT or other.op not in _TEXT or (other.cased and not one.cased):
        return False
    mine, theirs = str(one.value), str(other.value)
    if not other.cased:
        mine, theirs = mine.casefold(), theirs.casefold()
    match other.op:
        case "equals":
            return one.op == "equals" and mine == theirs
        case "contains":
            return theirs in mine
        case "startswith":
            return one.op in ("equals", "startswith") and mine.startswith(theirs)
        case _:
            return one.op in ("equals", "endswith") and mine.endswith(theirs)


def calls_of(tree: Predicate, depth: int = 0) -> frozenset[str] | None:
    """The values of which one *must* be there, from the first field that is asked for whole values; None: any event.

    Two rules whose calls have nothing in common are not compared; a wider choice costs time only.
    """
    match tree:
        case Leaf(field=str(), op="equals", value=value):
            return frozenset({f"{tree.field}={str(value).casefold()}"})
        case Or(parts) if depth < MAX_DEPTH:
            found: set[str] = set()
            for part in parts:
                calls = calls_of(part, depth + 1)
                if calls is None:
                    return None
                found |= calls
            return frozenset(found)
        case And(parts) if depth < MAX_DEPTH:
            choices = [calls for part in parts if (calls := calls_of(part, depth + 1)) is not None]
            return frozenset().union(*choices) if choices else None
    return None
