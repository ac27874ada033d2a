// Where the app's logs and failures go.

@description('Of the deployment.')
param name string

@description('Where it is.')
param location string

@description('Of both resources.')
param tags object

@description('How long logs are kept.')
param retentionDays int

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
    retentionInDays: retentionDays
    sku: {
      name: 'PerGB2018'
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true // so its connection string is an address and no secret
    IngestionMode: 'LogAnalytics'
    WorkspaceResourceId: workspace.id
  }
}

@description('What alert rules ask')
output workspaceId string = workspace.id

@description('Where the app writes')
output insightsName string = insights.name
