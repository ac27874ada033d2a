"""From the company's entries to files: what lies in the event hubs, and pages of the Activity Log's own interface."""

from __future__ import annotations

import shutil
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson

from demo.azure.activity import rest
from demo.azure.break_ins import STORIES
from demo.azure.estate import PROD
from demo.azure.routines import plan_day
from demo.cloudtrail import stamp
from demo.dice import dice
from demo.telling import DAYS, Stage, acted

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from demo.cloudtrail import Json

ROUND = 300
"""Each log is sent on about every five minutes: what came together is one message."""

COPY_SHARE, SLOW_SHARE = 0.02, 0.05
USUAL_DELAY, LONGEST_DELAY = 240, 1500

READ_DAYS = ("2026-10-05", "2026-10-06", "2026-10-12")
"""Days that somebody also read by the Activity Log's interface, before the hub was there and after."""

_ACTIVITY = "insights-activity-logs"
_ENTRA = ("AuditLogs", "SignInLogs", "NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs",
          "ManagedIdentitySignInLogs")  # fmt: skip


class Sent(NamedTuple):
    """What was written."""

    events: int
    copies: int
    pages: int
    files: int


def happenings(seed: int, days: int) -> Iterator[tuple[str, Json]]:
    """Yield all entries of the company's half at Azure, day by day, each with the story that it belongs to, or ""."""
    ordinary, scripted = dice(seed, "azure/ordinary"), dice(seed, "azure/scripted")
    yield from acted(Stage(days=days), STORIES, ordinary, scripted, plan_day)


def write_hubs(out: Path, *, seed: int, days: int = DAYS) -> Sent:
    """Write what the event hubs hold, a message a line, and the pages. Of an earlier demo nothing is left."""
    post = dice(seed, "azure/delivery")
    boxes: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
    pages: defaultdict[str, list[Json]] = defaultdict(list)
    events = copies = 0
    for _, entry in happenings(seed, days):
        events += 1
        body, hub = orjson.dumps(entry), hub_of(entry)
        turn = (_second(entry) + _delay(post)) // ROUND + 1
        boxes[hub, turn].append(body)
        if post.random() < COPY_SHARE:
            copies += 1
            boxes[hub, turn + post.randint(1, 4)].append(body)
        day = str(entry["time"])[:10]
        if day in READ_DAYS and entry["category"] == "Administrative" and PROD.id.upper() in str(entry["resourceId"]):
            pages[day].append(rest(entry))
    root = out / "azure"
    shutil.rmtree(root, ignore_errors=True)
    files = _write_messages(root, post, boxes)
    _write_pages(root, pages)
    return Sent(events, copies, sum(map(len, pages.values())), files + len(pages))


def hub_of(entry: Json) -> str:
    """Name the hub that an entry goes to, as Azure names it by itself."""
    category = str(entry["category"])
    return f"insights-logs-{category.lower()}" if category in _ENTRA else _ACTIVITY


def _second(entry: Json) -> int:
    return int(datetime.fromisoformat(str(entry["time"])[:19] + "+00:00").timestamp())


def _delay(post: random.Random) -> int:
    if post.random() < SLOW_SHARE:
        return post.randint(USUAL_DELAY, LONGEST_DELAY)
    return post.randint(20, USUAL_DELAY)


def _write_messages(root: Path, post: random.Random, boxes: dict[tuple[str, int], list[bytes]]) -> int:
    """Write a file for each hub and day of arrival; within a message the order is lost."""
    files: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
    for (hub, turn), bodies in sorted(boxes.items()):
        post.shuffle(bodies)
        files[hub, stamp(turn * ROUND)[:10]].append(b'{"records":[' + b",".join(bodies) + b"]}\n")
    for (hub, day), messages in files.items():
        folder = root / hub / day[:4] / day[5:7]
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath(f"{day[8:]}.jsonl").write_bytes(b"".join(messages))
    return len(files)


def _write_pages(root: Path, pages: dict[str, list[Json]]) -> None:
    """Write what the interface answers for a day, newest first, as it does."""
    folder = root / "activity-log-api"
    folder.mkdir(parents=True, exist_ok=True)
    for day, entries in pages.items():
        entries.sort(key=lambda entry: str(entry["eventTimestamp"]), reverse=True)
        folder.joinpath(f"{day}.json").write_bytes(orjson.dumps({"value": entries}))
