"""The text that every match of an expression contains: a cheap look before an expensive search."""

from __future__ import annotations

_BREAKS = frozenset("dDwWsSbBAz")
"""Letters of escapes that stand for no fixed text."""

_QUANTIFIERS = frozenset("*?{")


def needed(expression: str) -> str:
    """The longest text that each match of an RE2 expression is sure to contain; "" when none is known.

    Careful rather than clever: groups and classes count as unknown, and anything unusual (flags, alternatives at
    the top, rare escapes) gives "".
    """
    if "(?" in expression:
        return ""
    runs = [""]
    at = 0
    while at < len(expression):
        one = expression[at]
        if one == "|":
            return ""
        if one in "([":
            at = _closed(expression, at)
            if at < 0:
                return ""
            runs.append("")
        elif one in _QUANTIFIERS:
            runs[-1] = runs[-1][:-1]
            runs.append("")
            at = _counted(expression, at) if one == "{" else at
        elif one in "+.^$":
            runs.append("")
        elif one == "\\":
            at += 1
            letter = expression[at : at + 1]
            if letter.isalnum() and letter not in _BREAKS:
                return ""
            runs = [*runs, ""] if letter in _BREAKS else [*runs[:-1], runs[-1] + letter]
        else:
            runs[-1] += one
        at += 1
    return max(runs, key=len)


def _counted(expression: str, at: int) -> int:
    """Where the repetition count that starts at ``at`` ends; what follows a brace that starts none is passed over."""
    end = expression.find("}", at)
    return len(expression) if end < 0 else end


def _closed(expression: str, start: int) -> int:
    """Where the group or class that starts at ``start`` ends; -1 when that is not plain to see."""
    depth = 0
    at = start
    while at < len(expression):
        one = expression[at]
        if one == "\\":
            if expression[at + 1 : at + 2] in ("Q", ""):
                return -1
            at += 1
        elif one == "[":
            at = _class_end(expression, at)
            if at < 0:
                return -1
        elif one == "(":
            depth += 1
        elif one == ")":
            depth -= 1
        if depth == 0:
            return at
        at += 1
    return -1


def _class_end(expression: str, start: int) -> int:
    """Where the class that starts at ``start`` ends; -1 for classes with names or escapes in them."""
    first = start + (2 if expression[start + 1 : start + 2] == "^" else 1)
    end = expression.find("]", first + 1)
    inside = expression[start + 1 : end]
    return -1 if end < 0 or "[" in inside or "\\" in inside else end
