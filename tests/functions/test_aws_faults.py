"""Whatever call on the table or the topic fails, with the handler around: same findings, none lost."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from firstseen.findings.sink import Sink
from firstseen.store.store import Store
from tests.faults.faulty import Calls, FaultySink, FaultyStore, RecordingSink, When
from tests.faults.world import MINUTE_US, event
from tests.functions.aws_cloud import Cloud, Context, bus_event, cloud, deployed, queue_event

DAY = [
    [event(1, 0), event(2, 1), event(3, 2), event(4, 3, call="Remove"), event(1, 0), b"not json"],
    [event(5, 140, who="bob"), event(6, 141)],
]
"""Somebody new, a burst, a call without memory, a copy, a line that cannot be read; later two episodes more."""

WANTED = Counter({"Somebody new asked": 3, "Asked three times": 1, "Removed": 1})

MAY_REPEAT = {"sink.publish", "store.mark"}


def run(account: Cloud, calls: Calls, fail_at: int | None, when: When) -> None:
    """The day, each container as fresh as a crash makes it; then a sweep."""

    def faulty(store: Store, sink: Sink) -> tuple[Store, Sink]:
        return (
            FaultyStore(store, fail_at=fail_at, when=when, calls=calls),
            FaultySink(sink, fail_at=fail_at, when=when, calls=calls),
        )

    account.clock.now_us += 200 * MINUTE_US
    for batch in DAY:
        bodies = [bus_event(raw) if raw.startswith(b"{") else raw.decode() for raw in batch]
        account.deliver(account.container(faulty), account.messages(bodies))
    account.sweeper()({}, Context())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_at_any_call_changes_nothing(when: When, tmp_path: Path) -> None:
    """For n = 1, 2, … the n-th call fails, until a run meets no fault. That run comes last, and is what is wanted."""
    with cloud(tmp_path) as calm:
        run(calm, Calls(), None, when)
        wanted, rejects = calm.uids(), [one["raw"] for one in calm.rejects()]
        assert Counter(row.finding.card.title for row in calm.rows()) == WANTED
        assert calm.notifications() == wanted
        for n in range(1, 200):
            account, calls = deployed(tmp_path), Calls()
            run(account, calls, n, when)
            said = f"call {n} ({calls.names[min(n, calls.made) - 1]})"
            assert account.uids() == wanted, said
            assert {row.status for row in account.rows()} == {"sent"}, said
            told = account.notifications()
            assert sorted(set(told)) == wanted, said
            assert [one["raw"] for one in account.rejects()] == rejects, said
            if len(told) != len(wanted):
                assert calls.names[n - 1] in MAY_REPEAT, f"{said} repeated a notification"
            if not calls.failed:
                assert n > 15
                return
    pytest.fail("the faults never ended")


def test_while_the_topic_is_down_nothing_is_acknowledged_and_later_everything_is_sent(account: Cloud) -> None:
    """A day of it: 120 deliveries of 12 minutes each, as the queue allows."""
    sink = RecordingSink(down=True)
    down = account.container(lambda store, _: (store, sink))
    account.clock.now_us += 2_000 * MINUTE_US
    messages = account.messages([bus_event(event(number, number * 61)) for number in range(5)])
    for _ in range(10):
        answer = down(queue_event(messages), Context())
        assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == [one.id for one in messages]
        account.clock.now_us += 12 * MINUTE_US
    assert sink.uids == []
    account.deliver(account.container(), messages, rounds=1)
    assert account.notifications() == account.uids()
    assert len(account.uids()) == 5


def test_what_no_delivery_finishes_is_sent_by_the_sweep_and_measured_until_then(
    account: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = RecordingSink(down=True)

    def offline(store: Store, _: Sink) -> tuple[Store, Sink]:
        return store, sink

    account.container(offline)(queue_event(account.messages([bus_event(event(1, 0))])), Context())
    account.clock.now_us += 11 * MINUTE_US
    account.sweeper(offline)({}, Context())
    account.clock.now_us += 2 * MINUTE_US
    account.sweeper()({}, Context())
    measured = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [one["oldest_pending_seconds"] for one in measured if "oldest_pending_seconds" in one] == [[660], [0]]
    assert account.notifications() == account.uids() != []
    assert sink.uids == []
