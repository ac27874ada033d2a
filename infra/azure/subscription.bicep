// The Activity Log of one subscription into the hub, and its past to the app, for baselines. main.bicep does this for its own; deploy this file into each further one.
targetScope = 'subscription'

@description('Name of the setting. A subscription has room for five settings.')
param name string = 'firstseen'

@description('The output authorizationRuleId of main.bicep. The hub may be in another subscription of the same tenant.')
param authorizationRuleId string

@description('The output hubName of main.bicep.')
param hubName string

@description('Which categories of the Activity Log are read.')
param categories array = [
  'Administrative'
  'Security'
]

@description('The output principalId of main.bicep: the app reads the past of this log, for baselines. Empty - it does not.')
param principalId string = ''

resource setting 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: name
  properties: {
    eventHubAuthorizationRuleId: authorizationRuleId
    eventHubName: hubName
    logs: [for category in categories: {
      category: category
      enabled: true
    }]
  }
}

var here = subscription().id

// Built-in roles that may read the Activity Log may read every resource's settings, too.
resource readActivityLog 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (!empty(principalId)) {
  name: guid(here, name, 'readActivityLog')
  properties: {
    roleName: '${name} reads the Activity Log of ${subscription().subscriptionId}'
    description: 'Read the entries of the Activity Log, and nothing else'
    type: 'CustomRole'
    assignableScopes: [here]
    permissions: [
      {
        actions: [
          'Microsoft.Insights/eventtypes/values/read'
        ]
      }
    ]
  }
}

// readActivityLog
resource appReadsThePast 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(principalId)) {
  name: guid(here, principalId, name, 'readActivityLog')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: readActivityLog.id
    description: 'The app builds baselines from the past of the Activity Log'
  }
}

@description('What reads them')
output settingId string = setting.id
