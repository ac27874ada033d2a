"""From events to files: a trail's objects as S3 gets them, the fast path beside it, or plain lines."""

from __future__ import annotations

import gzip
import shutil
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING

import orjson

from demo.cloudtrail import stamp, uuid
from demo.company import ACCOUNTS
from demo.dice import dice
from demo.stories import STORIES
from demo.telling import DAYS, Stage, acted
from demo.traffic import events_a_day, plan_day

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from demo.cloudtrail import Json

ROUND = 900
"""A quiet trail writes an object for each account and region about every fifteen minutes."""

SLOW_SHARE, COPY_SHARE = 0.03, 0.02
USUAL_DELAY, LONGEST_DELAY = 300, 3600

FAST_PATH = frozenset({"GetPasswordData", "ConsoleLogin", "SwitchRole", "AuthorizeSecurityGroupIngress"})
"""The calls that a rule of the event bus forwards as they happen."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_CONSOLE = "AWS Console Sign In via CloudTrail"
_API = "AWS API Call via CloudTrail"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was written."""

    events: int
    copies: int = 0
    fast: int = 0
    files: int = 1


def happenings(seed: int, days: int, scale: float = 1.0) -> Iterator[Json]:
    """Yield all events of the company at AWS, day by day."""
    for _, event in told(seed, days, scale):
        yield event


def told(seed: int, days: int, scale: float = 1.0) -> Iterator[tuple[str, Json]]:
    """Yield them with the story that each belongs to, or ""."""
    ordinary, scripted = dice(seed, "ordinary"), dice(seed, "scripted")
    yield from acted(Stage(days=days), STORIES, ordinary, scripted, partial(plan_day, scale=scale))


def write_lines(out: Path, *, events: int, seed: int, days: int = DAYS) -> Delivered:
    """Write exactly so many events as JSON lines, one at a time: a busier company, not a longer time.

    The two days after the last are there for a draw that comes out small.
    """
    out.mkdir(parents=True, exist_ok=True)
    scale = events / (days * events_a_day())
    left = events
    with (out / "cloudtrail.jsonl").open("wb", buffering=1 << 20) as file:
        while left > 0:
            for event in happenings(seed, days + 2, scale):
                file.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
                left -= 1
                if left == 0:
                    break
            seed += 1
    return Delivered(events)


def write_trail(out: Path, *, seed: int, days: int = DAYS) -> Delivered:
    """Write what a trail's bucket and an event bus would hold.

    Within the delay of its delivery every event may come before or after its neighbours, and some
    come twice, in two objects. Of an earlier demo in the same folder nothing is left.
    """
    post = dice(seed, "delivery")
    boxes: defaultdict[tuple[str, str, int], list[bytes]] = defaultdict(list)
    fast: list[tuple[int, bytes]] = []
    events = copies = 0
    for event in happenings(seed, days):
        events += 1
        body = orjson.dumps(event)
        account, region = str(event["recipientAccountId"]), str(event["awsRegion"])
        happened = int(datetime.fromisoformat(str(event["eventTime"])).timestamp())
        turn = (happened + _delay(post)) // ROUND + 1
        boxes[account, region, turn].append(body)
        if post.random() < COPY_SHARE:
            copies += 1
            boxes[account, region, turn + post.randint(1, 3)].append(body)
        if event["eventName"] in FAST_PATH:
            fast.append((happened + post.randint(2, 90), _bus_event(post, event)))
    _clear(out)
    _write_objects(out, post, boxes)
    bus = out / "aws" / "eventbridge"
    bus.mkdir(parents=True, exist_ok=True)
    bus.joinpath("events.jsonl").write_bytes(b"".join(body for _, body in sorted(fast, key=itemgetter(0))))
    return Delivered(events, copies, len(fast), len(boxes) + 1)


def _delay(post: random.Random) -> int:
    """Draw how long one event waits for its object: mostly minutes, sometimes nearly an hour."""
    if post.random() < SLOW_SHARE:
        return post.randint(USUAL_DELAY, LONGEST_DELAY - ROUND)
    return post.randint(0, USUAL_DELAY)


def _bus_event(post: random.Random, event: Json) -> bytes:
    """Wrap an event as the event bus does."""
    kind = _CONSOLE if event["eventType"] == "AwsConsoleSignIn" else _API
    wrapped: Json = {
        "version": "0",
        "id": uuid(post),
        "detail-type": kind,
        "source": "aws." + str(event["eventSource"]).partition(".")[0],
        "account": event["recipientAccountId"],
        "time": event["eventTime"],
        "region": event["awsRegion"],
        "resources": [],
        "detail": event,
    }
    return orjson.dumps(wrapped, option=orjson.OPT_APPEND_NEWLINE)


def _write_objects(out: Path, post: random.Random, boxes: dict[tuple[str, str, int], list[bytes]]) -> None:
    """Write the objects of the trail, each under the name that CloudTrail would give it."""
    made: set[Path] = set()
    for (account, region, turn), bodies in sorted(boxes.items()):
        time = stamp(turn * ROUND)
        folder = out / "aws" / "AWSLogs" / account / "CloudTrail" / region / time[:10].replace("-", "/")
        if folder not in made:
            folder.mkdir(parents=True, exist_ok=True)
            made.add(folder)
        post.shuffle(bodies)
        minute = time[:16].replace("-", "").replace(":", "")
        mark = "".join(post.choices(_LETTERS, k=16))
        name = f"{account}_CloudTrail_{region}_{minute}Z_{mark}.json.gz"
        records = b'{"Records":[' + b",".join(bodies) + b"]}"
        folder.joinpath(name).write_bytes(gzip.compress(records, compresslevel=6, mtime=0))


def _clear(out: Path) -> None:
    """Remove an earlier demo: only the folders of its invented accounts, which no real trail has."""
    for account in ACCOUNTS:
        shutil.rmtree(out / "aws" / "AWSLogs" / account.id, ignore_errors=True)
