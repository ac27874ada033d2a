"""Writing a result where it was asked for."""

from __future__ import annotations

import sys
from pathlib import Path

from firstseen.errors import SettingsError


def write_text(name: str, text: str) -> None:
    """``text`` to the file, whole; ``-`` is standard output. Raises SettingsError when it cannot be written."""
    if name == "-":
        sys.stdout.buffer.write(text.encode())
        return
    try:
        Path(name).write_bytes(text.encode())
    except OSError as exc:
        msg = f"{name}: cannot be written: {exc.strerror or exc}"
        raise SettingsError(msg) from exc
