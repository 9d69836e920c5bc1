// Sends the Activity Log of a subscription to the event hub: who changed what through Azure Resource
// Manager, and who was denied. Reads are not in it.

targetScope = 'subscription'

@description('The output diagnosticsRuleId of main.bicep; the rule may be in another subscription of the tenant.')
param diagnosticsRuleId string

@description('The output hubName of main.bicep.')
param hubName string

@description('Name of the diagnostic setting, of which a subscription can have five.')
param settingName string = 'callerwatch'

resource setting 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: settingName
  properties: {
    eventHubAuthorizationRuleId: diagnosticsRuleId
    eventHubName: hubName
    // The other categories are of calls that Azure makes by itself.
    logs: [
      {
        category: 'Administrative'
        enabled: true
      }
    ]
  }
}
