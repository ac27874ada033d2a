"""The two clouds' functions tell the same of the same deliveries: byte for byte, but for where an event came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstseen.findings.ocsf import to_ocsf
from tests.conformance.cases import Case, load_cases
from tests.emulators import azurite_installed
from tests.functions import aws_cloud, test_aws_conformance, test_azure_conformance
from tests.functions.azure_cloud import Servers, servers

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)

PICKED = (
    *("match-each_event", "new_terms-first_sight", "new_terms-outside_the_window", "event_count-reached"),
    *("value_count-reached", "temporal-in_order", "temporal_ordered-in_order"),
)
"""Each type of rule once, and a term that was seen before. That a case has its findings, its cloud's suite shows."""


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("alike")) as made:
        yield made


def told_by_aws(case: Case, folder: Path) -> list[bytes]:
    """What the Lambda function's findings say."""
    with aws_cloud.cloud(folder, case.rules) as account:
        assert test_aws_conformance.run(account, case)
        return [test_azure_conformance.own(to_ocsf(row.finding)) for row in account.rows()]


@pytest.mark.parametrize("case", [one for one in load_cases() if one.name in PICKED], ids=lambda case: case.name)
def test_both_clouds_say_the_same_in_the_same_bytes(case: Case, around: Servers, tmp_path: Path) -> None:
    """The Lambda function over DynamoDB, the Function app over Table Storage."""
    ours = [test_azure_conformance.own(one) for one in test_azure_conformance.run(around.deploy(case.rules), case)]
    assert ours
    assert sorted(ours) == sorted(told_by_aws(case, tmp_path))


def test_every_picked_case_is_there() -> None:
    assert set(PICKED) <= {one.name for one in load_cases()}
