// firstseen: be told the first time somebody does something that matters in this subscription. Activity Log by an event
// hub, state in a storage table, findings to an Event Grid topic. Build the package first: make build-azure
targetScope = 'subscription'

@description('Where everything is made. Flex Consumption must be there: az functionapp list-flexconsumption-locations')
param location string = deployment().location

@description('Name of the deployment: of its resource group and diagnostic setting, and in its logs.')
@minLength(3)
@maxLength(24)
param name string = 'firstseen'

@description('Who gets findings and alarms by e-mail. Empty - nobody yet.')
param notificationEmail string = ''

@description('A web hook that gets each finding as a CloudEvent; it must answer the validation handshake (docs/azure.md). Empty - none.')
@secure()
param webhookUrl string = ''

@description('Which categories of the Activity Log are read.')
param activityLogCategories array = [
  'Administrative'
  'Security'
]

@description('How many instances may work at once. Each partition of the hub is read by one.')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

@description('Memory of an instance. More memory is more processor.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMegabytes int = 2048

@description('Partitions of the hub: how many batches are worked on at once. They cannot be changed later.')
@minValue(1)
@maxValue(32)
param partitions int = 4

@description('How long the hub keeps events that nobody has read, and so how long an outage of the app is survived.')
@minValue(1)
@maxValue(168)
param hubRetentionHours int = 168

@description('How long logs of the app are kept. Of events they hold what findings say: title, account, region, source, time.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('How many days of the Activity Log rules with memory learn from before they speak up. 0 - none, they begin knowing nothing')
@minValue(0)
@maxValue(90)
param baselineDays int = 30

@description('Whose Activity Log: ids of subscriptions, divided by commas. In each of them the app must be allowed to read it.')
param baselineSubscriptions string = subscription().subscriptionId

@description('How often an example of each rule goes through the whole deployment, to see that it is found, in hours. 0 - never')
@minValue(0)
@maxValue(168)
param canaryHours int = 24

@description('How many days blobs stay in the container audit-logs, into which others put logs.')
@minValue(1)
@maxValue(730)
param logsRetentionDays int = 30

@description('Which log lies below which prefix, PREFIX=SOURCE divided by commas, such as audit-logs/okta/=okta.system; or none: each blob is recognised.')
param logSources string = 'none'

@description('Files of the package with addresses, divided by colons, for rules that ask for a country or network owner; or none.')
param addressDatabases string = 'none'

@description('How long without any event is an alarm. Choose more where hours pass in which nothing happens.')
@allowed([
  'PT1H'
  'PT3H'
  'PT6H'
  'P1D'
])
param silenceBeforeAlarm string = 'PT1H'

@description('Copies of the state. ZRS - over three zones; LRS - in one, for regions without zones; GRS - also in another region')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
])
param storageSku string = 'Standard_ZRS'

@description('Keep the account with the state when somebody deletes the group: without it everything is new again.')
param lockState bool = true

@description('The vault of a key of yours that encrypts both storage accounts, as https://NAME.vault.azure.net. Empty - Microsoft has the keys.')
param keyVaultUri string = ''

@description('The name of that key; its newest version counts.')
param keyName string = ''

@description('The user-assigned identity, by its resource id, that has the role Key Vault Crypto Service Encryption User on the key.')
param keyIdentityId string = ''

@description('Of the hub. Premium takes the key too, is made once and for all, and costs many times as much.')
@allowed([
  'Standard'
  'Premium'
])
param hubTier string = 'Standard'

var tags = {
  application: 'firstseen'
  deployment: name
}

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: name
  location: location
  tags: tags
}

// Two accounts, since the host must own all blobs of its own, and whoever owns a pack decides what is detected.
module hostStorage 'modules/storage.bicep' = {
  name: '${name}-host-storage'
  scope: group
  params: {
    accountName: 'fshost${uniqueString(subscription().id, name, location)}'
    location: location
    tags: tags
    sku: 'Standard_LRS'
    containers: [
      'package'
    ]
    keyVaultUri: keyVaultUri
    keyName: keyName
    keyIdentityId: keyIdentityId
  }
}

module stateStorage 'modules/storage.bicep' = {
  name: '${name}-state-storage'
  scope: group
  params: {
    accountName: 'fsstate${uniqueString(subscription().id, name, location)}'
    location: location
    tags: tags
    sku: storageSku
    containers: [
      'audit-logs'
      'large'
      'packs'
      'undelivered'
    ]
    queues: [
      'new-blobs'
      'put-aside'
      'put-aside-poison'
      'rejects'
    ]
    tables: [
      'firstseen'
    ]
    locked: lockState
    keyVaultUri: keyVaultUri
    keyName: keyName
    keyIdentityId: keyIdentityId
  }
}

