"""Servers that stand in for the clouds: on free ports of 127.0.0.1, stopped by their own process, never shared.

moto's server is in the tests' own environment; ministack in ``.venv-emulators`` and Azurite in ``node_modules``
(``make test`` makes both).
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

ROOT = Path(__file__).parent.parent

AZURITE = ROOT / "node_modules" / "azurite" / "dist" / "src"

_UNVERIFIED = ssl._create_unverified_context()  # noqa: S323 - to ask whether our own server answers

READY_SECONDS = 60.0
STOP_SECONDS = 10.0

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""What keeps a test away from whoever runs it: no profile, no metadata service, no real account."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The child's environment: paths from ours, nothing of anybody's AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, **CREDENTIALS, **(more or {})}


@contextmanager
def served(
    command: list[str], url: str, *, more: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[str]:
    """Run a server until the block ends; its url once it answers. Raises RuntimeError with what it said."""
    with TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, env=environment(more), cwd=cwd
        )
        try:
            _wait(process, url, said)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)


def _wait(process: subprocess.Popen[bytes], url: str, said: IO[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        if _answers(url):
            return
        time.sleep(0.05)
    said.seek(0)
    msg = f"{url} did not answer:\n{said.read()[-2000:].decode(errors='replace')}"
    raise RuntimeError(msg)


def _answers(url: str) -> bool:
    """Any answer over HTTP will do."""
    try:
        urllib.request.urlopen(url, timeout=2, context=_UNVERIFIED).close()  # noqa: S310 - our own, on 127.0.0.1
    except urllib.error.HTTPError as exc:
        exc.close()
        return True
    except OSError:
        return False
    return True


@contextmanager
def moto_server() -> Iterator[str]:
    """The url of a moto server with nothing in it."""
    port = free_port()
    command = [sys.executable, "-m", "tests.quick_moto", "-H", "127.0.0.1", "-p", str(port)]
    with served(command, f"http://127.0.0.1:{port}", cwd=ROOT) as url:
        yield url


def ministack_python() -> Path | None:
    """The interpreter that has ministack; None when it is not installed. FIRSTSEEN_EMULATORS names another folder."""
    folder = Path(os.environ.get("FIRSTSEEN_EMULATORS", ROOT / ".venv-emulators"))
    python = folder / "bin" / "python"
    return python if python.exists() else None


@contextmanager
def ministack() -> Iterator[str]:
    """The url of a ministack server with nothing in it. Raises RuntimeError when it is not installed."""
    python = ministack_python()
    if python is None:
        msg = "ministack is not installed: make .venv-emulators/.installed"
        raise RuntimeError(msg)
    port = free_port()
    with TemporaryDirectory(prefix="ministack-") as folder:
        more = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "EDGE_PORT": str(port), "TMPDIR": folder}
        command = [str(python), "-m", "ministack"]
        with served(command, f"http://127.0.0.1:{port}", more=more, cwd=Path(folder)) as url:
            yield url


AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and key that every Azurite has; public, and worth nothing elsewhere."""


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running Azurite. ``certificate``: who vouches for it, with OAuth; None over plain http."""

    blob_url: str
    queue_url: str
    table_url: str
    certificate: Path | None = None

    @property
    def connection_string(self) -> str:
        """What holds all three services and the key."""
        scheme = self.table_url.partition(":")[0]
        return (
            f"DefaultEndpointsProtocol={scheme};AccountName={AZURITE_ACCOUNT};AccountKey={AZURITE_KEY};"
            f"BlobEndpoint={self.blob_url};QueueEndpoint={self.queue_url};TableEndpoint={self.table_url};"
        )


def azurite_installed() -> bool:
    """Whether Azurite can run here."""
    return shutil.which("node") is not None and (AZURITE / "azurite.js").exists()


@contextmanager
def azurite(*, oauth: bool = False) -> Iterator[Azurite]:
    """An Azurite with nothing in it. ``oauth``: over https, so that it takes tokens as well as its key.

    Raises RuntimeError when it is not installed.
    """
    if not azurite_installed():
        msg = "Azurite is not installed: make node_modules/.installed"
        raise RuntimeError(msg)
    ports = {name: free_port() for name in ("blob", "queue", "table")}
    with TemporaryDirectory(prefix="azurite-") as folder:
        command = ["node", str(AZURITE / "azurite.js"), "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        command += ["--inMemoryPersistence"]
        for name, port in ports.items():
            command += [f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port)]
        certificate = _certificate(Path(folder)) if oauth else None
        if certificate is not None:
            command += ["--oauth", "basic", "--cert", str(certificate), "--key", str(certificate.with_suffix(".key"))]
        scheme = "http" if certificate is None else "https"
        urls = {name: f"{scheme}://127.0.0.1:{port}/{AZURITE_ACCOUNT}" for name, port in ports.items()}
        with served(command, urls["table"], cwd=Path(folder)):
            yield Azurite(urls["blob"], urls["queue"], urls["table"], certificate)


def _certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, beside its key."""
    certificate, key = folder / "azurite.pem", folder / "azurite.key"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate
