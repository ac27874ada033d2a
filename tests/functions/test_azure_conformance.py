"""The conformance cases through the Function app's code, Table Storage under Azurite, and a topic of Event Grid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.deliveries import Delivery
from firstseen.findings.ocsf import to_ocsf
from firstseen.language.frontends.loading import build_pack
from firstseen.pipeline import Pipeline
from functions.azure.ingest import ingest
from tests.conformance.cases import Case, check, load_cases
from tests.emulators import azurite_installed
from tests.faults.faulty import RecordingSink
from tests.faults.world import Clock
from tests.functions.aws_cases import reported
from tests.functions.azure_cloud import Cloud, Servers, event_of, servers

CASES = load_cases()

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("conformance")) as made:
        yield made


def run(cloud: Cloud, case: Case) -> list[dict[str, Any]]:
    """Each batch is one call of the Event Hub trigger; each event one message of the hub. What the topic was told."""
    parts, number = cloud.build(), 0
    for batch in case.batches:
        events = [event_of(one.raw, number + place, one.received_us) for place, one in enumerate(batch)]
        number += len(events)
        cloud.clock.now_us = max(cloud.clock.now_us, *(one.received_us for one in batch))
        assert ingest(parts, events).retry == {}
    return [one["data"] for one in cloud.topic.taken]


def wanted(case: Case) -> list[dict[str, Any]]:
    """What the pipeline alone tells of the same deliveries in the same batches, with nothing of a cloud around it."""
    sink, clock = RecordingSink(), Clock()
    rules = build_pack({"rules.yml": case.rules.encode()})
    pipeline = Pipeline(rules, MemoryStore(), sink, owner="plain", clock=clock)
    pipeline.activate(clock())
    for batch in case.batches:
        clock.now_us = max(clock.now_us, *(one.received_us for one in batch))
        pipeline.process([Delivery(str(place), [one.raw], one.received_us) for place, one in enumerate(batch)])
    return [to_ocsf(one) for one in sink.findings]


def own(finding: dict[str, Any]) -> bytes:
    """A finding as it travels, without what only one path knows: where the event came from."""
    more = {name: value for name, value in finding["unmapped"].items() if name != "pointer"}
    return orjson.dumps({**finding, "unmapped": more}, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_findings_are_those_that_the_case_says(case: Case, around: Servers) -> None:
    """Each is told once, in the bytes that every other path tells it in."""
    cloud = around.deploy(case.rules)
    told = run(cloud, case)
    check(case, [reported(one) for one in told])
    assert sorted(cloud.topic.received()) == cloud.uids()
    assert sorted(map(own, told)) == sorted(map(own, wanted(case)))
    assert all(one["unmapped"]["pointer"].startswith("eventhub:logs/3@") for one in told)
