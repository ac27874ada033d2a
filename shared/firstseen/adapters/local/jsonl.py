"""Findings as JSON lines: one OCSF Detection Finding a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from firstseen.findings.finding import Finding
from firstseen.findings.ocsf import ocsf_bytes
from firstseen.findings.sink import Publication


class JsonLinesSink:
    """Writes each finding as one line of UTF-8 JSON with sorted keys: the same findings give the same bytes.

    A stream that takes no more (a closed pipe, a full disk) makes this finding and the rest ``unavailable``.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        """Write and flush each; ``deadline_us`` plays no part."""
        del deadline_us
        answers: list[Publication] = []
        for finding in findings:
            try:
                self._stream.write(ocsf_bytes(finding) + b"\n")
                self._stream.flush()
            except (OSError, ValueError):  # ValueError: the stream was closed on our side
                break
            answers.append("sent")
        return answers + ["unavailable"] * (len(findings) - len(answers))
