"""From the company's entries to files: what a log sink writes into a bucket, an object for each log and hour."""

from __future__ import annotations

import shutil
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson

from demo.cloudtrail import stamp
from demo.dice import dice
from demo.gcp.break_ins import STORIES
from demo.gcp.routines import plan_day
from demo.telling import DAYS, Stage, acted
from demo.traffic import HOUR

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from demo.cloudtrail import Json

COPY_SHARE, LATE_SHARE = 0.02, 0.03
"""How many entries come twice, and how many so late that they get an object of their own beside their hour's."""


class Sunk(NamedTuple):
    """What was written."""

    events: int
    copies: int
    late: int
    files: int


def happenings(seed: int, days: int) -> Iterator[tuple[str, Json]]:
    """Yield all entries of the company's part at Google Cloud, day by day, each with its story, or ""."""
    ordinary, scripted = dice(seed, "gcp/ordinary"), dice(seed, "gcp/scripted")
    yield from acted(Stage(days=days), STORIES, ordinary, scripted, plan_day)


def write_sink(out: Path, *, seed: int, days: int = DAYS) -> Sunk:
    """Write what the sink's bucket holds. Of an earlier demo nothing is left."""
    post = dice(seed, "gcp/delivery")
    boxes: defaultdict[tuple[str, int, str], list[bytes]] = defaultdict(list)
    events = copies = late = 0
    for _, entry in happenings(seed, days):
        events += 1
        body = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        log, hour = log_of(entry), second(entry) // HOUR
        shard = "S0"
        if post.random() < LATE_SHARE:
            late += 1
            shard = f"A0:{second(entry) + post.randint(HOUR, 2 * HOUR)}"
        boxes[log, hour, shard].append(body)
        if post.random() < COPY_SHARE:
            copies += 1
            boxes[log, hour, f"A1:{second(entry) + post.randint(HOUR, 2 * HOUR)}"].append(body)
    root = out / "gcp"
    shutil.rmtree(root, ignore_errors=True)
    _write_objects(root, post, boxes)
    return Sunk(events, copies, late, len(boxes))


def log_of(entry: Json) -> str:
    """Return the last part of the log's name, which is a folder in the bucket: ``activity``."""
    return str(entry["logName"]).rpartition("%2F")[2]


def second(entry: Json) -> int:
    """Return when an entry happened, in whole seconds since 1970."""
    return int(datetime.fromisoformat(str(entry["timestamp"])[:19] + "+00:00").timestamp())


def _write_objects(root: Path, post: random.Random, boxes: dict[tuple[str, int, str], list[bytes]]) -> None:
    """Write the objects, each under the name that a sink would give it; within one the order is lost."""
    for (log, hour, shard), bodies in sorted(boxes.items()):
        begin, end = stamp(hour * HOUR), stamp(hour * HOUR + HOUR - 1)
        folder = root / "cloudaudit.googleapis.com" / log / begin[:10].replace("-", "/")
        folder.mkdir(parents=True, exist_ok=True)
        post.shuffle(bodies)
        folder.joinpath(f"{begin[11:19]}_{end[11:19]}_{shard}.json").write_bytes(b"".join(bodies))
