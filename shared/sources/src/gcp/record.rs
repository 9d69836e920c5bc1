//! The fields of Google's records that detection needs, in every spelling they come in: the
//! `LogEntry` of Cloud Logging with its `AuditLog`, and the `activity` of the Reports API.
//!
//! Spellings beside Google's own are those of exports: lower case, snake case, and `at_sign_type`
//! where `@` may not stand in a column's name. What the fields mean is for the other files.

use crate::lenient::{List, Text, lenient};

lenient! {
    /// One record of either kind.
    pub(super) struct Record<'a> {
        log_name: Text<'a> = "logName" | "logname" | "log_name",
        insert_id: Text<'a> = "insertId" | "insertid" | "insert_id",
        timestamp: Text<'a> = "timestamp",
        receive_timestamp: Text<'a> =
            "receiveTimestamp" | "receivetimestamp" | "receive_timestamp",
        resource: MonitoredResource<'a> = "resource",
        operation: Operation<'a> = "operation",
        payload: AuditLog<'a> =
            "protoPayload" | "protopayload" | "proto_payload" | "protopayload_auditlog",
        id: ActivityId<'a> = "id",
        actor: ActivityActor<'a> = "actor",
        ip_address: Text<'a> = "ipAddress" | "ip_address",
        events: List<Event<'a>> = "events",
        /// Some exports make one record of each event, its fields beside those of the activity.
        name: Text<'a> = "name",
        parameters: List<Parameter<'a>> = "parameters",
    }
}

lenient! {
    /// What the entry is about, as Cloud Logging sees it.
    pub(super) struct MonitoredResource<'a> {
        labels: ResourceLabels<'a> = "labels",
    }
}

lenient! {
    pub(super) struct ResourceLabels<'a> {
        container: Text<'a> = "project_id" | "organization_id" | "folder_id",
        location: Text<'a> = "location" | "region",
        zone: Text<'a> = "zone",
    }
}

lenient! {
    /// The long-running operation an entry belongs to.
    pub(super) struct Operation<'a> {
        first: Text<'a> = "first",
        last: Text<'a> = "last",
    }
}

lenient! {
    /// `google.cloud.audit.AuditLog`.
    pub(super) struct AuditLog<'a> {
        type_url: Text<'a> = "@type" | "at_sign_type" | "at_type" | "_type",
        service_name: Text<'a> = "serviceName" | "service_name" | "servicename",
        method_name: Text<'a> = "methodName" | "method_name" | "methodname",
        resource_name: Text<'a> = "resourceName" | "resource_name" | "resourcename",
        status: Status<'a> = "status",
        authentication: AuthenticationInfo<'a> = "authenticationInfo" | "authentication_info",
        authorization: List<AuthorizationInfo<'a>> = "authorizationInfo" | "authorization_info",
        request: RequestMetadata<'a> = "requestMetadata" | "request_metadata",
        metadata: Metadata<'a> = "metadata",
    }
}

lenient! {
    /// `google.rpc.Status`; absent or empty where all went well.
    pub(super) struct Status<'a> {
        code: Text<'a> = "code",
    }
}

lenient! {
    pub(super) struct AuthenticationInfo<'a> {
        email: Text<'a> = "principalEmail" | "principal_email" | "principalemail",
        subject: Text<'a> = "principalSubject" | "principal_subject" | "principalsubject",
        key_name: Text<'a> = "serviceAccountKeyName" | "service_account_key_name",
        delegation: List<Delegation<'a>> =
            "serviceAccountDelegationInfo" | "service_account_delegation_info",
    }
}

lenient! {
    /// One step of a chain in which principals act as service accounts.
    pub(super) struct Delegation<'a> {
        subject: Text<'a> = "principalSubject" | "principal_subject",
        first_party: FirstParty<'a> = "firstPartyPrincipal" | "first_party_principal",
    }
}

lenient! {
    pub(super) struct FirstParty<'a> {
        email: Text<'a> = "principalEmail" | "principal_email",
    }
}

lenient! {
    pub(super) struct AuthorizationInfo<'a> {
        resource: Text<'a> = "resource",
        permission: Text<'a> = "permission",
        permission_type: Text<'a> = "permissionType" | "permission_type",
    }
}

lenient! {
    pub(super) struct RequestMetadata<'a> {
        caller_ip: Text<'a> = "callerIp" | "callerIP" | "caller_ip" | "callerip",
        user_agent: Text<'a> = "callerSuppliedUserAgent" | "caller_supplied_user_agent",
    }
}

lenient! {
    /// What a service adds of its own: of VPC Service Controls, and of Workspace.
    pub(super) struct Metadata<'a> {
        type_url: Text<'a> = "@type" | "at_sign_type" | "at_type" | "_type",
        dry_run: Text<'a> = "dryRun" | "dry_run",
        activity: MetadataActivityId<'a> = "activityId" | "activity_id",
        events: List<Event<'a>> = "event" | "events",
    }
}

lenient! {
    pub(super) struct MetadataActivityId<'a> {
        time_micros: Text<'a> = "timeUsec" | "time_usec",
        qualifier: Text<'a> = "uniqQualifier" | "uniq_qualifier",
    }
}

lenient! {
    /// What names an activity of the Reports API.
    pub(super) struct ActivityId<'a> {
        application: Text<'a> = "applicationName" | "application_name",
        customer: Text<'a> = "customerId" | "customer_id",
        time: Text<'a> = "time",
        qualifier: Text<'a> = "uniqueQualifier" | "unique_qualifier",
    }
}

lenient! {
    pub(super) struct ActivityActor<'a> {
        email: Text<'a> = "email",
        profile: Text<'a> = "profileId" | "profile_id",
        /// Names what acts where nobody does: an OAuth client, a back end.
        caller_key: Text<'a> = "key",
    }
}

lenient! {
    /// One event of an activity, as the Reports API or as Cloud Logging writes it.
    pub(super) struct Event<'a> {
        name: Text<'a> = "name" | "eventName" | "event_name",
        parameters: List<Parameter<'a>> = "parameters" | "parameter",
    }
}

lenient! {
    /// One parameter, named; or all of them, where they come as one object.
    pub(super) struct Parameter<'a> {
        name: Text<'a> = "name",
        values: List<Text<'a>> = "value" | "multiValue" | "multiStrValue",
        flag: Text<'a> = "boolValue",
        login_type: Text<'a> = "login_type",
        challenge_methods: List<Text<'a>> = "login_challenge_method",
        challenge_status: Text<'a> = "login_challenge_status",
        second_factor: Text<'a> = "is_second_factor",
        failure_type: Text<'a> = "login_failure_type" | "failure_type",
        affected_email: Text<'a> = "affected_email_address",
    }
}
