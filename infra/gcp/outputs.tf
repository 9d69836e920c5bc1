output "push_service_account" {
  description = "Who pushes: the parameter GcpPushServiceAccount of the AWS stack."
  value       = google_service_account.push.email
}

output "push_audience" {
  description = "For whom its tokens are: the parameter GcpPushAudience of the AWS stack."
  value       = var.push_audience
}

output "dead_letter_subscription" {
  description = "What could not be delivered, to be looked at and pulled."
  value       = google_pubsub_subscription.dead_letters.id
}

output "filter" {
  description = "What the sink exports, to be tried in the Logs Explorer."
  value       = local.filter
}
