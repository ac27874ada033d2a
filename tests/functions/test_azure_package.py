"""The built app: the same each time, small, and at work in Microsoft's own worker library."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from azure.storage.queue import QueueMessage

from firstseen.adapters.azure.clients import local_table_client
from firstseen.adapters.azure.kept import NEW_BLOBS, PUT_ASIDE
from firstseen.adapters.azure.schema import create_table
from firstseen.pipeline import LEASE_US
from firstseen.settings.azure import AzureSettings
from functions.azure import wiring
from functions.azure.again import again
from infra.azure.build import Target
from tests.contracts.event_grid_topic import Answer
from tests.emulators import azurite_installed, environment
from tests.faults.world import RULES, START_US, event
from tests.functions.aws_package import once, runtime_interpreter
from tests.functions.azure_cloud import Cloud, Message, Servers, servers
from tests.functions.azure_package import PYTHON, build, unpack
from tests.functions.azure_runtime import HubEvent, Worker, runtime_python, worker
from tests.functions.fake_arm import SUBSCRIPTION
from tests.unit.address_database import write_database

MAX_BYTES = 17_000_000
LIBRARIES = ".python_packages/lib/site-packages"
NEVER = (
    "sigma",
    "yaml",
    "rich",
    "lark",
    "aiohttp",
    "boto3",
    "azure.eventgrid",
    "firstseen.cli",
    "firstseen.language.frontends",
)

SETTINGS = {
    "FIRSTSEEN_STORAGE": "UseDevelopmentStorage=true",
    "FIRSTSEEN_TOPIC_ENDPOINT": "https://t.westeurope-1.eventgrid.azure.net/api/events",
}

interpreter = runtime_interpreter(PYTHON)
needs_interpreter = pytest.mark.skipif(
    interpreter is None, reason=f"no Python {PYTHON} on the PATH or in pyenv: the Function app was not built"
)
runtime = runtime_python()
needs_runtime = pytest.mark.skipif(
    interpreter is None or runtime is None or not azurite_installed(),
    reason="Microsoft's worker library or Azurite is not installed (make .venv-azure-runtime/.installed "
    "node_modules/.installed): the app ran through the converters of azure-functions only",
)


def databases(folder: Path) -> tuple[str, ...]:
    """Arguments that put two databases of addresses into the package."""
    return tuple(part for name in ("country", "asn") for part in ("--address-database", str(folder / f"{name}.mmdb")))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the zip, ``hash``, what it was built of, and the package unpacked in ``app``."""

    def make(folder: Path) -> None:
        rules = folder / "rules.yml"
        rules.write_text(RULES, encoding="utf-8")
        for name in ("country.mmdb", "asn.mmdb"):
            write_database(folder / name, {"198.51.100.0/24": {"country": {"iso_code": "SE"}}})
        package, digest = build(folder / "build", rules=rules, more=databases(folder))
        (folder / "hash").write_text(digest, encoding="utf-8")
        unpack(package.rename(folder / "package.zip"), folder / "app")

    return once(tmp_path_factory, "azure-package", make)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("package")) as made:
        yield made


@needs_interpreter
def test_two_builds_in_different_folders_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    package, digest = build(tmp_path / "elsewhere", rules=built / "rules.yml", more=databases(built))
    with zipfile.ZipFile(package) as one, zipfile.ZipFile(built / "package.zip") as other:
        assert [(entry.filename, entry.CRC) for entry in one.infolist()] == [
            (entry.filename, entry.CRC) for entry in other.infolist()
        ]
    assert digest == (built / "hash").read_text(encoding="utf-8")
    assert package.read_bytes() == (built / "package.zip").read_bytes()


