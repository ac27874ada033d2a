"""The conformance cases through the Lambda handler, DynamoDB and SNS under moto."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstseen.findings.finding import Finding
from tests.conformance.cases import Case, Reported, check, load_cases
from tests.functions.aws_cloud import Cloud, Context, Sent, bus_event, cloud, deployed, queue_event

CASES = load_cases()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("conformance")
    with cloud(folder):
        yield folder


def reported(finding: Finding) -> Reported:
    key = (*(value for _, value in finding.group), *(value for _, value in finding.terms))
    return Reported(
        finding.uid,
        finding.card.name,
        key,
        finding.time_us,
        finding.related[0].event_id,
        finding.late,
        finding.last_seen_us,
        finding.overflowed,
        tuple(one.event_id for one in finding.related),
    )


def run(account: Cloud, case: Case) -> list[Reported]:
    """Each batch is one call; each event one message of the bus."""
    handler = account.container()
    for number, batch in enumerate(case.batches):
        messages = [
            Sent(
                f"{number}.{place}",
                bus_event(one.raw) if b"eventTime" in one.raw else one.raw.decode(),
                one.received_us,
            )
            for place, one in enumerate(batch)
        ]
        account.clock.now_us = max(account.clock.now_us, *(one.sent_us for one in messages))
        assert handler(queue_event(messages), Context()) == {"batchItemFailures": []}
    return [reported(row.finding) for row in account.rows()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_findings_are_those_that_the_case_says(case: Case, folder: Path) -> None:
    """And each is told once."""
    account = deployed(folder, case.rules)
    found = run(account, case)
    check(case, found)
    assert account.notifications() == sorted(one.uid for one in found)
