// What the app's identity may do, each with its reason, on nothing larger than Azure allows. docs/azure.md has the same table.

@description('Who the app is.')
param principalId string

@description('The account for leases, checkpoints and the package.')
param hostAccountName string

@description('The account for table, queues and large deliveries.')
param stateAccountName string

@description('Where events come from.')
param hubNamespaceName string

@description('The hub in it.')
param hubName string

@description('Where findings go.')
param topicName string

@description('Where logs go.')
param insightsName string

resource hostAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostAccountName
}

resource stateAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: stateAccountName
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2024-01-01' existing = {
  parent: stateAccount
  name: 'default'
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' existing = {
  parent: tableService
  name: 'firstseen'
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' existing = {
  parent: stateAccount
  name: 'default'
}

resource putAside 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = {
  parent: queueService
  name: 'put-aside'
}

resource deadLetters 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = {
  parent: queueService
  name: 'put-aside-poison'
}

resource newBlobs 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = {
  parent: queueService
  name: 'new-blobs'
}

resource rejects 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = {
  parent: queueService
  name: 'rejects'
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' existing = {
  parent: stateAccount
  name: 'default'
}

resource large 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = {
  parent: blobService
  name: 'large'
}

resource auditLogs 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = {
  parent: blobService
  name: 'audit-logs'
}

resource packs 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = {
  parent: blobService
  name: 'packs'
}

resource hubNamespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: hubNamespaceName
}

resource eventHub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = {
  parent: hubNamespace
  name: hubName
}

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

// Storage Blob Data Owner
resource hostOwnsItsBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount
  name: guid(hostAccount.id, principalId, 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
    description: 'The Functions host keeps leases and checkpoints, makes its containers, and reads the package'
  }
}

// Storage Table Data Contributor
resource appKeepsState 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: table
  name: guid(table.id, principalId, '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3')
    description: 'The app reads and writes the state'
  }
}

// Storage Queue Data Contributor
resource appPutsAside 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: putAside
  name: guid(putAside.id, principalId, '974c5e8b-45b9-4653-ba55-5f855dd0fb88')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '974c5e8b-45b9-4653-ba55-5f855dd0fb88')
    description: 'The app puts aside what it could not finish, and takes it again'
  }
}

// Storage Queue Data Message Sender
resource appKeepsDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: deadLetters
  name: guid(deadLetters.id, principalId, 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a')
    description: 'The app and the host write what was tried too often, and cannot take it away'
  }
}

// Storage Queue Data Reader
resource appCountsDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: deadLetters
  name: guid(deadLetters.id, principalId, '19e7f393-937e-4f77-808e-94535e297925')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '19e7f393-937e-4f77-808e-94535e297925')
    description: 'The sweep counts what was tried too often'
  }
}

// Storage Queue Data Message Sender
resource appKeepsRejects 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: rejects
  name: guid(rejects.id, principalId, 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a')
    description: 'The app writes what it cannot read, and cannot take it away'
  }
}

// Storage Queue Data Reader
resource appCountsRejects 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: rejects
  name: guid(rejects.id, principalId, '19e7f393-937e-4f77-808e-94535e297925')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '19e7f393-937e-4f77-808e-94535e297925')
    description: 'The sweep counts what could not be read'
  }
}

// Storage Queue Data Contributor
resource appTakesNotices 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: newBlobs
  name: guid(newBlobs.id, principalId, '974c5e8b-45b9-4653-ba55-5f855dd0fb88')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '974c5e8b-45b9-4653-ba55-5f855dd0fb88')
    description: 'The host takes notices of new blobs for the app, counts them, and shows again those whose call failed'
  }
}

// Storage Blob Data Reader
resource appReadsLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: auditLogs
  name: guid(auditLogs.id, principalId, '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
    description: 'The app reads logs that others put in, and can neither change nor remove them'
  }
}

// Storage Blob Data Contributor
resource appKeepsLargeDeliveries 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: large
  name: guid(large.id, principalId, 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')
    description: 'The app keeps deliveries that no queue message can hold, and removes them when they are done'
  }
}

// Storage Blob Data Reader
resource appReadsPacks 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: packs
  name: guid(packs.id, principalId, '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
    description: 'The app reads published rules, and cannot change them'
  }
}

var group = resourceGroup().id

// Data Contributor of the container would let the app write packs, or remove them all.
resource switchRules 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(group, 'switchRules')
  properties: {
    roleName: 'Switch published rules in ${resourceGroup().name} of ${subscription().subscriptionId}'
    description: 'Write blobs; its assignment has a condition on which'
    type: 'CustomRole'
    assignableScopes: [group]
    permissions: [
      {
        actions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'
        ]
      }
    ]
  }
}

// switchRules
resource appSwitchesPacks 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: packs
  name: guid(packs.id, principalId, 'switchRules')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: switchRules.id
    description: 'The app puts rules in force that waited for their baselines: it may write rules/current.json only'
    conditionVersion: '2.0'
    condition: '((!(ActionMatches{\'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write\'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringEquals \'rules/current.json\'))'
  }
}

// Azure Event Hubs Data Receiver
resource appReadsEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: eventHub
  name: guid(eventHub.id, principalId, 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde')
    description: 'The host reads events of the hub for the app'
  }
}

// Azure Event Hubs Data Sender
resource appSendsCanaries 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: eventHub
  name: guid(eventHub.id, principalId, '2b629674-e913-4c01-ae53-ef4638d8f975')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2b629674-e913-4c01-ae53-ef4638d8f975')
    description: 'The host sends canaries to the hub for the app'
  }
}

// EventGrid Data Sender
resource appPublishesFindings 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: topic
  name: guid(topic.id, principalId, 'd5a91429-5739-47e2-a06b-3470a27159e7')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'd5a91429-5739-47e2-a06b-3470a27159e7')
    description: 'The app publishes findings'
  }
}

// Monitoring Metrics Publisher
resource appWritesLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, principalId, '3913510d-42f4-4e42-8a64-420c390055eb')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')
    description: 'The host and the app write logs and measurements'
  }
}
