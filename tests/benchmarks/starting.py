"""A process's first answer: ``starting.py PACK EVENT`` loads a pack, matches one event and prints what held.

As in the functions, nothing is collected while it starts.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from firstseen.language.pack import load
from firstseen.matching.engine import Engine, Found


def main() -> None:
    gc.disable()
    pack, event = map(Path, sys.argv[1:])
    engine = Engine(load(pack.read_bytes()))
    documents = [(1, event.read_bytes())]
    scan = engine.scan(documents, received_us=2_000_000_000_000_000)
    sys.stdout.write(f"{sum(len(one.bases) for one in scan if isinstance(one, Found))}\n")


if __name__ == "__main__":
    main()
