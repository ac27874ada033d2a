"""Mistakes that the Bicep linter has to find, at least one for each of its checks."""

from __future__ import annotations

from tests.infra.bicep_files import Seed

SEEDS: tuple[Seed, ...] = (
    Seed("a-brace-is-lost", "entra.bicep", "resource setting '", "resource setting '' {", "syntax", "not understood"),
    Seed("a-word-is-odd", "subscription.bicep", ": [for category in", ": [each category in", "syntax", "pycep"),
    Seed("a-file-is-not-there", "main.bicep", "'modules/hub.bicep'", "'modules/hubs.bicep'", "module", "hubs.bicep"),
    Seed("a-parameter-is-misspelt", "main.bicep", "    partitions: p", "    partition: p", "parameter", "no parameter"),
    Seed("a-parameter-is-missing", "main.bicep", "    sku: storageSku\n", "", "parameter", "is not given sku"),
    Seed("an-output-is-not-there", "main.bicep", "hub.outputs.hubName", "hub.outputs.hub", "output", "no output hub"),
    Seed("a-name-is-not-declared", "modules/app.bicep", "value: table", "value: tables", "unknown", "tables is not"),
    Seed("a-parameter-is-unused", "modules/hub.bicep", "Count: partitions", "Count: 4", "unused", "partitions"),
    Seed("a-name-is-declared-twice", "entra.bicep", "param hubName", "param name", "twice", "name is declared twice"),
    Seed("a-function-is-misspelt", "modules/roles.bicep", "guid(table", "concat(table", "function", "concat"),
    Seed(
        "a-type-is-misspelt", "modules/hub.bicep", "namespaces/eventhubs@", "namespaces/eventHub@", "type", "eventHub@"
    ),
    Seed(
        "a-version-is-another", "modules/app.bicep", "sites@2024-04-01", "sites@2024-04-02", "type", "sites@2024-04-02"
    ),
    Seed("a-role-is-no-role", "modules/roles.bicep", "'0a9a7e1f-b9d0-", "'0a9a7e1f-b9d1-", "role", "b9d1"),
    Seed(
        "a-role-is-named-wrongly", "modules/roles.bicep", "// Storage Blob Data Reader", "// Reader", "role", "'Reader'"
    ),
    Seed("an-own-role-is-named-wrongly", "subscription.bicep", "// readActivityLog", "// Reader", "role", "'Reader'"),
    Seed("an-own-role-is-no-role", "subscription.bicep", "readActivityLog.id", "setting.id", "role", "the one role"),
    Seed(
        "a-parent-is-another", "modules/storage.bicep", "parent: queueService", "parent: tableService", "parent", "lie"
    ),
    Seed(
        "a-scope-is-missing",
        "main.bicep",
        "'modules/hub.bicep' = {\n  name: '${name}-hub'\n  scope: group",
        "'modules/hub.bicep' = {\n  name: '${name}-hub'",
        "scope",
        "resourceGroup",
    ),
    Seed(
        "a-setting-is-misspelt", "modules/app.bicep", "'FIRSTSEEN_PACK'", "'FIRSTSEEN_PAK'", "setting", "FIRSTSEEN_PA"
    ),
)
