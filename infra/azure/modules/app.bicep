// The Function app: Flex Consumption, Python 3.13, an identity of its own and no secret among its settings.

@description('Name of the app: unique in the world.')
param appName string

@description('Name of the deployment, in each line of log.')
param service string

@description('Where it is.')
param location string

@description('Of plan and app.')
param tags object

@description('The account for leases, checkpoints and the package.')
param hostAccountName string

@description('Its container for the package.')
param packageContainer string

@description('The account for table, queues, large deliveries and published packs.')
param stateAccountName string

@description('The table of the state.')
param table string

@description('The container of published packs.')
param packsContainer string

@description('Where events come from.')
param hubNamespaceName string

@description('The hub in it.')
param hubName string

@description('Where findings go.')
param topicEndpoint string

@description('Where logs go.')
param insightsName string

@description('How many instances may work at once.')
param maximumInstances int

@description('Memory of one.')
param instanceMemoryMegabytes int

@description('How many days of the Activity Log baselines are built from.')
param baselineDays int

@description('Ids of the subscriptions whose Activity Log that is, divided by commas.')
param baselineSubscriptions string

@description('Databases of addresses in the package, divided by colons; or none.')
param addressDatabases string

@description('Which log lies below which prefix; or none.')
param logSources string

@description('How often canaries are sent, in hours; 0: never.')
param canaryHours int

resource hostAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostAccountName
}

resource stateAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: stateAccountName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225: What is unfinished when a zone fails is done again elsewhere
  name: appName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true // Linux
  }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_17: No function is called by HTTP, so nobody has a certificate to show
  // checkov:skip=CKV_AZURE_212: Flex Consumption makes instances as there is work
  // checkov:skip=CKV_AZURE_213: A health check asks by HTTP, and no function is called so
  // checkov:skip=CKV_AZURE_222: The deployment of packages needs the endpoint; no function answers there
  name: appName
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostAccount.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'SystemAssignedIdentity'
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMegabytes
        maximumInstanceCount: maximumInstances
      }
    }
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      appSettings: [
        {
          name: 'FIRSTSEEN_TABLE'
          value: table
        }
        {
          name: 'FIRSTSEEN_STORAGE__tableServiceUri'
          value: stateAccount.properties.primaryEndpoints.table
        }
        {
          name: 'FIRSTSEEN_STORAGE__queueServiceUri'
          value: stateAccount.properties.primaryEndpoints.queue
        }
        {
          name: 'FIRSTSEEN_STORAGE__blobServiceUri'
          value: stateAccount.properties.primaryEndpoints.blob
        }
        {
          name: 'FIRSTSEEN_TOPIC_ENDPOINT'
          value: topicEndpoint
        }
        {
          name: 'FIRSTSEEN_PACK'
          value: 'rules.pack'
        }
        {
          name: 'FIRSTSEEN_SERVICE'
          value: service
        }
        {
          name: 'FIRSTSEEN_PACKS'
          value: '${stateAccount.properties.primaryEndpoints.blob}${packsContainer}/rules'
        }
        {
          name: 'FIRSTSEEN_PACKS_SECONDS'
          value: '120'
        }
        {
          name: 'FIRSTSEEN_BASELINE_DAYS'
          value: string(baselineDays)
        }
        {
          name: 'FIRSTSEEN_BASELINE_SUBSCRIPTIONS'
          value: baselineSubscriptions
        }
        {
          name: 'FIRSTSEEN_ADDRESS_DATABASES'
          value: addressDatabases
        }
        {
          name: 'FIRSTSEEN_SOURCES'
          value: logSources
        }
        {
          name: 'FIRSTSEEN_CANARY_HOURS'
          value: string(canaryHours)
        }
        {
          name: 'FIRSTSEEN_EVENTS__fullyQualifiedNamespace'
          value: '${hubNamespaceName}.servicebus.windows.net'
        }
        {
          name: 'FIRSTSEEN_EVENTS_HUB'
          value: hubName
        }
        {
          name: 'AzureWebJobsStorage__accountName'
          value: hostAccount.name
        }
        {
          name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
          value: insights.properties.ConnectionString
        }
        {
          name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
          value: 'Authorization=AAD'
        }
      ]
    }
  }
}

@description('Name of the app')
output appName string = site.name

@description('Who the app is, for its roles')
output principalId string = site.identity.principalId
