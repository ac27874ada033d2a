"""The POSIX rule of a time zone's name, from the machine's files: what a pack carries in place of the name."""

from __future__ import annotations

import importlib.resources
import re
import zoneinfo
from pathlib import Path

from firstseen.errors import RuleError
from firstseen.sources.derived.zones import zone_of

MAX_FILE_BYTES = 65_536
_NAME = re.compile(r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,3}", re.ASCII)


def posix_rule(zone: str) -> str:
    """``CET-1CEST,M3.5.0,M10.5.0/3`` for ``Europe/Berlin``; a rule is given back as it is.

    Raises RuleError for a name that the machine does not know.
    """
    if zone_of(zone) is not None:
        return zone
    data = _file(zone) if _NAME.fullmatch(zone) else None
    if data is None or not data.startswith(b"TZif"):
        msg = (
            f"there is no time zone {zone[:60]!r} on this machine: write a name such as Europe/Berlin (installing the "
            "package tzdata adds them where they are missing), or a rule such as CET-1CEST,M3.5.0,M10.5.0/3"
        )
        raise RuleError(msg)
    # The last line of the file, from its second version on, is what holds after its last listed change.
    rule = data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii", "replace")
    if zone_of(rule) is None:
        msg = f"the time zone {zone} has no rule for the years to come: write one, such as CET-1CEST,M3.5.0,M10.5.0/3"
        raise RuleError(msg)
    return rule


def _file(name: str) -> bytes | None:
    """The zone's file: of the machine, else of the package tzdata."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder, name)
        if path.is_file():
            with path.open("rb") as file:
                return file.read(MAX_FILE_BYTES)
    try:
        found = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
        return found.read_bytes()[:MAX_FILE_BYTES] if found.is_file() else None
    except ModuleNotFoundError:
        return None
