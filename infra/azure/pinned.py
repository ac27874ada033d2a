"""What the Bicep files may name: resource types with the version of their interface, built-in roles, functions.

Nothing here can compile Bicep, so what a compiler would look up is written down: a slip in a type, a version or a
role's id is then a difference from this table. Whoever needs another looks it up in Azure's reference and adds it.
"""
# ruff: noqa: INP001 - beside scripts, no part of a package

from __future__ import annotations

from typing import Final

TYPES: Final = frozenset(
    {
        "Microsoft.Authorization/locks@2020-05-01",
        "Microsoft.Authorization/roleAssignments@2022-04-01",
        "Microsoft.Authorization/roleDefinitions@2022-04-01",
        "Microsoft.EventGrid/systemTopics@2025-02-15",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15",
        "Microsoft.EventGrid/topics@2025-02-15",
        "Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15",
        "Microsoft.EventHub/namespaces@2024-01-01",
        "Microsoft.EventHub/namespaces/authorizationRules@2024-01-01",
        "Microsoft.EventHub/namespaces/eventhubs@2024-01-01",
        "Microsoft.Insights/actionGroups@2023-01-01",
        "Microsoft.Insights/components@2020-02-02",
        "Microsoft.Insights/diagnosticSettings@2021-05-01-preview",  # there is no other
        "Microsoft.Insights/metricAlerts@2018-03-01",
        "Microsoft.Insights/scheduledQueryRules@2023-12-01",
        "Microsoft.OperationalInsights/workspaces@2023-09-01",
        "Microsoft.Resources/resourceGroups@2024-11-01",
        "Microsoft.Storage/storageAccounts@2024-01-01",
        "Microsoft.Storage/storageAccounts/blobServices@2024-01-01",
        "Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01",
        "Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01",
        "Microsoft.Storage/storageAccounts/queueServices@2024-01-01",
        "Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01",
        "Microsoft.Storage/storageAccounts/tableServices@2024-01-01",
        "Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01",
        "Microsoft.Web/serverfarms@2024-04-01",
        "Microsoft.Web/sites@2024-04-01",
        "microsoft.aadiam/diagnosticSettings@2017-04-01",
    }
)
"""Resource types that are used, each in one version."""

ROLES: Final = {
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
    "2b629674-e913-4c01-ae53-ef4638d8f975": "Azure Event Hubs Data Sender",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "a638d3c7-ab3a-418d-83e6-5f17a39d4fde": "Azure Event Hubs Data Receiver",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "d5a91429-5739-47e2-a06b-3470a27159e7": "EventGrid Data Sender",
}
"""Ids of built-in roles, the same in every tenant, and their names."""

FUNCTIONS: Final = frozenset(
    {
        *("deployment", "empty", "guid", "resourceGroup", "string", "subscription", "subscriptionResourceId"),
        "uniqueString",
    }
)
"""Functions that are called; a decorator is none."""

PLATFORM_SETTINGS: Final = frozenset(
    {
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "AzureWebJobsStorage__accountName",
    }
)
"""App settings that the host reads. Flex Consumption refuses others of its own, such as FUNCTIONS_WORKER_RUNTIME."""
