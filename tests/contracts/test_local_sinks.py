"""The terminal and JSON lines keep the sink contract."""

from __future__ import annotations

import io
import json
import re

import pytest

from firstseen.adapters.local.jsonl import JsonLinesSink
from firstseen.adapters.local.terminal import TerminalSink
from firstseen.findings.sink import Sink
from tests.contracts.sink_contract import SinkContract, SinkHarness


class _Bytes(io.BytesIO):
    broken = False

    def write(self, data: object) -> int:
        if self.broken:
            raise BrokenPipeError
        return super().write(data)  # type: ignore[arg-type]


class _Text(io.StringIO):
    broken = False

    def write(self, text: str) -> int:
        if self.broken:
            raise BrokenPipeError
        return super().write(text)


class JsonLinesHarness:
    """Lines in memory."""

    def __init__(self) -> None:
        self._stream = _Bytes()

    def sink(self) -> Sink:
        return JsonLinesSink(self._stream)

    def received(self) -> list[str]:
        lines = self._stream.getvalue().splitlines()
        self._stream.seek(0)
        self._stream.truncate()
        return [json.loads(line)["finding_info"]["uid"] for line in lines]

    def down(self, *, down: bool) -> None:
        self._stream.broken = down


class TerminalHarness:
    """A text in memory; the command under each finding names it."""

    def __init__(self) -> None:
        self._stream = _Text()

    def sink(self) -> Sink:
        return TerminalSink(self._stream, colour=True)

    def received(self) -> list[str]:
        text = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        return re.findall(r"^  firstseen findings show (\S+)$", text, re.MULTILINE)

    def down(self, *, down: bool) -> None:
        self._stream.broken = down


@pytest.fixture(params=[JsonLinesHarness, TerminalHarness], ids=["json lines", "terminal"])
def harness(request: pytest.FixtureRequest) -> SinkHarness:
    made: SinkHarness = request.param()
    return made


class TestLocalSinks(SinkContract):
    """Standard output, as lines and as text."""
