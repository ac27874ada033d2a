"""Builds the Function app's package: triggers, code, rule pack and the libraries of requirements/azure.txt, as one zip.

The same sources give the same bytes, as for AWS, whose builder does what is the same. Flex Consumption runs the zip as
it is: host.json and function_app.py in its root, libraries where the worker looks for them, nothing built there.
"""
# ruff: noqa: INP001 - a script, no part of a package

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from infra.aws.build import (  # noqa: E402 - found through the line above
    ADDRESSES,
    PLATFORMS,
    RULES,
    BuildError,
    compile_rules,
    interpreter,
    sha256_of,
    write_zip,
)

LOCK = ROOT / "requirements" / "azure.txt"
PYTHON = "3.13"
ARCHITECTURE = "x86_64"
"""The only one that Azure runs functions on."""

MAX_ZIPPED_BYTES = 20_000_000
"""Of the package without databases of addresses."""

LIBRARIES = Path(".python_packages", "lib", "site-packages")
"""Where the worker looks for an app's libraries."""

TASK_ROOT = "/home/site/wwwroot"
"""Where the host puts the package: what tracebacks name."""

DATABASES = "addresses"
"""The folder of the package in which databases of addresses lie: Functions have no layers."""

DATABASE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
DATABASE_MARK, MARK_WITHIN_BYTES = b"\xab\xcd\xefMaxMind.com", 128 * 1024
"""What such a file has near its end."""

UNUSED = (
    "bin",
    "*.dist-info/[A-Z]*[DR]",
    "**/tests",
    "**/test",
    "**/*.pyi",
    "**/*.pxd",
    "**/*.pyx",
    "**/py.typed",
    "**/__pycache__",
)
"""Of the libraries. Of what pip notes about a package its licence stays; the rest names the machine that built."""

OTHERS = ("auditing", "cli", "adapters/local", "adapters/aws", "language/frontends")
"""Parts of firstseen that no function imports: they need libraries that the package has not."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a package is for.

    Attributes:
        rules: files and folders that its rule pack is made of.
        databases: of addresses, in MaxMind's format.
    """

    python: str = PYTHON
    rules: tuple[Path, ...] = (RULES,)
    databases: tuple[Path, ...] = ()

    @property
    def setting(self) -> str:
        """The Bicep parameter addressDatabases that names them."""
        return ":".join(f"{DATABASES}/{one.name}" for one in self.databases)


def build(target: Target, out: Path) -> Path:
    """Build into ``out``: a folder ``app``, and the zip beside it. Raises BuildError."""
    compiler = interpreter(target.python)
    check_databases(target.databases)
    folder, package = out / "app", out / "firstseen.zip"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / LIBRARIES).mkdir(parents=True)
    install(target, folder / LIBRARIES)
    prune(folder / LIBRARIES)
    copy_sources(folder)
    compile_rules(target.rules, folder / "rules.pack")
    compile_code(compiler, folder)
    copy_databases(target.databases, folder / DATABASES)
    write_zip(folder, package)
    size = package.stat().st_size - sum(one.stat().st_size for one in target.databases)
    if size > MAX_ZIPPED_BYTES:
        msg = f"{package} has {size:,} bytes, more than {MAX_ZIPPED_BYTES:,}: see what has grown in {folder}"
        raise BuildError(msg)
    return package


def check_databases(databases: tuple[Path, ...]) -> None:
    """Raises BuildError for what the app could not open, or that two files would be one."""
    names = [one.name for one in databases]
    for path in databases:
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - MARK_WITHIN_BYTES))
                marked = DATABASE_MARK in file.read()
        except OSError as exc:
            msg = f"no database of addresses at {path}: {exc.strerror}"
            raise BuildError(msg) from exc
        if not marked:
            msg = f"{path} is no database of addresses: a file in MaxMind's format (.mmdb) is needed"
            raise BuildError(msg)
        if names.count(path.name) > 1 or not DATABASE_NAME.fullmatch(path.name):
            msg = f"{path}: give each database of addresses a name of its own, of letters, digits and -_."
            raise BuildError(msg)


def copy_databases(databases: tuple[Path, ...], folder: Path) -> None:
    """Beside the code. Their licence is the user's: they are no part of what is released."""
    for path in databases:
        folder.mkdir(exist_ok=True)
        shutil.copyfile(path, folder / path.name)


def install(target: Target, folder: Path) -> None:
    """Every library of the lock, as wheels for the target, checked against the lock's hashes."""
    platforms = [part for one in PLATFORMS[ARCHITECTURE] for part in ("--platform", one)]
    _run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--target", str(folder), "--implementation", "cp", "--python-version", target.python, *platforms),
            *("--only-binary=:all:", "--require-hashes", "--no-compile", "--requirement", str(LOCK)),
        ]
    )


def prune(folder: Path) -> None:
    """Remove what no function reads."""
    for one in [one for pattern in UNUSED for one in folder.glob(pattern)]:
        if one.is_dir():
            shutil.rmtree(one)
        else:
            one.unlink(missing_ok=True)


def copy_sources(folder: Path) -> None:
    """The package that everything imports, the functions, and in the root what the host looks for there."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "py.typed")
    shutil.copytree(ROOT / "shared" / "firstseen", folder / "firstseen", ignore=ignored)
    shutil.copytree(ROOT / "functions" / "azure", folder / "functions" / "azure", ignore=ignored)
    for part in OTHERS:
        shutil.rmtree(folder / "firstseen" / part)
    (folder / "firstseen" / "adapters" / "local").mkdir()
    for part in ADDRESSES:
        shutil.copyfile(ROOT / "shared" / "firstseen" / part, folder / "firstseen" / part)
    (folder / "functions" / "azure" / "function_app.py").rename(folder / "function_app.py")
    shutil.copyfile(folder / "functions" / "azure" / "host.json", folder / "host.json")


def compile_code(compiler: str, folder: Path) -> None:
    """Compiled code beside each source, since the package is read-only where it runs. Its source is not asked again."""
    command = [compiler, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    # Names in a set of constants are written in hash order: without a fixed seed two builds would differ.
    _run([*command, "-s", str(folder), "-p", TASK_ROOT, str(folder)], {**os.environ, "PYTHONHASHSEED": "0"})


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        msg = f"{' '.join(command[:4])} … failed:\n{(done.stderr or done.stdout)[-2000:]}"
        raise BuildError(msg)


def main() -> int:
    """``build.py [--python VERSION] [--rules PATH]… [--address-database FILE]… [--out FOLDER]``."""
    parser = argparse.ArgumentParser(description="Build the Function app's package.")
    parser.add_argument("--python", default=PYTHON, help=f"the runtime's version; the template's is {PYTHON}")
    parser.add_argument("--rules", action="append", type=Path, help="default: shared/rules")
    parser.add_argument("--address-database", action="append", type=Path, help="of addresses, in MaxMind's format")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "azure")
    args = parser.parse_args()
    target = Target(args.python, tuple(args.rules or (RULES,)), tuple(args.address_database or ()))
    try:
        package = build(target, args.out)
    except BuildError as exc:
        sys.stderr.write(f"build-azure: {exc}\n")
        return 1
    sys.stdout.write(f"{package}: {package.stat().st_size:,} bytes, sha256 {sha256_of(package)}\n")
    if target.databases:
        sys.stdout.write(f"deploy it with --parameters addressDatabases={target.setting}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
