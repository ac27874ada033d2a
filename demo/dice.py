"""Random numbers that are the same everywhere."""

from __future__ import annotations

import random


def dice(seed: int, purpose: str) -> random.Random:
    """Return the random numbers for one purpose: always the same for the same seed.

    Linters warn (S311) that they can be foretold; here that is the point, and nothing is secret.
    """
    return random.Random(f"{seed}/{purpose}")
