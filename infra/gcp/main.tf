# From Cloud Audit Logs to callerwatch:
#
#   sink -> topic -> push subscription -> the function's URL, with a token of the service account
#                                      -> dead letters, after 100 refusals
#
# The function verifies the token by itself: nobody else's pushes are read.

locals {
  # All that changes something, and all that a perimeter or policy refuses. Reads are many and logged
  # where that is switched on: of them what was refused, and sign-ins.
  filter = trimspace(<<-EOT
    log_id("cloudaudit.googleapis.com/activity")
    OR log_id("cloudaudit.googleapis.com/policy")
    OR (
      log_id("cloudaudit.googleapis.com/data_access")
      AND (
        protoPayload.status.code = (7 OR 16)
        OR protoPayload.serviceName = "login.googleapis.com"
      )
    )
  EOT
  )

  is_organization = var.organization_id != ""
  writer = (
    local.is_organization
    ? google_logging_organization_sink.audit[0].writer_identity
    : google_logging_project_sink.audit[0].writer_identity
  )
  # Pub/Sub itself, which makes tokens and moves dead letters.
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

data "google_project" "this" {
  project_id = var.project_id
}

# --- What is exported

resource "google_logging_organization_sink" "audit" {
  count = local.is_organization ? 1 : 0

  name             = "${var.name}-audit"
  description      = "Audit logs that callerwatch reads."
  org_id           = var.organization_id
  include_children = true
  destination      = "pubsub.googleapis.com/${google_pubsub_topic.audit.id}"
  filter           = local.filter

  dynamic "exclusions" {
    for_each = var.exclusion == "" ? [] : [var.exclusion]
    content {
      name   = "unwanted"
      filter = exclusions.value
    }
  }
}

resource "google_logging_project_sink" "audit" {
  count = local.is_organization ? 0 : 1

  name                   = "${var.name}-audit"
  description            = "Audit logs that callerwatch reads."
  project                = var.project_id
  unique_writer_identity = true
  destination            = "pubsub.googleapis.com/${google_pubsub_topic.audit.id}"
  filter                 = local.filter

  dynamic "exclusions" {
    for_each = var.exclusion == "" ? [] : [var.exclusion]
    content {
      name   = "unwanted"
      filter = exclusions.value
    }
  }
}

resource "google_pubsub_topic" "audit" {
  name    = "${var.name}-audit"
  project = var.project_id
}

resource "google_pubsub_topic_iam_member" "sink" {
  project = var.project_id
  topic   = google_pubsub_topic.audit.name
  role    = "roles/pubsub.publisher"
  member  = local.writer
}

# --- How it is delivered

# It has no role anywhere: all that it is good for is to say who pushes.
resource "google_service_account" "push" {
  project      = var.project_id
  account_id   = "${var.name}-push"
  display_name = "callerwatch: pushes audit logs"
}

resource "google_service_account_iam_member" "token_creator" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

resource "google_pubsub_subscription" "push" {
  name    = "${var.name}-push"
  project = var.project_id
  topic   = google_pubsub_topic.audit.id

  # Longer than the function may run, or what it is still reading is pushed again.
  ack_deadline_seconds       = 90
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = var.push_endpoint

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = var.push_audience
    }
  }

  # Most of a day, before an entry is given up.
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters.id
    max_delivery_attempts = 100
  }

  # Never, however long nothing is logged.
  expiration_policy {
    ttl = ""
  }

  depends_on = [google_service_account_iam_member.token_creator]
}

# --- What could not be delivered

resource "google_pubsub_topic" "dead_letters" {
  name    = "${var.name}-dead-letters"
  project = var.project_id
}

# A topic keeps nothing that nobody subscribes to.
resource "google_pubsub_subscription" "dead_letters" {
  name    = "${var.name}-dead-letters"
  project = var.project_id
  topic   = google_pubsub_topic.dead_letters.id

  ack_deadline_seconds       = 60
  message_retention_duration = "1209600s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project_id
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

# To acknowledge what it moves.
resource "google_pubsub_subscription_iam_member" "push" {
  project      = var.project_id
  subscription = google_pubsub_subscription.push.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