@needs_interpreter
def test_the_package_is_small_and_holds_compiled_code_and_nothing_that_only_the_command_line_needs(built: Path) -> None:
    assert (built / "package.zip").stat().st_size < MAX_BYTES
    names = zipfile.ZipFile(built / "package.zip").namelist()
    assert {"host.json", "function_app.py", "rules.pack", "functions/azure/wiring.py"} <= set(names)
    assert not [name for name in names if name.startswith(("firstseen/cli", "firstseen/adapters/aws", "functions/aws"))]
    libraries = {name.removeprefix(f"{LIBRARIES}/").split("/")[0] for name in names if name.startswith(LIBRARIES)}
    assert {"azure", "orjson", "msgspec", "re2"} <= libraries
    assert not libraries & {"sigma", "yaml", "rich", "lark", "boto3", "tests", "aiohttp"}
    local = [name for name in names if name.startswith("firstseen/adapters/local/") and name.endswith(".py")]
    assert sorted(local) == ["firstseen/adapters/local/__init__.py", "firstseen/adapters/local/addresses.py"]
    sources = {name for name in names if name.endswith(".py") and not name.startswith(LIBRARIES)}
    compiled = {name.replace("__pycache__/", "").replace(".cpython-313.pyc", ".py") for name in names}
    assert sources <= compiled, "the package is read-only where it runs: what is not compiled is compiled at each start"
    shared = [name for name in names if ".cpython-" in name and name.endswith(".so")]
    assert shared
    assert all("cpython-313-x86_64-linux-gnu" in name for name in shared)


@needs_interpreter
def test_the_host_is_told_what_the_code_believes(built: Path) -> None:
    """The time limit and how messages are encoded stand in host.json; the code's own copy is the same file."""
    with zipfile.ZipFile(built / "package.zip") as archive:
        assert archive.read("host.json") == archive.read("functions/azure/host.json")
        host = json.loads(archive.read("host.json"))
    assert host["version"] == "2.0"
    assert host["functionTimeout"] == "00:05:00"
    assert host["extensions"]["queues"]["messageEncoding"] == "none"
    assert host["extensions"]["eventHubs"]["initialOffsetOptions"] == {"type": "fromStart"}
    assert "Trace" in host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")


@needs_interpreter
def test_indexing_imports_nothing_of_ours_and_a_batch_imports_no_rule_parser_no_queue_and_no_sweep(built: Path) -> None:
    """And what is imported is in the package alone: the interpreter's own libraries are left out."""
    code = (
        f"import sys; sys.path[:0] = ['.', '{LIBRARIES}']; import function_app; one = set(sys.modules); "
        "import functions.azure.ingest; two = set(sys.modules); import functions.azure.again, functions.azure.sweep; "
        "import functions.azure.baseline, functions.azure.collect; "
        "import firstseen.adapters.azure.queues, firstseen.adapters.azure.blobs, firstseen.adapters.azure.packs; "
        "import azure.identity, json; print(json.dumps([sorted(one), sorted(two), sorted(sys.modules)]))"
    )
    command = [str(interpreter), "-S", "-E", "-c", code]
    done = subprocess.run(command, cwd=built / "app", env=environment(), capture_output=True, text=True, check=True)
    indexed, batch, everything = json.loads(done.stdout)
    assert not [name for name in indexed if name.startswith(("firstseen", "azure.data", "azure.identity"))]
    assert "firstseen.pipeline" in batch
    lazy = ("azure.storage", "azure.identity", "maxminddb", "functions.azure.sweep", "functions.azure.baseline")
    assert not [name for name in batch if name.startswith(lazy)]
    assert not [name for name in everything if name.startswith(NEVER)]


def test_a_build_without_its_python_says_what_is_missing_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        build(tmp_path, python="3.99")
    assert str(caught.value).strip().count("\n") == 0
    assert str(caught.value).startswith("build-azure: Python 3.99 is missing")
    assert sys.executable not in str(caught.value)


def test_a_database_of_addresses_that_is_none_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "country.mmdb").write_bytes(b"<html>not found</html>")
    with pytest.raises(RuntimeError, match=r"country\.mmdb is no database of addresses"):
        build(tmp_path, more=("--address-database", str(tmp_path / "country.mmdb")))
    with pytest.raises(RuntimeError, match=r"no database of addresses at .*absent"):
        build(tmp_path, more=("--address-database", str(tmp_path / "absent.mmdb")))
    assert not (tmp_path / "app").exists()