module hub 'modules/hub.bicep' = {
  name: '${name}-hub'
  scope: group
  params: {
    namespaceName: '${name}-${uniqueString(subscription().id, name, location)}'
    location: location
    tags: tags
    partitions: partitions
    retentionHours: hubRetentionHours
    tier: hubTier
    keyVaultUri: keyVaultUri
    keyName: keyName
    keyIdentityId: keyIdentityId
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: '${name}-monitoring'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    retentionDays: logRetentionDays
  }
}

module findings 'modules/findings.bicep' = {
  name: '${name}-findings'
  scope: group
  params: {
    topicName: '${name}-${uniqueString(subscription().id, name, location)}'
    location: location
    tags: tags
    stateAccountName: stateStorage.outputs.accountName
    undeliveredContainer: 'undelivered'
    webhookUrl: webhookUrl
  }
}

module arrivals 'modules/arrivals.bicep' = {
  name: '${name}-arrivals'
  scope: group
  params: {
    topicName: '${name}-arrivals'
    location: location
    tags: tags
    stateAccountName: stateStorage.outputs.accountName
    logsContainer: 'audit-logs'
    noticesQueue: 'new-blobs'
    undeliveredContainer: 'undelivered'
    retentionDays: logsRetentionDays
  }
}

module app 'modules/app.bicep' = {
  name: '${name}-app'
  scope: group
  params: {
    appName: '${name}-${uniqueString(subscription().id, name, location)}'
    service: name
    location: location
    tags: tags
    hostAccountName: hostStorage.outputs.accountName
    packageContainer: 'package'
    stateAccountName: stateStorage.outputs.accountName
    table: 'firstseen'
    packsContainer: 'packs'
    hubNamespaceName: hub.outputs.namespaceName
    hubName: hub.outputs.hubName
    topicEndpoint: findings.outputs.topicEndpoint
    insightsName: monitoring.outputs.insightsName
    maximumInstances: maximumInstances
    instanceMemoryMegabytes: instanceMemoryMegabytes
    baselineDays: baselineDays
    baselineSubscriptions: baselineSubscriptions
    addressDatabases: addressDatabases
    logSources: logSources
    canaryHours: canaryHours
  }
}

module roles 'modules/roles.bicep' = {
  name: '${name}-roles'
  scope: group
  params: {
    principalId: app.outputs.principalId
    hostAccountName: hostStorage.outputs.accountName
    stateAccountName: stateStorage.outputs.accountName
    hubNamespaceName: hub.outputs.namespaceName
    hubName: hub.outputs.hubName
    topicName: findings.outputs.topicName
    insightsName: monitoring.outputs.insightsName
  }
}

module alerts 'modules/alerts.bicep' = {
  name: '${name}-alerts'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    notificationEmail: notificationEmail
    silenceBeforeAlarm: silenceBeforeAlarm
    workspaceId: monitoring.outputs.workspaceId
    topicId: findings.outputs.topicId
  }
}

module activityLog 'subscription.bicep' = {
  name: '${name}-activity-log'
  params: {
    name: name
    authorizationRuleId: hub.outputs.authorizationRuleId
    hubName: hub.outputs.hubName
    categories: activityLogCategories
    principalId: baselineDays > 0 ? app.outputs.principalId : ''
  }
}

@description('What to do next')
output next string = 'Put the package in: az functionapp deployment source config-zip -g ${group.name} -n ${app.outputs.appName} --src build/azure/firstseen.zip'

@description('A test: firstseen notify-test --sink eventgrid:ENDPOINT')
output topicEndpoint string = findings.outputs.topicEndpoint

@description('The topic, to subscribe to: az eventgrid event-subscription create --source-resource-id ID')
output topicId string = findings.outputs.topicId

@description('The memory: firstseen findings list --state tables:firstseen, with AZURE_STORAGE_ACCOUNT set to this')
output stateAccount string = stateStorage.outputs.accountName

@description('Name of the app, for its log and for new packages')
output appName string = app.outputs.appName

@description('For subscription.bicep: who the app is, so that it may read the history of further subscriptions')
output principalId string = app.outputs.principalId

@description('For entra.bicep and subscription.bicep: how diagnostic settings may send')
output authorizationRuleId string = hub.outputs.authorizationRuleId

@description('For entra.bicep and subscription.bicep: where they send')
output hubName string = hub.outputs.hubName
