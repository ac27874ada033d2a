"""Microsoft's own worker library around the built app, asked by tests as the host asks it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryFile
from typing import Any

from tests.emulators import ROOT, environment

HOST = Path(__file__).with_name("azure_host.py")
ANSWER_SECONDS = 60.0
STOP_SECONDS = 10.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def runtime_python() -> Path | None:
    """The interpreter that has the worker library; None when it is not installed. FIRSTSEEN_AZURE_RUNTIME names
    another folder.
    """
    folder = Path(os.environ.get("FIRSTSEEN_AZURE_RUNTIME", ROOT / ".venv-azure-runtime"))
    python = folder / "bin" / "python"
    return python if python.exists() else None


@dataclass(frozen=True, slots=True)
class HubEvent:
    """One event of an event hub."""

    body: bytes
    sequence_number: int
    enqueued_us: int


@dataclass(frozen=True, slots=True)
class Call:
    """What became of a call. ``lines``: what the app logged, as (level, text)."""

    done: bool
    fault: str
    lines: list[tuple[int, str]]

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The app's own lines of one kind."""
        start = f"firstseen {kind} {{"
        return [json.loads(text[len(start) - 1 :]) for _, text in self.lines if text.startswith(start)]


@dataclass
class Worker:
    """An app that is indexed. ``functions``: what the worker told the host of each, by name."""

    process: subprocess.Popen[str]
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)
    _answers: Queue[str] = field(default_factory=Queue)

    def index(self, app: Path) -> str:
        """What went wrong; "": nothing."""
        answer = self._ask({"app": str(app)})
        self.functions = {one["name"]: one for one in answer["functions"]}
        return str(answer["fault"])

    def events(self, events: Sequence[HubEvent], partition: str = "0") -> Call:
        """A batch from the event hub."""
        properties = [
            {
                "SequenceNumber": one.sequence_number,
                "Offset": str(one.sequence_number * 100),
                "PartitionKey": None,
                "EnqueuedTimeUtc": _iso(one.enqueued_us),
            }
            for one in events
        ]
        context = {"EventHubName": "logs", "ConsumerGroup": "$Default", "PartitionId": partition}
        metadata = {"SystemPropertiesArray": {"json": properties}, "PartitionContext": {"json": context}}
        many = [base64.b64encode(one.body).decode() for one in events]
        return self._call("ingest", {"events": {"many": many}}, metadata)

    def message(self, text: str, inserted_us: int) -> Call:
        """A message of the queue."""
        metadata = {
            "Id": {"string": "message"},
            "DequeueCount": {"json": 1},
            "InsertionTime": {"json": _iso(inserted_us)},
            "ExpirationTime": {"json": "9999-12-31T23:59:59+00:00"},
            "NextVisibleTime": {"json": _iso(inserted_us)},
            "PopReceipt": {"string": "receipt"},
        }
        return self._call("again", {"message": {"bytes": base64.b64encode(text.encode()).decode()}}, metadata)

    def timer(self, function: str = "sweep") -> Call:
        """A timer."""
        schedule = {"Schedule": {"AdjustForDST": True}, "IsPastDue": False}
        return self._call(function, {"timer": {"json": schedule}}, {})

    def _call(self, function: str, inputs: dict[str, Any], metadata: Mapping[str, Any]) -> Call:
        answer = self._ask({"function": function, "inputs": inputs, "metadata": metadata})
        lines = [(one["level"], one["message"]) for one in answer["logs"]]
        return Call(answer["done"], answer["fault"] + answer["trace"], lines)

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        try:
            text = self._answers.get(timeout=ANSWER_SECONDS)
        except Empty:
            msg = "the host did not answer"
            raise AssertionError(msg) from None
        answer: dict[str, Any] = json.loads(text)
        return answer

    def read(self) -> None:
        """Take answers from the host until it ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._answers.put(line)


def _iso(time_us: int) -> str:
    """As the host writes it: seven digits."""
    return f"{(_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec='microseconds')[:26]}0Z"


@contextmanager
def worker(python: Path, app: Path, settings: Mapping[str, str]) -> Iterator[Worker]:
    """A worker with the app indexed."""
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [str(python), "-I", str(HOST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=environment(settings),
        )
        made = Worker(process)
        thread = threading.Thread(target=made.read, daemon=True)
        thread.start()
        try:
            fault = made.index(app)
            assert not fault, fault
            yield made
        except AssertionError:
            said.seek(0)
            sys.stderr.write(said.read()[-4000:])
            raise
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
            thread.join(STOP_SECONDS)
            assert process.stdout is not None
            process.stdout.close()
