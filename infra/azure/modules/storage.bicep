// One storage account with its containers, queues and tables. Nobody has a key to it: who asks is an identity with a role.

@description('Name of the account: 3 to 24 small letters and digits.')
@minLength(3)
@maxLength(24)
param accountName string

@description('Where it is.')
param location string

@description('Of the account.')
param tags object

@description('How many copies are kept.')
param sku string

@description('Names of blob containers.')
param containers array = []

@description('Names of queues.')
param queues array = []

@description('Names of tables.')
param tables array = []

@description('Whether deleting it, or its group, is refused until the lock is taken away.')
param locked bool = false

@description('The vault of the key that encrypts it, as https://NAME.vault.azure.net. Empty - Microsoft has the key.')
param keyVaultUri string

@description('The name of that key; its newest version counts.')
param keyName string

@description('The user-assigned identity, by its resource id, that may use the key.')
param keyIdentityId string

var hasKey = !empty(keyName)

var keyIdentity = {
  type: 'UserAssigned'
  userAssignedIdentities: {
    '${keyIdentityId}': {}
  }
}

var key = {
  keyname: keyName
  keyvaulturi: keyVaultUri
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  // checkov:skip=CKV_AZURE_35: A Flex Consumption app without a network has no fixed address; identities and roles guard the data
  // checkov:skip=CKV_AZURE_43: The name is put together by main.bicep, of small letters and digits: 6 or 7 and a hash of 13
  // checkov:skip=CKV_AZURE_59: The same - the endpoint is public, and takes tokens only
  // checkov:skip=CKV_AZURE_206: The parameter storageSku decides; the host's account holds nothing that cannot be made again
  name: accountName
  location: location
  tags: tags
  kind: 'StorageV2'
  identity: hasKey ? keyIdentity : { type: 'None' }
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    supportsHttpsTrafficOnly: true
    encryption: {
      identity: hasKey ? { userAssignedIdentity: keyIdentityId } : null
      keySource: hasKey ? 'Microsoft.Keyvault' : 'Microsoft.Storage'
      keyvaultproperties: hasKey ? key : null
      requireInfrastructureEncryption: true
      services: {
        blob: {
          enabled: true
          keyType: 'Account'
        }
        queue: {
          enabled: true
          keyType: 'Account'
        }
        table: {
          enabled: true
          keyType: 'Account'
        }
      }
    }
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: 'Allow'
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: {
      days: 14
      enabled: true
    }
    deleteRetentionPolicy: {
      days: 14
      enabled: true
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [for container in containers: {
  parent: blobService
  name: container
  properties: {
    publicAccess: 'None'
  }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource storageQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = [for queue in queues: {
  parent: queueService
  name: queue
}]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource storageTables 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' = [for table in tables: {
  parent: tableService
  name: table
}]

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (locked) {
  scope: account
  name: 'firstseen-state'
  properties: {
    level: 'CanNotDelete'
    notes: 'What firstseen remembers. Without it everything is new again'
  }
}

@description('Name of the account, once it exists')
output accountName string = account.name
