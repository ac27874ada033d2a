"""From the company's events to files: what a trail writes into a bucket, an array of events every few minutes."""

from __future__ import annotations

import shutil
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson

from demo.cloudtrail import stamp
from demo.dice import dice
from demo.telling import DAYS, Stage, acted
from demo.yandex.break_ins import STORIES
from demo.yandex.estate import ident
from demo.yandex.routines import plan_day

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from demo.cloudtrail import Json

ROUND = 900
COPY_SHARE, SLOW_SHARE = 0.02, 0.05
USUAL_DELAY, LONGEST_DELAY = 300, 2400
TRAIL = ident("cnp", "trail")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Kept(NamedTuple):
    """What was written."""

    events: int
    copies: int
    files: int


def happenings(seed: int, days: int) -> Iterator[tuple[str, Json]]:
    """Yield all events of the company's part at Yandex Cloud, day by day, each with its story, or ""."""
    ordinary, scripted = dice(seed, "yandex/ordinary"), dice(seed, "yandex/scripted")
    yield from acted(Stage(days=days), STORIES, ordinary, scripted, plan_day)


def write_bucket(out: Path, *, seed: int, days: int = DAYS) -> Kept:
    """Write what the trail's bucket holds. Of an earlier demo nothing is left."""
    post = dice(seed, "yandex/delivery")
    boxes: defaultdict[int, list[bytes]] = defaultdict(list)
    events = copies = 0
    for _, event in happenings(seed, days):
        events += 1
        body = orjson.dumps(event)
        turn = (second(event) + _delay(post)) // ROUND + 1
        boxes[turn].append(body)
        if post.random() < COPY_SHARE:
            copies += 1
            boxes[turn + post.randint(1, 3)].append(body)
    root = out / "yandex"
    shutil.rmtree(root, ignore_errors=True)
    _write_objects(root, post, boxes)
    return Kept(events, copies, len(boxes))


def second(event: Json) -> int:
    """Return when an event happened, in whole seconds since 1970."""
    return int(datetime.fromisoformat(str(event["event_time"])[:19] + "+00:00").timestamp())


def _delay(post: random.Random) -> int:
    if post.random() < SLOW_SHARE:
        return post.randint(USUAL_DELAY, LONGEST_DELAY)
    return post.randint(20, USUAL_DELAY)


def _write_objects(root: Path, post: random.Random, boxes: dict[int, list[bytes]]) -> None:
    """Write the objects of the trail by day; within one the order is lost."""
    for turn, bodies in sorted(boxes.items()):
        time = stamp(turn * ROUND)
        folder = root / TRAIL / time[:10].replace("-", "/")
        folder.mkdir(parents=True, exist_ok=True)
        post.shuffle(bodies)
        name = f"{TRAIL}-{time.replace(':', '')}-{''.join(post.choices(_LETTERS, k=6))}.json"
        folder.joinpath(name).write_bytes(b"[" + b",".join(bodies) + b"]")
