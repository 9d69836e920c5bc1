// Sends what Entra ID logs to the event hub: sign-ins of people, applications and managed identities,
// and changes of the directory. Needs a Security Administrator who may deploy to the tenant.

targetScope = 'tenant'

@description('The output diagnosticsRuleId of main.bicep.')
param diagnosticsRuleId string

@description('The output hubName of main.bicep.')
param hubName string

@description('Name of the diagnostic setting.')
param settingName string = 'callerwatch'

@description('What is logged. Leave out what your licenses do not include, or what is too much: sign-ins that are not interactive are five to ten times the others.')
param categories array = [
  'SignInLogs'
  'NonInteractiveUserSignInLogs'
  'ServicePrincipalSignInLogs'
  'ManagedIdentitySignInLogs'
  'AuditLogs'
]

resource setting 'microsoft.aadiam/diagnosticSettings@2017-04-01' = {
  name: settingName
  properties: {
    eventHubAuthorizationRuleId: diagnosticsRuleId
    eventHubName: hubName
    logs: [
      for category in categories: {
        category: category
        enabled: true
      }
    ]
  }
}
