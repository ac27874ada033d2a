"""How long one call may take. The host cuts it off without a word, so we stop before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from firstseen.errors import SettingsError

WORK_SHARE = 0.7
"""Of the time limit: then no further work is begun, and what is unfinished is put aside."""

SLICE_SHARE = 0.5
"""Of the time limit: then no further page of a provider's history is asked for. Whoever asks is patient: one page, its
repeats and waits may take the other half.
"""

GIVE_UP_SHARE = 0.95
"""Of the time limit: then the call raises, if it could not even do that. The Event Hub trigger moves on when a call is
cut off, as it does when one raises; but only what raises in time is retried.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one call, on the wall clock in microseconds."""

    slice_us: int
    work_us: int
    give_up_us: int


def limit_us(path: Path) -> int:
    """The time limit that a host.json states. Raises SettingsError when it states none."""
    try:
        hours, minutes, seconds = json.loads(path.read_text(encoding="utf-8"))["functionTimeout"].split(":")
        found = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1_000_000
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise SettingsError(f"{path.name} states no functionTimeout as HH:MM:SS ({exc})") from exc
    if found <= 0:
        raise SettingsError(f"{path.name}: a functionTimeout of more than 0 seconds is needed")
    return found


def limits(now_us: int, limit_us: int) -> Limits:
    """Of a call that begins now."""
    shares = (SLICE_SHARE, WORK_SHARE, GIVE_UP_SHARE)
    return Limits(*(now_us + int(limit_us * share) for share in shares))
