"""Text in Markdown pages: what a rule says stays what it says, and is neither markup nor HTML there."""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from urllib.parse import quote

from firstseen.findings.safe import safe_text

MAX_TEXT = 20_000

_MARKS = re.compile(r"([\\`*_\[\]<>|~$])")
_ENTITY = re.compile(r"&(?=#|[A-Za-z])")
_LINE_START = re.compile(r"(?:[-+=#]|\d{1,9}[.)])")
_CODE = re.compile(r"(`+)")
_ANCHOR_DROPS = re.compile(r"[^\w\- ]")


def plain(text: str) -> str:
    """Text on one line in which nothing is markup, also at the start of a line or list item."""
    line = " ".join(safe_text(" ".join(text.split()), MAX_TEXT).split())
    shown = _ENTITY.sub("&amp;", _MARKS.sub(r"\\\1", line))
    start = _LINE_START.match(shown)
    if start is None:
        return shown
    at = start.end() - 1
    return f"{shown[:at]}\\{shown[at:]}"


def steps(text: str) -> str:
    """A step that is written in Markdown, on one line: code stays code, HTML outside of it is shown and not obeyed."""
    line = safe_text(" ".join(text.split()), MAX_TEXT)
    parts, out, at = _CODE.split(line), [], 0
    while at < len(parts):
        # parts alternate: text, a run of backticks, text, … ; the same run again closes the code
        out.append(_no_html(parts[at]))
        if at + 1 >= len(parts):
            break
        run = parts[at + 1]
        close = next((i for i in range(at + 3, len(parts), 2) if parts[i] == run), None)
        if close is None:
            out.append(run.replace("`", "\\`"))
            at += 2
        else:
            out.append("".join(parts[at + 1 : close + 1]))
            at = close + 1
    return "".join(out)


def _no_html(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Text as code within a line; a bar would end a table's cell even there."""
    line = safe_text(" ".join(text.split()), MAX_TEXT)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", "\\|")


def block(text: str, language: str = "") -> list[str]:
    """Lines of a block of code that nothing in the text can close."""
    lines = [safe_text(line, MAX_TEXT) for line in text.splitlines()]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def row(*cells: str) -> str:
    """A line of a table; cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def anchor(heading: str) -> str:
    """What code hosts make of a heading: small letters, blanks as dashes, most other signs gone."""
    return _ANCHOR_DROPS.sub("", heading.strip().lower()).replace(" ", "-")


def link(shown: str, file: str, page_folder: str) -> str:
    """A link to a file as seen from a page in ``page_folder``; ``shown`` is Markdown. Both paths have one base.

    What lies outside the page's folder is named from the base, the repository's root, as code hosts read it.
    """
    if not file:
        return shown
    near = PurePath(os.path.relpath(file, page_folder)).as_posix()
    far = near.startswith("../") and not PurePath(file).is_absolute()
    return f"[{shown}]({quote('/' + PurePath(os.path.normpath(file)).as_posix() if far else near)})"
