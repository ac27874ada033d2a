"""The timer that builds baselines from the Activity Log: in slices, as if in one go; silence ends with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

from firstseen.adapters.azure.activity_log_history import READ_SECONDS
from firstseen.adapters.azure.calling import Backoff
from firstseen.adapters.azure.clients import CONNECT_SECONDS
from firstseen.cli import main
from firstseen.errors import InputError, RuleError
from firstseen.findings.times import HOUR_US
from firstseen.language.published import read_pointer
from functions.azure.baseline import ATTEMPTS, LONGEST_WAIT_SECONDS, histories_of
from functions.azure.limits import SLICE_SHARE, limit_us
from functions.azure.wiring import HOST
from tests.emulators import azurite_installed
from tests.functions.azure_cloud import Servers, servers
from tests.functions.azure_past import CHANGED, NEW, RULES, SIGN_IN, World, past_beside
from tests.functions.fake_arm import SUBSCRIPTION, entry, stamp
from tests.functions.test_azure_ingest import said

OTHER = "11111111-2222-4333-8444-555555555555"

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("baseline")) as made:
        yield made


@pytest.fixture
def world(around: Servers) -> Iterator[World]:
    with past_beside(around.deploy(RULES)) as made:
        yield made


def test_on_the_first_day_rules_are_silent_until_their_baseline_is_built_and_then_know_what_is_usual(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert world.run(1000, "mallory") == ["learning"]
    assert world.rows()[NEW].building_until_us > world.cloud.clock()
    world.call()
    row = world.rows()[NEW]
    assert (row.complete, row.building_until_us) == (True, 0)
    (line,) = said(caplog, "baseline")
    assert (line["rules_waiting"], line["left_hours"], line["uncovered"]) == (0, 0, 1)
    assert line["matches"] == 34
    assert [one["rule"] for one in said(caplog, "baseline built")] == [NEW]
    assert "contoso" not in caplog.text, "no value of an event is logged"
    assert world.run(1001, "ada") == []
    assert world.run(1002, "trudy") == ["send"]
    assert len(world.cloud.topic.received()) == 1


def test_with_nothing_to_do_nothing_is_asked(world: World) -> None:
    world.call()
    requests = world.service.requests
    world.call(later_minutes=5)
    assert world.service.requests == requests


@pytest.mark.parametrize("seconds_each", [20, 60])
def test_slices_of_any_length_end_where_one_call_does(world: World, around: Servers, seconds_each: float) -> None:
    """The slower the history answers, the less is read by one call: half of its five minutes."""
    world.call()
    whole, requests = world.keys(), world.service.requests
    with past_beside(around.deploy(RULES)) as sliced:
        calls = 0
        while not ((row := sliced.rows().get(NEW)) and row.complete):
            sliced.call(later_minutes=5, seconds_each=seconds_each)
            calls += 1
            assert calls < 100
        assert sliced.keys() == whole
        assert calls > 1
        assert sliced.service.requests < 8 * requests


@pytest.mark.parametrize("number", [1, 9])
@pytest.mark.parametrize("fault", ["403", "429", "503", "drop"])
def test_a_fault_ends_the_call_or_passes_and_the_next_call_goes_on(world: World, number: int, fault: str) -> None:
    world.service.faults = {number: fault}
    if fault == "403":
        with pytest.raises(InputError, match="give this identity the role"):
            world.call()
        assert not world.rows()[NEW].complete
        assert world.run(1000, "mallory") == ["learning"]
        world.call(later_minutes=5)
    else:
        world.call()
        assert len(world.slept) == 1
        assert world.slept[0] == (17 if fault == "429" else pytest.approx(0.1))
    assert world.rows()[NEW].complete


def test_who_is_asked_to_wait_longer_than_a_call_may_goes_on_with_the_next(world: World) -> None:
    world.service.faults, world.service.retry_after = {2: "429"}, "21"
    with pytest.raises(InputError, match="asks to wait 21 seconds"):
        world.call()
    assert world.slept == []
    world.call(later_minutes=5)
    assert world.rows()[NEW].complete


def test_a_page_that_is_under_way_when_a_slice_ends_is_done_with_before_the_host_cuts_the_call_off() -> None:
    limit_seconds = limit_us(HOST) / 1_000_000
    waits_seconds = (ATTEMPTS - 1) * max(LONGEST_WAIT_SECONDS, Backoff().longest_seconds)
    page_seconds = ATTEMPTS * (CONNECT_SECONDS + READ_SECONDS) + waits_seconds
    assert SLICE_SHARE * limit_seconds + page_seconds < limit_seconds


def test_a_function_that_always_fails_silences_a_rule_for_six_hours_at_most(world: World) -> None:
    world.service.faults = dict.fromkeys(range(1, 1000), "403")
    assert world.run(1000, "mallory") == ["learning"]
    world.cloud.clock.now_us += 6 * HOUR_US + 1
    assert world.run(1001, "trudy") == ["send"]


def test_the_hour_before_the_rules_began_is_read_once_when_it_has_become_history(world: World) -> None:
    """Frank was there half an hour before the deployment, too late for the first build."""
    at = stamp(world.cloud.clock() - HOUR_US // 2)
    world.service.entries.append(entry(300, "frank@contoso.example", at))
    world.run(1000, "ada")
    world.call()
    known = len(world.keys())
    world.call(later_minutes=65)
    assert len(world.keys()) == known + 1
    requests = world.service.requests
    world.call(later_minutes=5)
    assert world.service.requests == requests
    assert world.run(1001, "frank") == []


def test_a_rule_over_a_log_without_a_history_is_not_silenced_for_one(world: World) -> None:
    world.run(1000, "ada")
    world.call()
    assert world.rows()[SIGN_IN].known_to_us == 0
    assert world.rows()[SIGN_IN].building_until_us == 0


def test_every_subscription_that_is_named_is_asked_as_the_app(world: World) -> None:
    world.cloud.environment["FIRSTSEEN_BASELINE_SUBSCRIPTIONS"] = f"{SUBSCRIPTION}, {OTHER.upper()}"
    world.call()
    assert {one.split("/")[2] for one in world.service.asked} == {SUBSCRIPTION, OTHER}
    made = histories_of(world.cloud.build())
    assert sorted(made) == sorted((SUBSCRIPTION, OTHER))
    assert {(one.backoff.attempts, one.longest_wait_seconds) for one in made.values()} == {
        (ATTEMPTS, LONGEST_WAIT_SECONDS)
    }


def test_a_changed_rule_builds_a_baseline_of_its_own(world: World) -> None:
    world.call()
    world.deploy(CHANGED)
    assert world.run(1000, "mallory") == ["learning"]
    world.call(later_minutes=5)
    assert world.run(1001, "ada") == []
    assert world.run(1002, "trudy") == ["send"]


def test_days_of_nought_switch_it_off(world: World) -> None:
    world.cloud.environment["FIRSTSEEN_BASELINE_DAYS"] = "0"
    world.call()
    assert world.service.requests == 0
    assert world.run(1000, "mallory") == ["send"]


# ---- rules that wait -------------------------------------------------------------------------------------


@pytest.fixture
def shelf(world: World, around: Servers, monkeypatch: pytest.MonkeyPatch) -> ContainerClient:
    """The container of published rules, empty."""
    packs = ContainerClient.from_connection_string(around.azurite.connection_string, "packs")
    try:
        packs.create_container()
    except ResourceExistsError:
        for name in packs.list_blob_names():
            packs.delete_blob(name)
    world.cloud.environment["FIRSTSEEN_PACKS"] = f"{around.azurite.blob_url}/packs/rules"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", around.azurite.connection_string)
    return packs


def publish(world: World, folder: Path, rules: str, *words: str) -> None:
    path = folder / "published.yml"
    path.write_text(rules, encoding="utf-8")
    to = world.cloud.environment["FIRSTSEEN_PACKS"]
    assert main(["rules", "publish", str(path), "--to", to, "--who", "ada", *words]) == 0


@pytest.mark.usefixtures("shelf")
def test_old_rules_work_on_while_the_baselines_of_those_that_wait_are_built_and_then_give_way(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    publish(world, tmp_path, RULES)
    world.call()
    publish(world, tmp_path, CHANGED, "--after-baseline")
    assert world.run(1000, "mallory") == ["send"]
    world.call(later_minutes=5, seconds_each=45)
    assert world.run(1001, "trudy") == ["send"]
    versions = {row.finding.pack_version for row in world.cloud.rows() if row.finding.routing == "send"}
    assert len(versions) == 1
    assert said(caplog, "packs switched") == []
    for _ in range(8):
        world.call(later_minutes=5)
    (line,) = said(caplog, "packs switched")
    assert line["switched"] is True
    assert world.run(1002, "ada") == []
    assert world.run(1003, "walter") == ["send"]
    now = {row.finding.pack_version for row in world.cloud.rows() if row.finding.routing == "send"}
    assert now - versions == {line["version"]}


def test_rules_that_wait_and_cannot_be_run_fail_the_call_and_stay_where_they_are(
    world: World, shelf: ContainerClient, tmp_path: Path
) -> None:
    publish(world, tmp_path, RULES)
    world.call()
    publish(world, tmp_path, CHANGED, "--after-baseline")
    before = shelf.download_blob("rules/current.json").readall()
    waits = read_pointer(before).next
    assert waits is not None
    shelf.upload_blob(f"rules/packs/{waits.hash}.pack", b"changed", overwrite=True)
    with pytest.raises(RuleError, match="its bytes were changed"):
        world.call(later_minutes=5)
    assert shelf.download_blob("rules/current.json").readall() == before
    assert world.run(1000, "mallory") == ["send"]
