"""Whatever call on table, topic, queue or blob fails, with the functions around: same findings, none lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from azure.core.exceptions import ServiceRequestError

from firstseen.adapters.azure.kept import DEAD_LETTERS, PUT_ASIDE
from functions.azure import wiring
from functions.azure.sweep import sweep
from tests.emulators import azurite_installed
from tests.faults.faulty import Calls, FaultySink, FaultyStore, When
from tests.faults.world import MINUTE_US, event
from tests.functions.azure_cloud import Cloud, Servers, servers

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)

DAY = [[event(1, 0), event(4, 3, call="Remove"), b"not json"], [event(5, 140)]]
"""Somebody new, a call without memory, a line that cannot be read; later an episode more.

Smaller than the day of the AWS twin: the store's own faults are put in at the same places there, and by
tests/faults/test_faults_azure.py below it.
"""

WANTED = Counter({"Somebody new asked": 2, "Removed": 1})

MAY_REPEAT = {"sink.publish", "store.mark"}


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("faults")) as made:
        yield made


def run(cloud: Cloud, calls: Calls, fail_at: int | None, when: When) -> None:
    """The day, each process as fresh as a crash makes it; then a sweep."""

    def make() -> wiring.Parts:
        return cloud.build(
            lambda store: FaultyStore(store, fail_at=fail_at, when=when, calls=calls),
            lambda sink: FaultySink(sink, fail_at=fail_at, when=when, calls=calls),
        )

    cloud.clock.now_us += 200 * MINUTE_US
    for batch in DAY:
        cloud.deliver(make, batch)
    sweep(cloud.build())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_at_any_call_changes_nothing(when: When, around: Servers) -> None:
    """For every other n the n-th call fails, until a run meets no fault. That run comes last, and is what is wanted.

    Before taking effect fail the odd calls, after it the even ones: every n is the AWS twin's and the adapters' to try.
    """
    calm = around.deploy()
    run(calm, Calls(), None, when)
    wanted, rejects = calm.uids(), [one["raw"] for one in calm.rejects()]
    assert Counter(row.finding.card.title for row in calm.rows()) == WANTED
    assert sorted(calm.topic.received()) == wanted
    for n in range(1 if when == "before" else 2, 200, 2):
        cloud, calls = around.deploy(), Calls()
        run(cloud, calls, n, when)
        said = f"call {n} ({calls.names[min(n, calls.made) - 1]})"
        assert cloud.uids() == wanted, said
        assert {row.status for row in cloud.rows()} == {"sent"}, said
        told = cloud.topic.received()
        assert sorted(set(told)) == wanted, said
        assert [one["raw"] for one in cloud.rejects()] == rejects, said
        assert cloud.kept(DEAD_LETTERS) == [], said
        if len(told) != len(wanted):
            assert calls.names[n - 1] in MAY_REPEAT, f"{said} repeated a notification"
        if not calls.failed:
            assert n > 15
            return
    pytest.fail("the faults never ended")


class _Broken:
    """A client of a queue or a container whose n-th call fails, before or after it took effect."""

    def __init__(self, client: object, calls: Calls, fail_at: int | None, when: When) -> None:
        self._client, self._calls, self._fail_at, self._when = client, calls, fail_at, when

    def __getattr__(self, name: str) -> object:
        method = getattr(self._client, name)

        def call(*args: object, **options: object) -> object:
            self._calls.names.append(name)
            if self._calls.made != self._fail_at:
                return method(*args, **options)
            self._calls.failed += 1
            if self._when == "after":
                method(*args, **options)
            raise ServiceRequestError("put in by the test")

        return call


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_at_any_call_on_queues_and_blobs_loses_nothing(
    when: When, around: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is down for the first try of each batch, and what is put aside is too large for a message.

    What is put aside or rejected after a lost answer may be there twice; the findings are the same.
    """
    monkeypatch.setattr("firstseen.adapters.azure.asking.ATTEMPTS", 1)
    monkeypatch.setattr("firstseen.adapters.azure.kept.MAX_MESSAGE_CHARACTERS", 300)
    wanted: list[str] = []
    for n in range(40):
        cloud, calls = around.deploy(), Calls()
        store_calls = Calls()

        def make(
            cloud: Cloud = cloud, calls: Calls = calls, store_calls: Calls = store_calls, n: int = n
        ) -> wiring.Parts:
            parts = cloud.build(lambda store: FaultyStore(store, fail_at=2, fail_for=1, calls=store_calls))
            keeper = parts.keeper
            for one in (keeper._put_aside, keeper._rejects, keeper._blobs):
                one.__dict__["_client"] = _Broken(one._client, calls, n or None, when)
            return parts

        cloud.deliver(make, DAY[0])
        wanted = wanted or cloud.uids()
        said = f"call {n} ({calls.names[min(n, calls.made) - 1]})"
        assert cloud.uids() == wanted != [], said
        assert sorted(cloud.topic.received()) == wanted, said
        assert {row.status for row in cloud.rows()} == {"sent"}, said
        assert "not json" in {cloud.raw_of(one) for one in cloud.rejects()}, said
        assert cloud.kept(PUT_ASIDE) == cloud.kept(DEAD_LETTERS) == [], said
        if n and not calls.failed:
            assert n > 4
            return
    pytest.fail("the faults never ended")
