"""A process of the built Lambda package that may be killed at any time."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

from tests.chaos.moving import FOLDER
from tests.emulators import environment
from tests.functions.aws_package import HANDLERS, RuntimeApi

ANSWER_SECONDS = 900.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Package:
    """The package and what runs it: an interpreter, the unpacked zip, awslambdaric."""

    python: str
    task: Path
    runtime: Path


class LambdaProcess:
    """awslambdaric with the package; one call at a time."""

    def __init__(self, package: Package, settings: Mapping[str, str], log: Path, handler: str = HANDLERS[0]) -> None:
        self._api = RuntimeApi()
        variables = {
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "firstseen",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "LAMBDA_TASK_ROOT": str(package.task),
            "PYTHONPATH": f"{package.task}:{package.runtime}:{FOLDER}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with log.open("ab") as said:
            self.process = subprocess.Popen(
                [package.python, "-m", "awslambdaric", handler],
                env=environment(variables | dict(settings)),
                cwd=package.task,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def call(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the function answers
        """What it answers; None: it raised, or is gone."""
        try:
            call = self._api.call(event, timeout_seconds=ANSWER_SECONDS)
        except Empty as exc:
            raise AssertionError("the function did not answer") from exc
        return call.answer if call.error is None else None

    @property
    def lives(self) -> bool:
        """Whether it was not killed."""
        return self.process.poll() is None

    def kill(self) -> None:
        """By its id, whatever it does; what waits for its answer gets Lambda's."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        said = urllib.request.Request(
            f"http://{self._api.address}/2018-06-01/runtime/invocation/gone/error",
            data=b'{"errorType": "Runtime.ExitError"}',
        )
        urllib.request.urlopen(said, timeout=STOP_SECONDS).close()  # noqa: S310 - the same

    def close(self) -> None:
        """End it and what it talked to."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        self._api.close()