@needs_interpreter
def test_databases_of_addresses_lie_in_the_package_where_the_parameter_that_is_printed_names_them(built: Path) -> None:
    with zipfile.ZipFile(built / "package.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith("addresses/")]
        assert archive.read("addresses/asn.mmdb") == (built / "asn.mmdb").read_bytes()
    setting = Target(databases=(built / "country.mmdb", built / "asn.mmdb")).setting
    assert setting == "addresses/country.mmdb:addresses/asn.mmdb"
    named = AzureSettings.read({**SETTINGS, "FIRSTSEEN_ADDRESS_DATABASES": setting})
    assert sorted(named.addresses) == names


# ---- in Microsoft's own worker library -------------------------------------------------------------------


@pytest.fixture
def cloud(around: Servers) -> Cloud:
    return around.deploy()


@pytest.fixture
def running(built: Path, cloud: Cloud) -> Iterator[Worker]:
    settings = {**cloud.environment, "FIRSTSEEN_PACK": "rules.pack"}
    with worker(Path(str(runtime)), built / "app", settings) as made:
        yield made


def hub(*bodies: bytes) -> list[HubEvent]:
    return [HubEvent(body, 100 + place, START_US) for place, body in enumerate(bodies)]


def put_aside(cloud: Cloud) -> list[QueueMessage]:
    """Take everything that was put aside, as the host does."""
    return list(cloud.queue(PUT_ASIDE).receive_messages())


@needs_runtime
def test_every_function_is_indexed_with_the_stated_retry_policy(running: Worker) -> None:
    triggers = {name: one["bindings"][0]["type"] for name, one in running.functions.items()}
    timers = dict.fromkeys(("sweep", "baseline", "canary"), "timerTrigger")
    queues = dict.fromkeys(("again", "collect"), "queueTrigger")
    assert triggers == {"ingest": "eventHubTrigger", **queues, **timers}
    assert all(one["loaded"] for one in running.functions.values())
    hub_binding = running.functions["ingest"]["bindings"][0]
    assert (hub_binding["cardinality"], hub_binding["dataType"]) == ("MANY", "BINARY")
    assert running.functions["again"]["bindings"][0]["queueName"] == PUT_ASIDE
    assert running.functions["collect"]["bindings"][0]["queueName"] == NEW_BLOBS
    fixed_delay, without_end = 1, -1
    assert running.functions["ingest"]["retry"] == {"strategy": fixed_delay, "count": without_end, "delay_seconds": 30}


@needs_runtime
def test_a_batch_brings_a_finding_and_a_poison_event_is_kept_with_its_reason(running: Worker, cloud: Cloud) -> None:
    call = running.events(hub(event(1, 0), b'{"records": "none"}', b"\xff\xfe"))
    assert call.done, call.fault
    assert cloud.topic.received() == cloud.uids()
    assert [one["uid"] for one in call.said("finding")] == cloud.uids()
    assert len(cloud.uids()) == 1
    assert {row.finding.received_us for row in cloud.rows()} == {START_US}
    assert {row.finding.pointer for row in cloud.rows()} == {"eventhub:logs/0@100"}
    assert [one["pointer"] for one in cloud.rejects()] == ["eventhub:logs/0@101", "eventhub:logs/0@102"]
    assert all(one["reason"] for one in cloud.rejects())
    assert running.events(hub(event(1, 0))).done
    assert cloud.topic.received() == [], "the same event again brings nothing"


@needs_runtime
def test_a_store_outage_puts_deliveries_aside_and_they_are_processed_later(built: Path, cloud: Cloud) -> None:
    """The first process has no table to go to; the second has."""
    settings = {**cloud.environment, "FIRSTSEEN_PACK": "rules.pack"}
    with worker(Path(str(runtime)), built / "app", {**settings, "FIRSTSEEN_TABLE": "absent"}) as away:
        call = away.events(hub(event(1, 0), event(2, 1, call="Remove")))
        assert call.done, call.fault
        assert [one["tries"] for one in call.said("put aside")] == [1, 1]
    messages = put_aside(cloud)
    assert len(messages) == 2
    with worker(Path(str(runtime)), built / "app", settings) as back:
        for one in messages:
            call = back.message(one.content, START_US)
            assert call.done, call.fault
    assert sorted(cloud.topic.received()) == cloud.uids()
    assert len(cloud.uids()) == 2
    assert {row.finding.received_us for row in cloud.rows()} == {START_US}


@needs_runtime
def test_when_nothing_can_be_put_aside_either_the_call_fails_and_the_retried_one_succeeds(
    built: Path, cloud: Cloud
) -> None:
    """Neither table nor queue are there when the first call comes."""
    settings = {**cloud.environment, "FIRSTSEEN_PACK": "rules.pack", "FIRSTSEEN_TABLE": "later"}
    cloud.queue(PUT_ASIDE).delete_queue()
    with worker(Path(str(runtime)), built / "app", settings) as made:
        try:
            call = made.events(hub(event(1, 0)))
            assert not call.done
            assert "queue put-aside: it does not exist" in call.fault
        finally:
            cloud.queue(PUT_ASIDE).create_queue()
        create_table(local_table_client(cloud.account.connection_string, "later"))
        call = made.events(hub(event(1, 0)))
        assert call.done, call.fault
        assert call.said("put aside") == []
    cloud.environment["FIRSTSEEN_TABLE"] = "later"
    assert len(cloud.uids()) == 1
    assert cloud.topic.received() == cloud.uids()


@needs_runtime
def test_a_topic_that_does_not_answer_in_time_is_survived(built: Path, cloud: Cloud, tmp_path: Path) -> None:
    """The time limit is two seconds; the topic holds its answer until the call is over. When the lease has ended, what
    was put aside brings each finding once.
    """
    app = unpack(built / "package.zip", tmp_path / "app")
    for path in (app / "host.json", app / "functions" / "azure" / "host.json"):
        path.write_text('{"version": "2.0", "functionTimeout": "00:00:02"}', encoding="utf-8")
    over = Event()

    def hold(_: object) -> Answer | None:
        over.wait(20)
        return Answer(503)

    cloud.topic.script = hold
    with worker(Path(str(runtime)), app, {**cloud.environment, "FIRSTSEEN_PACK": "rules.pack"}) as made:
        call = made.events(hub(event(1, 0), event(2, 1, who="bob")))
        over.set()
        assert call.done, call.fault
        assert {one["message_id"] for one in call.said("put aside")} == {"0@100", "0@101"}
    assert [row.status for row in cloud.rows()] == ["pending", "pending"]
    cloud.topic.script = lambda _: None
    cloud.topic.received()
    cloud.clock.now_us = wiring.now_us() + 2 * LEASE_US
    for one in put_aside(cloud):
        assert again(cloud.build(), Message(one.id, one.content.encode())).retry == {}
    assert sorted(cloud.topic.received()) == cloud.uids()
    assert len(cloud.uids()) == 2


@needs_runtime
def test_the_timer_sweeps(running: Worker) -> None:
    call = running.timer()
    assert call.done, call.fault
    (line,) = call.said("sweep")
    assert (line["oldest_pending_seconds"], line["dead_letters"], line["rejects_waiting"]) == (0, 0, 0)


@needs_runtime
def test_the_timer_of_baselines_runs_and_asks_for_nothing_where_no_rule_reads_the_activity_log(
    built: Path, cloud: Cloud
) -> None:
    settings = {"FIRSTSEEN_PACK": "rules.pack", "FIRSTSEEN_BASELINE_DAYS": "30"}
    settings |= {"FIRSTSEEN_BASELINE_SUBSCRIPTIONS": SUBSCRIPTION}
    with worker(Path(str(runtime)), built / "app", cloud.environment | settings) as made:
        call = made.timer("baseline")
    assert call.done, call.fault
    (line,) = call.said("baseline")
    assert (line["rules_waiting"], line["left_hours"], line["matches"]) == (0, 0, 0)


@needs_runtime
def test_a_start_that_fails_fails_every_call_with_its_reason(built: Path) -> None:
    with worker(Path(str(runtime)), built / "app", {}) as made:
        for _ in range(2):
            call = made.events(hub(event(1, 0)))
            assert not call.done
            assert "FIRSTSEEN_TOPIC_ENDPOINT is not set" in call.fault
