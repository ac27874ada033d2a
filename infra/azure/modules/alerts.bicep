// Who is told by e-mail: of each finding, and when firstseen itself does not do well. docs/azure.md says of each what to do.

@description('Of the deployment.')
param name string

@description('Where the workspace is.')
param location string

@description('Of all rules.')
param tags object

@description('Who is told. Empty - nobody: alerts are still seen in the portal.')
param notificationEmail string

@description('How long without any event is an alarm.')
param silenceBeforeAlarm string

@description('Where the app logs.')
param workspaceId string

@description('The topic that findings go to.')
param topicId string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(notificationEmail)) {
  name: name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'firstseen'
    emailReceivers: [
      {
        name: 'on-call'
        emailAddress: notificationEmail
        useCommonAlertSchema: true
      }
    ]
  }
}

var told = empty(notificationEmail) ? [] : [people.id]

var actions = empty(notificationEmail) ? [] : [{ actionGroupId: people.id }]

// One alert a finding: each id is a dimension of its own, and fires once while it stands in the window. The window is three
// times the frequency, so that a line that arrives late is still seen.
resource findings 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${name}-Findings'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${name}-Findings'
    description: 'firstseen found something new: what, where and how grave stand among the dimensions'
    severity: 1
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    skipQueryValidation: true // the table is made with the first line of log
    criteria: {
      allOf: [
        {
          query: '''
AppTraces
| where Message startswith "firstseen finding {"
| extend it = parse_json(substring(Message, strlen("firstseen finding ")))
| project TimeGenerated, title = tostring(it.title), level = tostring(it.level), account = tostring(it.account), uid = tostring(it.uid)
'''
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'title'
              operator: 'Include'
              values: ['*']
            }
            {
              name: 'level'
              operator: 'Include'
              values: ['*']
            }
            {
              name: 'account'
              operator: 'Include'
              values: ['*']
            }
            {
              name: 'uid'
              operator: 'Include'
              values: ['*']
            }
          ]
          failingPeriods: {
            minFailingPeriodsToAlert: 1
            numberOfEvaluationPeriods: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: told
    }
  }
}

// Each query answers with a row when something is wrong, and with none when all is well.
var alarms = [
  {
    name: 'Rejects'
    severity: 2
    description: 'firstseen could not read something: look into the queue rejects'
    window: 'PT30M'
    query: '''
AppTraces
| where Message startswith "firstseen reject {"
'''
  }
  {
    name: 'DeadLetters'
    severity: 1
    description: 'firstseen gave up on a delivery: look into the queue put-aside-poison'
    window: 'PT30M'
    query: '''
AppTraces
| where Message startswith "firstseen sweep {"
| extend it = parse_json(substring(Message, strlen("firstseen sweep ")))
| where toint(it.dead_letters) > 0
'''
  }
  {
    name: 'PutAside'
    severity: 2
    description: 'for half an hour deliveries have waited that could not be finished: the table or the topic does not keep up'
    window: 'PT45M'
    query: '''
AppTraces
| where Message startswith "firstseen sweep {"
| extend it = parse_json(substring(Message, strlen("firstseen sweep ")))
| summarize sweeps = count(), waiting = min(toint(it.put_aside_waiting))
| where sweeps >= 6 and waiting > 0
'''
  }
  {
    name: 'Pending'
    severity: 1
    description: 'a finding has waited for ten minutes to be sent, or no sweep ran for half an hour'
    window: 'PT30M'
    query: '''
AppTraces
| where Message startswith "firstseen sweep {"
| extend it = parse_json(substring(Message, strlen("firstseen sweep ")))
| summarize sweeps = count(), oldest_seconds = max(toint(it.oldest_pending_seconds))
| where sweeps == 0 or oldest_seconds > 600
'''
  }
  {
    name: 'NoEvents'
    severity: 1
    description: 'firstseen has seen no event for long: do the diagnostic settings still send?'
    window: silenceBeforeAlarm
    query: '''
AppTraces
| where Message startswith "firstseen batch {"
| extend it = parse_json(substring(Message, strlen("firstseen batch ")))
| summarize events = sumif(tolong(it.events), tostring(it.function) == "ingest")
| where events == 0
'''
  }
  {
    name: 'Failures'
    severity: 1
    description: 'a function of firstseen fails: the exceptions in its log say why'
    window: 'PT30M'
    query: '''
AppRequests
| where Success == false
'''
  }
  {
    name: 'Refused'
    severity: 1
    description: 'Event Grid refused a finding for good: it stands in the table, and its id in the log'
    window: 'PT30M'
    query: '''
AppTraces
| where Message startswith "firstseen refused {"
'''
  }
  {
    name: 'Canaries'
    severity: 2
    description: 'an example of a rule went in and no finding came out: the log says which, and how far it came'
    window: 'PT2H' // the line is written each hour until the finding comes
    query: '''
AppTraces
| where Message startswith "firstseen silent rule {"
'''
  }
  {
    name: 'PackRefused'
    severity: 2
    description: 'published rules are not taken: firstseen runs the last good ones'
    window: 'PT30M'
    query: '''
AppTraces
| where Message startswith "firstseen packs refused {"
'''
  }
]

resource alarmRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alarm in alarms: {
  name: '${name}-${alarm.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${name}-${alarm.name}'
    description: alarm.description
    severity: alarm.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT15M'
    windowSize: alarm.window
    autoMitigate: true
    skipQueryValidation: true // the table is made with the first line of log
    criteria: {
      allOf: [
        {
          query: alarm.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            minFailingPeriodsToAlert: 1
            numberOfEvaluationPeriods: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: told
    }
  }
}]

var topicAlarms = [
  {
    name: 'Undelivered'
    description: 'a subscriber of the topic did not take a finding for a day: it lies in the container undelivered'
    metric: 'DeadLetteredCount'
  }
  {
    name: 'Dropped'
    description: 'a subscriber of the topic did not take a finding for a day, and its subscription keeps none: to it the finding is lost'
    metric: 'DroppedEventCount'
  }
]

resource topicAlarmRules 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alarm in topicAlarms: {
  name: '${name}-${alarm.name}'
  location: 'global'
  tags: tags
  properties: {
    description: alarm.description
    severity: 1
    enabled: true
    scopes: [topicId]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'given-up'
          metricNamespace: 'Microsoft.EventGrid/topics'
          metricName: alarm.metric
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: actions
  }
}]
