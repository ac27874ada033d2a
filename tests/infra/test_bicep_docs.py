"""docs/azure.md says what the Bicep files and the code do: parameters, roles, settings, alarms, file names."""

from __future__ import annotations

import re

from firstseen.adapters.azure.kept import NEW_BLOBS
from firstseen.settings.azure import AGAIN_SECONDS, AZURE_VARIABLES, HOST_VARIABLES
from functions.azure import aside
from infra.azure.pinned import PLATFORM_SETTINGS, ROLES
from tests.emulators import ROOT
from tests.infra.bicep_files import Tree, description, files, resources
from tests.infra.templates import needs_infra

pytestmark = needs_infra

SAID = (ROOT / "docs" / "azure.md").read_text(encoding="utf-8")

ON = {
    "": "each subscription of the baselines",
    "eventHub": "the hub",
    "hostAccount": "the host's storage account",
    "insights": "Application Insights",
    "topic": "the topic",
}
"""What a role is on, in words; of the rest the name stands in the Bicep file."""

KINDS = {"tables": "table", "queues": "queue", "containers": "container"}


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its head."""
    section = SAID.partition(f"{heading}\n")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def shown(default: object) -> str:
    """A parameter's default, as the table shows it."""
    if isinstance(default, dict):
        return "the deployment's"  # deployment().location, subscription().subscriptionId
    values = [str(one).lower() if isinstance(one, bool) else str(one) for one in _several(default)]
    return ", ".join(f"`{one}`" for one in values) if any(values) else "none"


def _several(default: object) -> list[object]:
    return default if isinstance(default, list) else [default]


def test_each_parameter_is_in_the_table_with_its_default_and_its_meaning() -> None:
    parameters = files()["main.bicep"]["parameters"]
    expected = [[f"`{name}`", shown(one["default"]), description(one)] for name, one in parameters.items()]
    assert rows("### Parameters") == expected


def role_rows(file: str) -> list[list[str]]:
    """Role, what it is on, why: of each assignment."""
    tree = files()[file]["resources"]
    found = []
    for one in resources(file, "Microsoft.Authorization/roleAssignments").values():
        said = str(one["properties"]["roleDefinitionId"])
        own = [f"`{key}`, our own" for key in resources(file, "Microsoft.Authorization/roleDefinitions") if key in said]
        (role,) = own or (name for key, name in ROLES.items() if key in said)
        scope = one.get("scope", "")
        found.append([role, ON.get(scope) or _named(tree[scope]), one["properties"]["description"]])
    return found


def _named(resource: Tree) -> str:
    name = resource["config"]["name"]
    name = {"undeliveredContainer": "undelivered", "noticesQueue": NEW_BLOBS}.get(name, name)
    return f"{KINDS[resource['type'].rpartition('/')[2]]} `{name}`"


def test_each_role_is_in_the_table_with_what_it_is_on_and_its_reason() -> None:
    files_with_roles = [f"modules/{name}.bicep" for name in ("roles", "findings", "arrivals")] + ["subscription.bicep"]
    expected = [row for file in files_with_roles for row in role_rows(file)]
    assert rows("## What each role is for") == expected


def test_each_setting_is_in_the_table_with_its_meaning_and_its_default() -> None:
    expected = [
        [f"`{one.name}`", one.meaning, "none: it must be set" if one.default is None else f"`{one.default}`"]
        for one in (*AZURE_VARIABLES, *HOST_VARIABLES)
    ]
    assert rows("## Settings") == expected
    assert all(f"`{name}`" in SAID for name in PLATFORM_SETTINGS)


def test_each_alarm_is_explained_and_nothing_else_is() -> None:
    variables = files()["modules/alerts.bicep"]["variables"]
    named = {one["name"] for name in ("alarms", "topicAlarms") for one in variables[name]["value"]} | {"Findings"}
    rules = resources("modules/alerts.bicep", "Microsoft.Insights/scheduledQueryRules")
    assert {one["name"] for one in rules.values()} == {"${name}-Findings", "${name}-${alarm.name}"}
    assert {row[0].strip("`") for row in rows("## Each alarm")} == named
    assert all(len(row) == 3 and all(row) for row in rows("## Each alarm"))


def test_the_commands_name_files_parameters_and_outputs_that_there_are() -> None:
    for file in re.findall(r"infra/azure/[\w/.]+\.bicep", SAID):
        assert (ROOT / file).exists(), file
    named = {name for line in re.findall(r"--parameters ([^\n`]+)", SAID) for name in re.findall(r"(\w+)=", line)}
    declared = {name for tree in files().values() for name in tree["parameters"]}
    assert named <= declared
    outputs = set(files()["main.bicep"]["outputs"])
    assert {
        "next",
        "topicEndpoint",
        "topicId",
        "stateAccount",
        "authorizationRuleId",
        "hubName",
        "principalId",
    } <= outputs
    for name in ("next", "topicEndpoint", "stateAccount", "principalId"):
        assert f"`{name}`" in SAID
    (hub,) = resources("modules/hub.bicep", "Microsoft.EventHub/namespaces/eventhubs").values()
    assert f"hubName={hub['name']}" in SAID
    assert (
        f"az lock delete --name {resources('modules/storage.bicep', 'Microsoft.Authorization/locks')['lock']['name']}"
        in SAID
    )


def test_the_times_of_an_outage_are_those_of_the_bicep_and_of_the_code() -> None:
    """The hub keeps events for longer than a delivery is tried: neither side loses what the other still has."""
    hours = files()["main.bicep"]["parameters"]["hubRetentionHours"]["default"]
    first_seconds = int(AGAIN_SECONDS.default or 0)
    waits_seconds = [aside.delay_seconds(tries, first_seconds) for tries in range(1, aside.MAX_TRIES + 1)]
    assert hours * 3600 > sum(waits_seconds)
    assert f"for {hours} hours (`hubRetentionHours`)" in SAID
    assert f"{waits_seconds[0]} s, {waits_seconds[1]} s, … at most an hour: {len(waits_seconds)} times" in SAID
    assert waits_seconds[-1] == 3600
    assert f"or {sum(waits_seconds) // 3600} hours" in SAID
