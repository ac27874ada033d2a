"""The Function app's package as it is deployed, built once a run."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.emulators import ROOT

PYTHON = "3.13"
BUILD_SECONDS = 300


def build(
    out: Path, *, python: str = PYTHON, rules: Path | None = None, more: tuple[str, ...] = ()
) -> tuple[Path, str]:
    """The zip, and its hash as printed. ``more``: further arguments. Raises RuntimeError with what the build said."""
    command = [sys.executable, str(ROOT / "infra" / "azure" / "build.py"), "--out", str(out), "--python", python]
    if rules is not None:
        command += ["--rules", str(rules)]
    command += more
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return out / "firstseen.zip", done.stdout.split("sha256 ")[1].split()[0]


def unpack(package: Path, folder: Path) -> Path:
    """As the host lays it out."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder
