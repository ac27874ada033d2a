"""A process that parses a file line by line and does nothing else: ``reading.py orjson|json FILE``."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import orjson


def main() -> None:
    name, path = sys.argv[1:]
    loads = orjson.loads if name == "orjson" else json.loads
    gc.freeze()
    with Path(path).open("rb") as file:
        for line in file:
            loads(line)


if __name__ == "__main__":
    main()
