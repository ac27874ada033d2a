// Where diagnostic settings put their events, and the app takes them from.

@description('Name of the namespace: unique in the world.')
param namespaceName string

@description('Where it is. Diagnostic settings of any region may send to it.')
param location string

@description('Of the namespace.')
param tags object

@description('How many batches can be read at once.')
param partitions int

@description('How long events wait for a reader.')
param retentionHours int

@description('Premium is its own hardware, and the only one that takes a key.')
@allowed([
  'Standard'
  'Premium'
])
param tier string

@description('The vault of the key that encrypts a Premium one, as https://NAME.vault.azure.net. Empty - Microsoft has the key.')
param keyVaultUri string

@description('The name of that key; its newest version counts.')
param keyName string

@description('The user-assigned identity, by its resource id, that may use the key.')
param keyIdentityId string

var premium = tier == 'Premium'

var hasKey = premium && !empty(keyName)

var keyIdentity = {
  type: 'UserAssigned'
  userAssignedIdentities: {
    '${keyIdentityId}': {}
  }
}

var encryption = {
  keySource: 'Microsoft.KeyVault'
  keyVaultProperties: [
    {
      keyName: keyName
      keyVaultUri: keyVaultUri
      identity: {
        userAssignedIdentity: keyIdentityId
      }
    }
  ]
  requireInfrastructureEncryption: true
}

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  // checkov:skip=CKV_AZURE_223: Diagnostic settings send by TLS 1.2
  name: namespaceName
  location: location
  tags: tags
  sku: {
    name: tier // Basic keeps events for a day only
    tier: tier
    capacity: 1
  }
  identity: hasKey ? keyIdentity : { type: 'None' }
  properties: {
    // Diagnostic settings know no identity: they send with the key of the rule below. The app does not use it.
    disableLocalAuth: false
    encryption: hasKey ? encryption : null
    isAutoInflateEnabled: !premium
    maximumThroughputUnits: premium ? 0 : 4
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource eventHub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: namespace
  name: 'audit-logs'
  properties: {
    partitionCount: partitions
    retentionDescription: {
      cleanupPolicy: 'Delete'
      retentionTimeInHours: retentionHours
    }
  }
}

// Azure Monitor refuses a rule with fewer rights, and one of a single hub.
resource authorizationRule 'Microsoft.EventHub/namespaces/authorizationRules@2024-01-01' = {
  parent: namespace
  name: 'diagnostic-settings'
  properties: {
    rights: [
      'Listen'
      'Manage'
      'Send'
    ]
  }
}

@description('Name of the namespace')
output namespaceName string = namespace.name

@description('Name of the hub')
output hubName string = eventHub.name

@description('What diagnostic settings name; it holds no key')
output authorizationRuleId string = authorizationRule.id
