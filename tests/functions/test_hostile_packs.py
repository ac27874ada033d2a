"""Packs that somebody hostile published, under their right hash: the last good one runs on, and an alarm is fed.

What reads a pack is one piece of code, and tests/unit/test_published.py tries every one on it; here it is what each
cloud's function makes of a few.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import dump
from firstseen.language.published import MAX_PUBLISHED_BYTES, POINTER, Published, digest_of, moved, pack_name
from firstseen.language.published import write_pointer as bytes_of
from functions.azure.ingest import ingest
from functions.azure.sweep import sweep
from tests.emulators import azurite_installed
from tests.faults.world import MINUTE_US, RULES, event
from tests.functions.aws_cloud import REGION, SESSION, Cloud, bus_event
from tests.functions.azure_cloud import Servers, servers
from tests.functions.test_aws_packs import metric
from tests.functions.test_azure_ingest import said
from tests.unit.test_published import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

PURGE = dump(build_pack({"rules.yml": RULES.replace("eventName: Remove", "eventName: Purge").encode()}))
GOOD = digest_of(PURGE)[:12]

NAMES = ("brackets", "format 3", "very deep predicate", "two rules of one id", "too large")
EVERY_SECONDS = 120


def hostile(name: str) -> bytes:
    return b" " * (MAX_PUBLISHED_BYTES + 1) if name == "too large" else HOSTILE[name]


def published(put: Callable[[str, bytes], object], data: bytes) -> None:
    """As a publisher does it, who does not look at what is published."""
    put(pack_name(digest_of(data)), data)
    put(POINTER, bytes_of(moved(None, Published(digest_of(data)))))


@pytest.mark.parametrize("name", NAMES)
def test_on_aws_a_hostile_pack_leaves_the_last_good_one_running_and_feeds_the_alarm(
    account: Cloud, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = SESSION.client("s3")
    s3.create_bucket(Bucket="packs", CreateBucketConfiguration={"LocationConstraint": cast("Any", REGION)})
    account.environment |= {"FIRSTSEEN_PACKS": "s3://packs/rules", "FIRSTSEEN_PACKS_SECONDS": str(EVERY_SECONDS)}

    def put(key: str, data: bytes) -> None:
        s3.put_object(Bucket="packs", Key=f"rules/{key}", Body=data)

    published(put, PURGE)
    handler = account.container()
    published(put, hostile(name))
    capsys.readouterr()
    for number in (1, 2):
        account.clock.now_us += 2 * MINUTE_US
        account.deliver(handler, account.messages([bus_event(event(number, number, call="Purge", who=f"w{number}"))]))
    assert {row.finding.pack_version for row in account.rows()} == {GOOD}
    assert len(account.uids()) == 2
    assert metric(capsys.readouterr().out, "pack_refused")[-2:] == [1, 1]


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    if not azurite_installed():
        pytest.skip("Azurite is not installed: make node_modules/.installed")
    with servers(tmp_path_factory.mktemp("hostile")) as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_on_azure_a_hostile_pack_leaves_the_last_good_one_running_and_feeds_the_alarm(
    around: Servers, name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The alarm asks for the line over half an hour, so it is said at each look, also by a sweep without any event."""
    caplog.set_level(logging.INFO)
    cloud = around.deploy()
    packs = ContainerClient.from_connection_string(around.azurite.connection_string, "packs")
    with suppress(ResourceExistsError):
        packs.create_container()

    def put(key: str, data: bytes) -> None:
        packs.upload_blob(f"{tmp_path.name}/{key}", data, overwrite=True)

    published(put, PURGE)
    cloud.environment |= {
        "FIRSTSEEN_PACKS": f"{around.azurite.blob_url}/packs/{tmp_path.name}",
        "FIRSTSEEN_PACKS_SECONDS": str(EVERY_SECONDS),
    }
    parts = cloud.build()
    published(put, hostile(name))
    caplog.clear()
    cloud.clock.now_us += 2 * MINUTE_US
    ingest(parts, cloud.events([event(1, 1, call="Purge")]))
    assert [row.finding.pack_version for row in cloud.rows()] == [GOOD]
    cloud.clock.now_us += 2 * MINUTE_US
    sweep(parts)
    lines = said(caplog, "packs refused")
    assert [one["runs"] for one in lines] == [GOOD, GOOD]
    assert all(one["reason"] and len(json.dumps(one)) < 2_000 for one in lines)


def test_both_alarms_ask_for_what_the_functions_say() -> None:
    """What is tested above is what the templates watch."""
    root = Path(__file__).parent.parent.parent
    alerts = (root / "infra/azure/modules/alerts.bicep").read_text(encoding="utf-8")
    assert '| where Message startswith "firstseen packs refused {"' in alerts
    assert "MetricName: pack_refused" in (root / "template.yaml").read_text(encoding="utf-8")
