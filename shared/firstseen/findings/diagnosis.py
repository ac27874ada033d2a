"""What a look at a deployment comes to: one check each thing that has to be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Health = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what, in a word or two; several checks may share it.
        health: ``warn`` says that something is odd, or could not be seen; ``fail`` that something does not work.
        said: what was found. It may hold names that others chose: make it harmless before it is shown.
        mend: what to do about it; "" with ``ok``.
    """

    name: str
    health: Health
    said: str
    mend: str = ""


def ok(name: str, said: str) -> Check:
    """All is well."""
    return Check(name, "ok", said)


def warn(name: str, said: str, mend: str) -> Check:
    """Odd, or not seen."""
    return Check(name, "warn", said, mend)


def fail(name: str, said: str, mend: str) -> Check:
    """It does not work."""
    return Check(name, "fail", said, mend)
