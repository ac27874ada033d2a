"""Builds everything that a release consists of into one folder, with SHA256SUMS; the same sources give the same bytes.

The packages of both clouds, the command line as wheel and as sources, and what is in each of them (SBOM).
"""
# ruff: noqa: INP001 - a script, no part of a package

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from infra.release import sbom  # noqa: E402 - found through the line above

EPOCH = 315_532_800
"""1980-01-01, the first day that a zip can say: the time of every file."""

SOURCES = ("pyproject.toml", "README.md", "LICENSE")
PYTHON_PACKAGE = Path("shared", "firstseen")
BUILDERS = ("infra/aws/build.py", "infra/azure/build.py")
# The backend leaves other arguments behind than it found.
_BACKEND = "import sys; from setuptools import build_meta as b; to = sys.argv[1]; b.build_wheel(to); b.build_sdist(to)"


def python_distribution(out: Path) -> list[Path]:
    """Wheel and sources of the command line, from a copy, so that leftovers of other builds are not in them."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "firstseen")
        unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / PYTHON_PACKAGE, folder / PYTHON_PACKAGE, ignore=unwanted, copy_function=shutil.copyfile)
        for one in SOURCES:
            shutil.copyfile(ROOT / one, folder / one)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        made = Path(name, "made")
        made.mkdir()
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", _BACKEND, str(made)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            raise SystemExit(f"release: the wheel cannot be built: {done.stderr.strip()[-2000:]}")
        written = []
        for file in sorted(made.iterdir()):
            target = out / file.name
            same = _same_sources if file.name.endswith(".tar.gz") else _same_wheel
            target.write_bytes(same(file.read_bytes()))
            written.append(target)
    return written


def _same_wheel(packed: bytes) -> bytes:
    """A wheel with its files as they stand, of no time, and with the same rights whoever built it."""
    plain = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(plain, "w") as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, old.read(name))
    return plain.getvalue()


def _same_sources(packed: bytes) -> bytes:
    """A tar.gz with its files in order, of nobody, and of no time."""
    plain = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed)) as old,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = EPOCH, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return gzip.compress(plain.getvalue(), mtime=0)


def cloud_packages(out: Path) -> list[Path]:
    """The packages, by their own builders, whose folders stay out of the release."""
    with tempfile.TemporaryDirectory() as name:
        for number, script in enumerate(BUILDERS):
            command = [sys.executable, str(ROOT / script), "--out", str(Path(name, str(number)))]
            if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own scripts
                raise SystemExit(1)  # it has said why
        return [Path(shutil.copy(file, out / file.name)) for file in sorted(Path(name).glob("*/*.zip"))]


def sums(files: list[Path]) -> str:
    """As ``sha256sum --check`` reads it."""
    return "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in sorted(files))


def main() -> int:
    """``release.py [--out FOLDER]``: the folder is emptied first."""
    parser = argparse.ArgumentParser(description="Build everything that a release consists of.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "release")
    out: Path = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    files = [*cloud_packages(out), *python_distribution(out), *sbom.write(out)]
    (out / "SHA256SUMS").write_text(sums(files), encoding="utf-8")
    sys.stdout.write((out / "SHA256SUMS").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
