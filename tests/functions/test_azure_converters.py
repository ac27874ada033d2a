"""The app as azure-functions indexes it, and its converters, in this process: what runs where the worker's own library
does not (tests/functions/test_azure_package.py).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.functions import meta
from azure.functions.eventhub import EventHubTriggerConverter
from azure.functions.queue import QueueMessageInConverter
from azure.functions.timer import TimerRequestConverter

from firstseen.adapters.azure.kept import AUDIT_LOGS, NEW_BLOBS
from functions.azure import wiring
from tests.emulators import ROOT, azurite_installed
from tests.faults.world import START_US, event
from tests.functions.azure_cloud import Cloud, Servers, servers

APP = ROOT / "functions" / "azure" / "function_app.py"
RETRY = {
    "setting_name": "retry_policy",
    "strategy": "fixed_delay",
    "max_retry_count": "-1",
    "delay_interval": "00:00:30",
}

BEGINNING = f"/blobServices/default/containers/{AUDIT_LOGS}/blobs/"

Functions = dict[str, Any]


@pytest.fixture(scope="module")
def functions() -> Functions:
    """The app's functions by name. They can be asked for once."""
    spec = importlib.util.spec_from_file_location("function_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {one.get_function_name(): one for one in module.app.get_functions()}


def test_the_triggers_are_as_stated(functions: Functions) -> None:
    bindings = {name: json.loads(one.get_raw_bindings()[0]) for name, one in functions.items()}
    assert {name: one["type"] for name, one in bindings.items()} == {
        "ingest": "eventHubTrigger",
        "again": "queueTrigger",
        "collect": "queueTrigger",
        "sweep": "timerTrigger",
        "baseline": "timerTrigger",
        "canary": "timerTrigger",
    }
    assert bindings["sweep"]["schedule"] != bindings["baseline"]["schedule"]
    assert bindings["ingest"]["cardinality"] == "MANY"
    assert bindings["ingest"]["eventHubName"] == "%FIRSTSEEN_EVENTS_HUB%"
    assert bindings["again"]["connection"] == bindings["collect"]["connection"] == "FIRSTSEEN_STORAGE"
    assert bindings["collect"]["queueName"] == NEW_BLOBS
    assert functions["ingest"].get_settings_dict("retry_policy") == RETRY
    assert not functions["again"].get_settings_dict("retry_policy")
    assert not functions["collect"].get_settings_dict("retry_policy")


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    if not azurite_installed():
        pytest.skip("Azurite is not installed: make node_modules/.installed")
    with servers(tmp_path_factory.mktemp("converters")) as made:
        yield made


@pytest.fixture
def cloud(around: Servers, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A deployment that the app's own functions run with."""
    made = around.deploy()
    monkeypatch.setattr(wiring, "STARTED", wiring.Start(made.build))
    return made


def _datum(value: object, kind: str = "json") -> meta.Datum:
    return meta.Datum(json.dumps(value) if kind == "json" else value, kind)


def hub_events(*bodies: bytes) -> Any:  # noqa: ANN401 - what the converter makes
    properties = [
        {"SequenceNumber": place, "Offset": str(place), "EnqueuedTimeUtc": "2026-03-02T00:00:00.1234567Z"}
        for place in range(len(bodies))
    ]
    metadata = {
        "SystemPropertiesArray": _datum(properties),
        "PartitionContext": _datum({"EventHubName": "logs", "PartitionId": "5"}),
    }
    data = meta.Datum(SimpleNamespace(bytes=list(bodies)), "collection_bytes")
    return EventHubTriggerConverter.decode(data, trigger_metadata=metadata)


def queue_message(text: str) -> Any:  # noqa: ANN401 - what the converter makes
    metadata = {"Id": _datum("m", "string"), "InsertionTime": _datum("2026-03-02T00:00:00+00:00")}
    return QueueMessageInConverter.decode(meta.Datum(text.encode(), "bytes"), trigger_metadata=metadata)


def test_events_messages_and_the_timer_pass_through_the_converters_of_azure_functions(
    functions: Functions, cloud: Cloud
) -> None:
    """A poison event is kept, the others become findings with the hub's own times and numbers."""
    assert functions["ingest"].get_user_function()(hub_events(event(1, 0), b"\xff")) is None
    (row,) = cloud.rows()
    assert row.finding.received_us == START_US + 123_456
    assert row.finding.pointer == "eventhub:logs/5@0"
    assert [one["pointer"] for one in cloud.rejects()] == ["eventhub:logs/5@1"]
    assert functions["again"].get_user_function()(queue_message("not ours")) is None
    assert len(cloud.rejects()) == 2
    cloud.arrivals().upload_blob("a.json", event(2, 0, call="Remove"))
    notice = {"type": "Microsoft.Storage.BlobCreated", "subject": f"{BEGINNING}a.json"}
    assert functions["collect"].get_user_function()(queue_message(json.dumps(notice))) is None
    assert sorted(row.finding.pointer for row in cloud.rows()) == ["blob:audit-logs/a.json", "eventhub:logs/5@0"]
    timer = TimerRequestConverter.decode(_datum({"IsPastDue": False}), trigger_metadata={})
    assert functions["sweep"].get_user_function()(timer) is None
    assert sorted(cloud.topic.received()) == cloud.uids()


def test_the_names_in_the_triggers_are_those_that_the_code_writes_to() -> None:
    from firstseen.adapters.azure.kept import PUT_ASIDE  # noqa: PLC0415 - beside the app's own text
    from firstseen.settings.azure import EVENTS, EVENTS_HUB, STORAGE  # noqa: PLC0415

    text = APP.read_text(encoding="utf-8")
    for name in (f'"{PUT_ASIDE}"', f'"{STORAGE}"', f'"{EVENTS}"', f'"%{EVENTS_HUB.name}%"'):
        assert name in text
    assert Path(sys.modules["functions.azure.wiring"].__file__ or "").parent == APP.parent
