// Entra's sign-in and audit logs of the tenant into the hub. Who deploys it needs Security Administrator in Entra and the
// right to deploy at the tenant's scope; docs/azure.md has the way without the latter.
targetScope = 'tenant'

@description('Name of the setting. A tenant has room for five settings.')
param name string = 'firstseen'

@description('The output authorizationRuleId of main.bicep.')
param authorizationRuleId string

@description('The output hubName of main.bicep.')
param hubName string

@description('Which logs are read. All but AuditLogs need a licence of Entra ID P1 or P2.')
param categories array = [
  'AuditLogs'
  'SignInLogs'
  'NonInteractiveUserSignInLogs'
  'ServicePrincipalSignInLogs'
  'ManagedIdentitySignInLogs'
]

resource setting 'microsoft.aadiam/diagnosticSettings@2017-04-01' = {
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

@description('What reads them')
output settingId string = setting.id
