"""How long the Lambda package takes from the start of its process to its first answer, beside a bare handler.

Both run under awslambdaric, with the package's own boto3, on Python 3.13. The bare one imports boto3 and makes the same
two clients. Runs take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest

from tests.emulators import moto_server
from tests.functions.aws_cloud import queue_event
from tests.functions.aws_package import HANDLERS, build, container, runtime_client, runtime_interpreter, unpack

RUNS = 9
MAX_RATIO = 3.0
PYTHON = "3.13"

BARE = """
import boto3
session = boto3.Session()
clients = session.client("dynamodb"), session.client("sns")


def handler(event, context):
    return {"batchItemFailures": []}
"""


def first_answer_seconds(python: str, task: Path, runtime: Path, handler: str, more: dict[str, str]) -> float:
    with container(python, task, runtime, handler, more) as (api, started):
        call = api.call(queue_event([]))
        assert call.error is None, call.error
        return call.answered_at - started


def test_the_first_answer_takes_at_most_three_times_a_bare_handlers(tmp_path: Path) -> None:
    python = runtime_interpreter(PYTHON)
    if python is None:
        pytest.skip(f"no Python {PYTHON} on the PATH or in pyenv")
    package, _ = build(tmp_path / "build", python=PYTHON)
    task, runtime = unpack(package, tmp_path / "task"), runtime_client(tmp_path / "runtime", PYTHON)
    (task / "bare.py").write_text(BARE, encoding="utf-8")
    with moto_server() as url:
        import boto3  # noqa: PLC0415 - after the server has started

        from firstseen.adapters.aws.schema import create_table  # noqa: PLC0415

        session = boto3.Session("testing", "testing", region_name="eu-central-1")
        create_table(session.client("dynamodb", endpoint_url=url), "state")
        more = {
            "AWS_ENDPOINT_URL": url,
            "FIRSTSEEN_TABLE": "state",
            "FIRSTSEEN_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:findings",
            "FIRSTSEEN_REJECTS_URL": f"{url}/123456789012/rejects",
        }
        ours, bare = [], []
        for _ in range(RUNS):
            bare.append(first_answer_seconds(python, task, runtime, "bare.handler", more))
            ours.append(first_answer_seconds(python, task, runtime, HANDLERS[0], more))
    theirs_ms, ours_ms = statistics.median(bare) * 1_000, statistics.median(ours) * 1_000
    sys.stdout.write(f"\nbare {theirs_ms:.0f} ms, firstseen {ours_ms:.0f} ms: {ours_ms / theirs_ms:.2f} times\n")
    assert ours_ms / theirs_ms < MAX_RATIO
