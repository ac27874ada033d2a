"""Whose keys encrypt what on Azure: Microsoft's, or one of the customer's vault for storage and a Premium hub."""

from __future__ import annotations

import json

import pytest

from tests.infra.bicep_files import Tree, files, resources
from tests.infra.templates import needs_infra

pytestmark = needs_infra

KEY = ("keyVaultUri", "keyName", "keyIdentityId")


def the(file: str, kind: str) -> Tree:
    (one,) = resources(file, kind).values()
    return one


def variable(file: str, name: str) -> str:
    """As its reader has it."""
    return json.dumps(files()[file]["variables"][name]["value"])


@pytest.mark.parametrize("module", ["hostStorage", "stateStorage", "hub"])
def test_both_accounts_and_the_hub_are_given_the_key_whole(module: str) -> None:
    given = files()["main.bicep"]["modules"][module]["config"]["params"]
    for name in KEY:
        assert name in json.dumps(given[name])
        assert files()["main.bicep"]["parameters"][name]["default"] == ""


def test_tables_and_queues_take_the_accounts_key_from_the_first_deployment_on() -> None:
    """It cannot be changed afterwards: by default only blobs would ever take a key of somebody else's."""
    encryption = the("modules/storage.bicep", "Microsoft.Storage/storageAccounts")["properties"]["encryption"]
    assert {kind: one["keyType"] for kind, one in encryption["services"].items()} == dict.fromkeys(
        ("blob", "queue", "table"), "Account"
    )
    assert encryption["requireInfrastructureEncryption"] is True


def test_with_a_key_the_account_asks_for_it_as_the_identity_that_may_use_it_and_else_has_none() -> None:
    account = the("modules/storage.bicep", "Microsoft.Storage/storageAccounts")
    source = json.dumps(account["properties"]["encryption"]["keySource"])
    assert source.index("hasKey") < source.index("Microsoft.Keyvault") < source.index("Microsoft.Storage")
    for part in (account["identity"], account["properties"]["encryption"]["keyvaultproperties"]):
        assert "hasKey" in json.dumps(part)
    assert '"None"' in json.dumps(account["identity"])
    assert "keyIdentityId" in variable("modules/storage.bicep", "keyIdentity")
    assert "keyName" in variable("modules/storage.bicep", "hasKey")
    assert "keyversion" not in variable("modules/storage.bicep", "key").lower(), "the newest, so that it can be rotated"


def test_the_hub_takes_the_key_only_as_premium_which_needs_no_throughput_units() -> None:
    hub = the("modules/hub.bicep", "Microsoft.EventHub/namespaces")
    assert "premium" in variable("modules/hub.bicep", "hasKey")
    assert "Premium" in variable("modules/hub.bicep", "premium")
    assert "hasKey" in json.dumps(hub["properties"]["encryption"])
    assert "tier" in json.dumps(hub["sku"]["name"])
    assert "premium" in json.dumps(hub["properties"]["isAutoInflateEnabled"])
    assert "premium" in json.dumps(hub["properties"]["maximumThroughputUnits"])
    assert files()["main.bicep"]["parameters"]["hubTier"]["default"] == "Standard"
