variable "project_id" {
  description = "Project that holds the topic, the subscriptions and the service account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "The project_id is the ID of a project, such as example-security."
  }
}

variable "organization_id" {
  description = "Number of the organization whose logs are read, sign-ins of Workspace among them; empty reads those of the project alone."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[0-9]*$", var.organization_id))
    error_message = "The organization_id is a number."
  }
}

variable "name" {
  description = "What the names of all resources begin with."
  type        = string
  default     = "callerwatch"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 24 lower-case letters, digits and hyphens."
  }
}

variable "push_endpoint" {
  description = "URL of the function, the output GcpPushEndpoint of the AWS stack."
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9-]+\\.lambda-url\\.[a-z0-9-]+\\.on\\.aws/?$", var.push_endpoint))
    error_message = "The push_endpoint is the URL of a Lambda function."
  }
}

variable "push_audience" {
  description = "Audience of the tokens that pushes bear, the parameter GcpPushAudience of the AWS stack."
  type        = string
  default     = "callerwatch"

  validation {
    condition     = can(regex("^[!-~]{1,256}$", var.push_audience))
    error_message = "The push_audience has 1 to 256 visible characters."
  }
}

variable "exclusion" {
  description = "Filter of entries that are not to be read, for they are many and tell nothing; empty for none."
  type        = string
  default     = ""
}
