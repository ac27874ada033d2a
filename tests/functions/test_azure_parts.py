"""Parts of the Function app that need no server: settings, limits, messages, calls that are repeated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import get_args

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest

from firstseen.adapters.azure import kept, queues
from firstseen.adapters.azure.asking import Account, Asker
from firstseen.adapters.azure.calling import Backoff
from firstseen.adapters.azure.kept import Aside
from firstseen.adapters.azure.queues import Queue
from firstseen.adapters.azure.table_store import WORKERS
from firstseen.errors import InputError, SettingsError, StoreUnavailable
from firstseen.settings.azure import AzureSettings
from firstseen.sources.event import Reject
from functions.azure import wiring
from functions.azure.aside import MAX_TRIES, delay_seconds
from functions.azure.limits import limit_us
from functions.azure.logs import Kind
from functions.azure.pipelines import MOST
from functions.azure.wiring import CONNECTIONS, wide_transport
from tests.emulators import ROOT
from tests.functions.fake_arm import Answer, FakeArm, serving

ONE, TWO = "6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20", "11111111-2222-4333-8444-555555555555"


def test_the_delay_doubles_up_to_an_hour_and_all_tries_last_a_day() -> None:
    delays = [delay_seconds(tries, 30) for tries in range(1, MAX_TRIES + 1)]
    assert delays[:8] == [30, 60, 120, 240, 480, 960, 1_920, 3_600]
    assert max(delays) == 3_600
    assert sum(delays) > 86_000


@pytest.mark.parametrize(
    ("status", "tries", "words"),
    [
        (403, 1, "give the app's identity the role R there"),
        (401, 1, "give the app's identity the role R there"),
        (404, 1, "it does not exist: deploy it first"),
        (400, 1, "the call is refused"),
        (503, 4, "does not answer: try again later"),
        (429, 4, "does not answer: try again later"),
    ],
)
def test_a_call_is_repeated_only_while_its_fault_passes(status: int, tries: int, words: str) -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(status)
        fault = HttpResponseError("said")
        fault.status_code = status
        raise fault

    asker = Asker("queue q", "R", Backoff(attempts=4, sleep=lambda _: None), clock=lambda: 0)
    with pytest.raises(StoreUnavailable, match=words):
        asker.ask(call)
    assert len(calls) == tries


def test_who_may_not_use_a_queue_is_told_the_least_role_that_lets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        fault = HttpResponseError("said")
        fault.status_code = 403
        raise fault

    client = SimpleNamespace(send_message=denied, get_queue_properties=denied)
    monkeypatch.setattr(queues, "queue_client", lambda *_: client)
    queue = Queue(Account("https://a.queue.core.windows.net"), "rejects")
    with pytest.raises(StoreUnavailable, match="the role Storage Queue Data Message Sender there"):
        queue.send("text")
    with pytest.raises(StoreUnavailable, match="the role Storage Queue Data Reader there"):
        queue.length()


def test_no_attempt_is_begun_after_the_deadline() -> None:
    asker = Asker("queue q", "R", clock=lambda: 5)
    with pytest.raises(StoreUnavailable, match="no time left"):
        asker.ask(lambda: pytest.fail("called"), deadline_us=5)
    assert asker.ask(lambda: 1, deadline_us=6) == 1


def test_the_documentation_names_every_kind_of_line_that_the_app_logs() -> None:
    text = (ROOT / "docs" / "azure.md").read_text(encoding="utf-8")
    section = text.split("## Lines of the log\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1].strip().strip("`") for line in section.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(get_args(Kind))


def test_settings_name_every_fault_and_never_a_key() -> None:
    with pytest.raises(SettingsError) as caught:
        AzureSettings.read(
            {"FIRSTSEEN_TABLE": "1", "FIRSTSEEN_TOPIC_ENDPOINT": "ftp://x", "FIRSTSEEN_TOPIC_KEY": "secret"}
        )
    for name in ("TABLE", "STORAGE__tableServiceUri", "STORAGE__queueServiceUri", "STORAGE__blobServiceUri", "TOPIC"):
        assert f"FIRSTSEEN_{name}" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}", '{"functionTimeout": "5"}', '{"functionTimeout": "00:00:00"}', "[]"])
def test_a_host_json_without_a_time_limit_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="functionTimeout"):
        limit_us(path)


def test_the_time_limit_is_the_one_that_the_host_is_told() -> None:
    assert limit_us(wiring.HOST) == 300_000_000


def test_a_client_that_every_call_shares_keeps_a_connection_for_each_of_them(caplog: pytest.LogCaptureFixture) -> None:
    """The SDK's own keeps ten, and makes the others anew each time."""
    together = Barrier(CONNECTIONS)

    class Held(FakeArm):
        def answer(self, target: str, host: str) -> Answer:
            del target, host
            together.wait(20)
            return 200, {}, b"{}"

    with serving(Held([], 0)) as url, wide_transport(CONNECTIONS) as transport, ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = pool.map(lambda _: transport.send(HttpRequest("GET", url)).status_code, range(CONNECTIONS))
        assert list(answers) == [200] * CONNECTIONS
    assert WORKERS + MOST <= CONNECTIONS
    assert "pool is full" not in caplog.text


@pytest.mark.parametrize(
    ("days", "named", "found"),
    [
        ("0", "none", ()),
        ("30", ONE, (ONE,)),
        ("30", f"{ONE.upper()} , {TWO},{ONE}", (ONE, TWO)),
        ("30", "none", None),
        ("30", "", None),
        ("30", "production", None),
        ("0", f"{ONE},", None),
    ],
)
def test_baselines_are_built_of_subscriptions_that_are_named(
    days: str, named: str, found: tuple[str, ...] | None
) -> None:
    """Of no subscription a baseline would be built at once, know nothing, and count as whole."""
    environment = {
        "FIRSTSEEN_STORAGE": "UseDevelopmentStorage=true",
        "FIRSTSEEN_TOPIC_ENDPOINT": "https://t.westeurope-1.eventgrid.azure.net/api/events",
        "FIRSTSEEN_BASELINE_DAYS": days,
        "FIRSTSEEN_BASELINE_SUBSCRIPTIONS": named,
    }
    if found is None:
        with pytest.raises(SettingsError, match=r"SUBSCRIPTIONS is .*1 to 100 ids divided by commas"):
            AzureSettings.read(environment)
        return
    assert AzureSettings.read(environment).baseline_subscriptions == found


@pytest.mark.parametrize("body", [b"text", b"\xff\x00", b"", "\u00fc\u2028\U0001f600<&>".encode()])
def test_a_delivery_that_is_put_aside_is_what_it_was(body: bytes) -> None:
    item = Aside("3@7", 1_772_409_600_000_000, "eventhub:logs/3@7", 2, "why", body)
    text = kept.write(item)
    assert text is not None
    assert text.isascii()
    assert kept.read(text.encode()) == item
    assert kept.write(replace(item, body=b"\xff" * 40_000)) is None


def test_a_message_longer_than_a_queue_takes_is_never_written() -> None:
    reject = Reject("r" * 5_000, b"\x01" * 60_000)
    assert kept.write_reject(reject, message_id="m", pointer="p" * 5_000, received_us=1) is None
    short = kept.write_reject(reject, message_id="m", pointer="p" * 5_000, received_us=1, blob="rejects/x")
    assert short is not None
    assert len(short) < kept.MAX_MESSAGE_CHARACTERS
    with pytest.raises(InputError):
        kept.read(short.encode())
