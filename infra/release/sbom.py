"""Writes what is in each package: a CycloneDX list of the libraries that its lock pins, with their hashes.

From the locks alone: nothing is installed or asked for, and the same locks give the same bytes. Rejected: a tool that
looks at an environment; it would list what happens to be installed beside.
"""
# ruff: noqa: INP001 - a script, no part of a package

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
import uuid
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = ROOT / "requirements"
SHIPPED = ("aws", "azure", "cli")
"""Locks whose libraries leave the house: the two packages, and the command line's."""

SPEC_VERSION = "1.6"

_PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"\s+#\s+(?:via\s+)?([A-Za-z0-9._-]+)$")

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Library:
    """One line of a lock. ``needed_by``: libraries of the same lock; none: the project asks for it itself."""

    name: str
    version: str
    sha256: tuple[str, ...]
    needed_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its name for everybody who keeps lists of weaknesses."""
        return f"pkg:pypi/{self.name.lower().replace('_', '-').replace('.', '-')}@{self.version}"


def read_lock(text: str) -> list[Library]:
    """The libraries of a lock that pip-compile wrote. Raises ValueError for one without a hash."""
    found = []
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    for block in blocks:
        pinned = _PINNED.match(block)
        if pinned is None:
            continue
        hashes = tuple(_HASH.findall(block))
        if not hashes:
            msg = f"{pinned[0]} has no hash in its lock: make lock"
            raise ValueError(msg)
        via = [one[1] for line in block.splitlines() if (one := _VIA.match(line)) and one[1] != "via"]
        found.append(Library(pinned[1], pinned[2], hashes, tuple(via)))
    return found


def sbom(name: str, version: str, libraries: list[Library]) -> str:
    """The list for a package. It has no time, and its serial number follows from what it says."""
    refs = {one.name: one.purl for one in libraries}
    own = f"pkg:pypi/firstseen@{version}#{name}"
    needs: dict[str, list[str]] = {own: [one.purl for one in libraries if not any(by in refs for by in one.needed_by)]}
    for one in libraries:
        needs.setdefault(one.purl, [])
        for by in one.needed_by:
            if by in refs:
                needs.setdefault(refs[by], []).append(one.purl)
    root = {"type": "application", "bom-ref": own, "name": f"firstseen-{name}", "version": version}
    body: Json = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {"component": root},
        "components": [_component(one) for one in libraries],
        "dependencies": [{"ref": ref, "dependsOn": sorted(on)} for ref, on in sorted(needs.items())],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    return json.dumps({**body, "serialNumber": f"urn:uuid:{serial}"}, indent=2, sort_keys=True) + "\n"


def _component(one: Library) -> Json:
    """Hashes are of the files that the lock allows (one for each platform), so they are no ``hashes`` of one thing."""
    properties = [{"name": "firstseen:allowed-file:sha256", "value": value} for value in one.sha256]
    return {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        "scope": "required",
        "properties": properties,
    }


def project_version() -> str:
    """As pyproject.toml says."""
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def write(out: Path) -> list[Path]:
    """One file for each lock of what is shipped."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in SHIPPED:
        lock = (LOCKS / f"{name}.txt").read_text(encoding="utf-8")
        file = out / f"firstseen-{name}.cdx.json"
        file.write_text(sbom(name, project_version(), read_lock(lock)), encoding="utf-8")
        written.append(file)
    return written


def main() -> int:
    """``sbom.py [--out FOLDER]``."""
    parser = argparse.ArgumentParser(description="Write what is in each package, as CycloneDX.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "sbom")
    for file in write(parser.parse_args().out):
        sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
