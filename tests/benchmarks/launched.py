"""Runs the command in its arguments and prints, as its last line, what that used (see ``measuring.Usage``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> int:
    keep, *command = sys.argv[1:]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=None if keep == "keep" else subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    scale = 1 if sys.platform == "darwin" else 1024
    figures = {
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "wall_seconds": wall,
        "peak_bytes": used.ru_maxrss * scale,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
