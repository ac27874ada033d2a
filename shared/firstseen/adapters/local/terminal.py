"""Findings on a terminal, or as plain text in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication
from firstseen.findings.text import DEFAULT_WIDTH, to_text
from firstseen.language.rules import Level

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_COLOURS: dict[Level, str] = {
    "critical": "\x1b[1;97;41m",
    "high": "\x1b[1;31m",
    "medium": "\x1b[1;33m",
    "low": "\x1b[1;36m",
    "informational": "\x1b[1;37m",
}


class TerminalSink:
    """Writes each finding's text form, an empty line between two.

    A stream that takes no more (a closed pipe, a full disk) makes this finding and the rest ``unavailable``:
    nothing is acknowledged that nobody could read. Text that the stream's encoding lacks is replaced by its
    escapes.
    """

    def __init__(self, stream: TextIO, *, colour: bool = False, width: int = DEFAULT_WIDTH) -> None:
        self._stream = stream
        self._colour = colour
        self._width = width
        self._first = True

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        """Write and flush each; ``deadline_us`` plays no part."""
        del deadline_us
        answers: list[Publication] = []
        for finding in findings:
            if not self._write(finding):
                break
            answers.append("sent")
        return answers + ["unavailable"] * (len(findings) - len(answers))

    def _write(self, finding: Finding) -> bool:
        text = to_text(finding, width=self._width)
        if self._colour:
            text = _coloured(text, finding)
        if not self._first:
            text = "\n" + text
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed on our side
            return False
        self._first = False
        return True


def _coloured(text: str, finding: Finding) -> str:
    """The headline in its severity's colour, labels bold. The text holds no escape itself."""
    first, _, rest = text.partition("\n")
    lines = [f"{_COLOURS[finding.card.level]}{first}{_RESET}", *map(_bold_label, rest.split("\n"))]
    return "\n".join(lines)


def _bold_label(line: str) -> str:
    if line in {"Triage", "Response", "Look closer", "Expected?"}:
        return f"{_BOLD}{line}{_RESET}"
    label, colon, value = line.partition(":")
    if colon and value.startswith("  ") and not label.startswith(" "):
        return f"{_BOLD}{label}:{_RESET}{value}"
    return line
