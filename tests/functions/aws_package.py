"""The package as it is deployed, built for an interpreter that is here; and Lambda's Runtime API for it to talk to."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryFile
from threading import Thread
from typing import Any

import pytest

from tests.emulators import ROOT, environment

ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
BUILD_SECONDS = 300

RUNTIME_LIBRARIES = ("awslambdaric", "simplejson", "snapshot-restore-py")

HANDLERS = ("functions.aws.ingest.handler", "functions.aws.sweep.handler", "functions.aws.baseline.handler")


def build(out: Path, *, python: str, architecture: str = ARCHITECTURE, rules: Path | None = None) -> tuple[Path, str]:
    """The zip, and its hash as printed. Raises RuntimeError with what the build said."""
    command = [sys.executable, str(ROOT / "infra" / "aws" / "build.py"), "--out", str(out)]
    command += ["--architecture", architecture, "--python", python]
    if rules is not None:
        command += ["--rules", str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return out / f"firstseen-aws-{architecture}.zip", done.stdout.split("sha256 ")[1].strip()


def runtime_interpreter(python: str) -> str | None:
    """The interpreter that the build compiles with; None when there is none of the version."""
    command = [sys.executable, "-c", f"from infra.aws.build import interpreter; print(interpreter({python!r}))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip() or None


def unpack(package: Path, folder: Path) -> Path:
    """As Lambda lays it out."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


@dataclass
class Invocation:
    """One call of a function and what came of it. ``seconds``: from the start of the process, for the first one."""

    event: Mapping[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: Any = None
    error: Any = None
    answered_at: float = 0.0


class RuntimeApi:
    """next, response, error: what a runtime asks of Lambda. One call at a time."""

    def __init__(self) -> None:
        self._waiting: Queue[Invocation] = Queue()
        self._done: Queue[Invocation] = Queue()
        self._current: dict[str, Invocation] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                call = api._waiting.get()
                api._current[call.id] = call
                body = json.dumps(call.event).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", call.id)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 120_000))
                self.send_header(
                    "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:111122223333:function:f"
                )
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                at = time.perf_counter()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                *_, identity, what = self.path.split("/")
                call = api._current.pop(identity, None) or Invocation({}, id="init")
                call.answered_at = at
                if what == "response":
                    call.answer = json.loads(body)
                else:
                    call.error = json.loads(body)
                api._done.put(call)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A process that was stopped leaves its connection as it was."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def call(self, event: Mapping[str, Any], *, timeout_seconds: float = 30) -> Invocation:
        """Call the function; what came of it."""
        self._waiting.put(Invocation(event))
        return self._done.get(timeout=timeout_seconds)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def container(
    python: str, task: Path, runtime: Path, handler: str, more: dict[str, str]
) -> Iterator[tuple[RuntimeApi, float]]:
    """A process of the function under awslambdaric; the API, and when the process was started."""
    api = RuntimeApi()
    variables = {
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "firstseen",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_LOG_GROUP_NAME": "logs",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "LAMBDA_TASK_ROOT": str(task),
        "PYTHONPATH": f"{task}:{runtime}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    with TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            [python, "-m", "awslambdaric", handler],
            env=environment(variables | more),
            cwd=task,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        try:
            yield api, started
        except Empty as exc:
            said.seek(0)
            msg = f"the function did not answer ({process.poll()}):\n{said.read()[-3000:].decode(errors='replace')}"
            raise RuntimeError(msg) from exc
        finally:
            process.kill()
            process.wait(10)
            api.close()


def runtime_client(folder: Path, python: str) -> Path:
    """awslambdaric for another version of Python, as the lock has it."""
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    wanted = [re.search(rf"^{name}==(?:.*\\\n)*.*--hash.*$", lock, re.MULTILINE) for name in RUNTIME_LIBRARIES]
    requirements = folder.with_suffix(".txt")
    requirements.write_text("\n".join(found[0] for found in wanted if found), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--no-deps"]
    command += ["--python-version", python, "--only-binary=:all:", "--require-hashes", "-r", str(requirements)]
    subprocess.run(command, check=True, capture_output=True, timeout=BUILD_SECONDS)
    return folder


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that ``make`` fills, once for all workers of a run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / "made").touch()
    return folder
