"""Builds the Lambda package: the code, the rule pack and the libraries of requirements/aws.txt, as one zip.

The same sources give the same bytes: files in order, times fixed, compiled code that does not name its folder. No
Docker and no machine of the target's kind is needed: libraries are taken as wheels for it.
"""
# ruff: noqa: INP001 - a script, no part of a package

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LOCK = ROOT / "requirements" / "aws.txt"
RULES = ROOT / "shared" / "rules"

PYTHON = "3.13"
MAX_ZIPPED_BYTES = 15_000_000

PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"),
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"),
}
"""Wheels that Lambda's Amazon Linux 2023 runs."""

SERVICES = frozenset(("cloudtrail", "dynamodb", "events", "s3", "sns", "sqs"))
"""Folders of botocore's data that the functions use; the other four hundred are left out."""

# Of what pip notes about a package its licence stays; RECORD, INSTALLER and REQUESTED name the machine that built.
UNUSED = (
    "bin",
    "*.dist-info/[A-Z]*[DR]",
    "boto3/examples",
    "boto3/data",
    "**/tests",
    "**/test",
    "**/*.pyi",
    "**/py.typed",
)
CLI_ONLY = ("auditing", "cli", "adapters/local", "adapters/azure", "language/frontends")
"""Parts of firstseen that no function imports: they need libraries that the package has not."""

ADDRESSES = ("adapters/local/__init__.py", "adapters/local/addresses.py")
"""What is put back of them: databases of addresses come in a layer, as files."""

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
TASK_ROOT = "/var/task"
"""Where Lambda puts the package: what tracebacks name."""


class BuildError(Exception):
    """The package cannot be built, with the mend."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a package is for. ``rules``: files and folders that its rule pack is made of."""

    architecture: str
    python: str = PYTHON
    rules: tuple[Path, ...] = (RULES,)

    @property
    def zip_name(self) -> str:
        """The package's file."""
        return f"firstseen-aws-{self.architecture}.zip"


def build(target: Target, out: Path) -> Path:
    """Build into ``out``: a folder named as the architecture, and the zip beside it. Raises BuildError."""
    compiler = interpreter(target.python)
    folder = out / target.architecture
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    install(target, folder)
    prune(folder)
    copy_sources(folder)
    compile_rules(target.rules, folder / "rules.pack")
    compile_code(compiler, folder)
    package = out / target.zip_name
    write_zip(folder, package)
    size = package.stat().st_size
    if size > MAX_ZIPPED_BYTES:
        msg = f"{package} has {size:,} bytes, more than {MAX_ZIPPED_BYTES:,}: see what has grown in {folder}"
        raise BuildError(msg)
    return package


def interpreter(version: str) -> str:
    """A Python of this version, which compiled code must come from: this one, one on the PATH, or pyenv's newest."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{version}.*/bin/python"), key=lambda path: [int(n) for n in _numbers(path)])
    candidates = [sys.executable, shutil.which(f"python{version}"), *map(str, reversed(found))]
    for candidate in candidates:
        if candidate and _version_of(candidate) == version:
            return candidate
    msg = f"Python {version} is missing: the package is compiled for it; install it (or 'pyenv install {version}')"
    raise BuildError(msg)


def _numbers(path: Path) -> list[str]:
    return [part for part in path.parent.parent.name.split(".") if part.isdigit()]


def _version_of(python: str) -> str:
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - an interpreter
    return done.stdout.strip()


def install(target: Target, folder: Path) -> None:
    """Every library of the lock, as wheels for the target, checked against the lock's hashes."""
    platforms = [part for one in PLATFORMS[target.architecture] for part in ("--platform", one)]
    _run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--target", str(folder), "--implementation", "cp", "--python-version", target.python, *platforms),
            *("--only-binary=:all:", "--require-hashes", "--no-compile", "--requirement", str(LOCK)),
        ]
    )


def prune(folder: Path) -> None:
    """Remove what no function reads."""
    data = folder / "botocore" / "data"
    doomed = [one for one in data.iterdir() if one.is_dir() and one.name not in SERVICES]
    doomed += [one for pattern in UNUSED for one in folder.glob(pattern)]
    doomed += [*data.glob("*/*/examples-1.json"), *data.glob("*/*/paginators-1.*"), *folder.rglob("__pycache__")]
    for one in doomed:
        _remove(one)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy_sources(folder: Path) -> None:
    """The package that everything imports, and the handlers."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "py.typed")
    shutil.copytree(ROOT / "shared" / "firstseen", folder / "firstseen", ignore=ignored)
    shutil.copytree(ROOT / "functions" / "aws", folder / "functions" / "aws", ignore=ignored)
    for part in CLI_ONLY:
        _remove(folder / "firstseen" / part)
    (folder / "firstseen" / "adapters" / "local").mkdir()
    for part in ADDRESSES:
        shutil.copyfile(ROOT / "shared" / "firstseen" / part, folder / "firstseen" / part)


def compile_rules(rules: tuple[Path, ...], pack: Path) -> None:
    """Rules as one pack, which no function needs a parser for; and beside it what canaries send for them."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "shared")}
    command = [sys.executable, "-m", "firstseen.cli", "rules", "build", "-o", str(pack)]
    _run([*command, "--canaries", str(pack.with_suffix(".canaries")), *map(str, rules)], environment)


def compile_code(compiler: str, folder: Path) -> None:
    """Compiled code beside each source, since the package is read-only where it runs. Its source is not asked again."""
    command = [compiler, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    # Names in a set of constants are written in hash order: without a fixed seed two builds would differ.
    _run([*command, "-s", str(folder), "-p", TASK_ROOT, str(folder)], {**os.environ, "PYTHONHASHSEED": "0"})


def write_zip(folder: Path, package: Path) -> None:
    """Files in order of their names, with one time and one mode."""
    package.unlink(missing_ok=True)
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_TIME)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            archive.writestr(entry, path.read_bytes(), compresslevel=9)


def sha256_of(package: Path) -> str:
    """Of the file's bytes, in hex."""
    return hashlib.sha256(package.read_bytes()).hexdigest()


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        msg = f"{' '.join(command[:4])} … failed:\n{(done.stderr or done.stdout)[-2000:]}"
        raise BuildError(msg)


def main() -> int:
    """``build.py [--architecture arm64|x86_64]… [--python VERSION] [--rules PATH]… [--out FOLDER]``."""
    parser = argparse.ArgumentParser(description="Build the Lambda package.")
    parser.add_argument("--architecture", action="append", choices=sorted(PLATFORMS), help="default: both")
    parser.add_argument("--python", default=PYTHON, help=f"the runtime's version; the template's is {PYTHON}")
    parser.add_argument("--rules", action="append", type=Path, help="default: shared/rules")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "aws")
    args = parser.parse_args()
    try:
        for architecture in args.architecture or sorted(PLATFORMS):
            package = build(Target(architecture, args.python, tuple(args.rules or (RULES,))), args.out)
            sys.stdout.write(f"{package}: {package.stat().st_size:,} bytes, sha256 {sha256_of(package)}\n")
    except BuildError as exc:
        sys.stderr.write(f"build-aws: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
