"""Asks for known weaknesses of every library in the locks, of Python and of Node.

Exit status 0: asked, none known. 1: some are known. 3: nobody could be asked, which is said as ``not audited``.
No library is needed for it: names and versions are posted to a service that speaks OSV's interface, and nothing else.
"""
# ruff: noqa: INP001 - a script, no part of a package

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from infra.release.sbom import LOCKS, read_lock  # noqa: E402 - found through the line above

SERVICE = "https://api.osv.dev/v1/querybatch"
MAX_QUERIES = 1_000
"""Of one call."""

TIMEOUT_SECONDS = 20
MAX_ANSWER_BYTES = 20_000_000
CLEAN, KNOWN, NOT_AUDITED = 0, 1, 3


def purls(locks: Iterable[Path], node_lock: Path) -> dict[str, list[str]]:
    """Each library, and the locks that it stands in."""
    found: dict[str, list[str]] = {}
    for lock in sorted(locks):
        for one in read_lock(lock.read_text(encoding="utf-8")):
            found.setdefault(one.purl, []).append(lock.name)
    packages = json.loads(node_lock.read_text(encoding="utf-8"))["packages"]
    for place, one in sorted(packages.items()):
        name = place.rpartition("node_modules/")[2]
        if name and "version" in one:
            found.setdefault(f"pkg:npm/{name.replace('@', '%40')}@{one['version']}", []).append(node_lock.name)
    return found


def ask(service: str, wanted: list[str]) -> dict[str, list[str]]:
    """Ids of advisories by library. Raises OSError, HTTPException or ValueError when it gives no answer that counts."""
    known: dict[str, list[str]] = {}
    for start in range(0, len(wanted), MAX_QUERIES):
        part = wanted[start : start + MAX_QUERIES]
        body = json.dumps({"queries": [{"package": {"purl": one}} for one in part]}).encode()
        request = urllib.request.Request(service, body, {"Content-Type": "application/json"})  # noqa: S310 - its scheme is checked
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the same
            read: Any = json.loads(answer.read(MAX_ANSWER_BYTES))
        results = read["results"] if isinstance(read, dict) and "results" in read else None
        if not isinstance(results, list) or len(results) != len(part):
            msg = "its answer is not one for each question"
            raise ValueError(msg)
        for one, result in zip(part, results, strict=True):
            if result.get("vulns"):
                known[one] = [str(advisory["id"]) for advisory in result["vulns"]]
    return known


def main(argv: list[str] | None = None) -> int:
    """``audit.py [--service URL]``."""
    parser = argparse.ArgumentParser(description="Ask for known weaknesses of what the locks pin.")
    parser.add_argument("--service", default=SERVICE, help="where OSV's querybatch is answered")
    service: str = parser.parse_args(argv).service
    if not service.startswith(("https://", "http://127.0.0.1:")):
        parser.error("--service must be https://…")
    wanted = purls(LOCKS.glob("*.txt"), ROOT / "package-lock.json")
    try:
        known = ask(service, list(wanted))
    except (OSError, HTTPException, ValueError, KeyError, AttributeError, TypeError) as exc:
        sys.stdout.write(f"not audited: no advisories can be reached at {service} ({exc})\n")
        return NOT_AUDITED
    for one, ids in known.items():
        sys.stdout.write(f"{one} ({', '.join(wanted[one])}): {', '.join(ids)}\n")
    sys.stdout.write(f"audited: {len(wanted)} libraries, {len(known)} with known weaknesses\n")
    return KNOWN if known else CLEAN


if __name__ == "__main__":
    raise SystemExit(main())
