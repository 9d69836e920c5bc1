// The event hub that Azure Monitor and Entra ID write their logs to, and callerwatch reads through
// its Kafka endpoint. Deploy it first, into a resource group; then activity-log.bicep for each
// subscription, and sign-ins.bicep for the tenant.

targetScope = 'resourceGroup'

@description('Region of the namespace.')
param location string = resourceGroup().location

@description('Name of the namespace, of which there is one in the world: 6 to 50 letters, digits and hyphens.')
@minLength(6)
@maxLength(50)
param namespaceName string = 'callerwatch-${uniqueString(resourceGroup().id)}'

@description('Name of the event hub, the parameter AzureHubName of the AWS stack.')
@minLength(1)
@maxLength(256)
param hubName string = 'logs'

@description('Partitions of the hub, each of which is read by one invocation at a time.')
@minValue(1)
@maxValue(32)
param partitionCount int = 4

@description('The most throughput units that the namespace grows to by itself; each takes in 1 MB a second.')
@minValue(1)
@maxValue(40)
param throughputUnitsMax int = 4

@description('Days for which the hub keeps what was not read.')
@minValue(1)
@maxValue(7)
param retentionDays int = 7

// The Basic tier has no Kafka endpoint.
resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: namespaceName
  location: location
  sku: {
    name: 'Standard'
    tier: 'Standard'
    capacity: 1
  }
  properties: {
    isAutoInflateEnabled: throughputUnitsMax > 1
    maximumThroughputUnits: throughputUnitsMax > 1 ? throughputUnitsMax : 0
    kafkaEnabled: true
    minimumTlsVersion: '1.2'
    zoneRedundant: true
    // Lambda reads it over the Internet, from addresses of its own, and with a key.
    publicNetworkAccess: 'Enabled'
    disableLocalAuth: false
  }
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: namespace
  name: hubName
  properties: {
    partitionCount: partitionCount
    messageRetentionInDays: retentionDays
  }
}

// For whoever looks into the hub with tools of Event Hubs. Groups of Kafka, such as that of the
// function, are apart from these, and made by whoever first reads under their names.
resource consumerGroup 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = {
  parent: hub
  name: 'callerwatch'
}

// What the function reads with: this hub, and nothing but reading.
resource listenRule 'Microsoft.EventHub/namespaces/eventhubs/authorizationRules@2024-01-01' = {
  parent: hub
  name: 'callerwatch-listen'
  properties: {
    rights: [
      'Listen'
    ]
  }
}

// What diagnostic settings write with. Azure Monitor takes no rule of a hub, and none with less.
resource diagnosticsRule 'Microsoft.EventHub/namespaces/authorizationRules@2024-01-01' = {
  parent: namespace
  name: 'diagnostics'
  properties: {
    rights: [
      'Listen'
      'Manage'
      'Send'
    ]
  }
}

@description('The parameter AzureBootstrapServer of the AWS stack.')
output bootstrapServer string = '${replace(replace(namespace.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')}:9093'

@description('The parameter AzureHubName of the AWS stack.')
output hubName string = hub.name

@description('Name of the namespace.')
output namespaceName string = namespace.name

@description('Name of the rule of the hub whose connection string the function reads with.')
output listenRuleName string = listenRule.name

@description('The parameter diagnosticsRuleId of the other two templates.')
output diagnosticsRuleId string = diagnosticsRule.id
