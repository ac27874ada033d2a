"""A process of the built Function app in Microsoft's worker library, which may be killed at any time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from tests.chaos.moving import FOLDER
from tests.emulators import ROOT, environment
from tests.functions.azure_runtime import Call, HubEvent, Worker

SCRIPT = Path(__file__).with_name("azure_process.py")
ANSWER_SECONDS = 900.0
STOP_SECONDS = 10.0

_GONE = json.dumps({"done": False, "fault": "the process is gone", "trace": "", "logs": [], "functions": []})


class _Patient(Worker):
    """Waits longer for an answer: services stumble, and every call is tried again.

    Attributes:
        gone: whether the process has closed its answers. It may still take what is written to it, and still count as
            alive, while it is dying.
    """

    gone = False

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        if self.gone:
            raise BrokenPipeError
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._answers.get(timeout=ANSWER_SECONDS))
        return answer

    def read(self) -> None:
        """Take answers until the process ends, and say then that it has."""
        super().read()
        self.gone = True
        self._answers.put(_GONE)


class AppProcess:
    """The app, indexed; one call at a time."""

    def __init__(self, python: Path, app: Path, settings: Mapping[str, str], log: Path) -> None:
        variables = {"PYTHONPATH": f"{FOLDER}:{ROOT / 'tests' / 'functions'}", "PYTHONDONTWRITEBYTECODE": "1"}
        with log.open("ab") as said:
            self.process = subprocess.Popen(
                [str(python), str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=environment(variables | dict(settings)),
            )
        self._worker = _Patient(self.process)
        self._reading = Thread(target=self._worker.read, daemon=True)
        self._reading.start()
        fault = self._worker.index(app)
        assert not fault, fault

    def events(self, events: list[HubEvent], partition: str) -> Call:
        """A batch from the event hub; not done, when the process is gone."""
        try:
            return self._worker.events(events, partition)
        except BrokenPipeError:
            return Call(done=False, fault="the process is gone", lines=[])

    def message(self, text: str, inserted_us: int) -> Call:
        """A message of the queue; the same."""
        try:
            return self._worker.message(text, inserted_us)
        except BrokenPipeError:
            return Call(done=False, fault="the process is gone", lines=[])

    @property
    def lives(self) -> bool:
        """Whether it was not killed."""
        return not self._worker.gone and self.process.poll() is None

    def kill(self) -> None:
        """By its id, whatever it does."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def close(self) -> None:
        """End it, and close what it was talked to by."""
        self.kill()
        self._reading.join(STOP_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
