//! Decode, Azure: one record of any of Azure's logs, with every spelling of its fields.
//!
//! An export keeps details under `properties`; a row of a Log Analytics table and an object of
//! Microsoft Graph keep the same details at the top. They are brought to one level here, so that
//! nothing after this file asks where a field stood. Knows nothing of what the values mean.

use crate::lenient::{Lenient, List, Text, lenient};

use super::mixed::Mixed;

/// Declares the record: its own fields, and those that stand at the top or under `properties`.
macro_rules! record {
    (
        top { $($own:ident: $own_type:ty = $($own_key:literal)|+,)* }
        either { $($field:ident: $type:ty = $($key:literal)|+,)* }
    ) => {
        lenient! {
            /// What stands under `properties`.
            pub(super) struct Details<'a> (ignoring case) {
                $($field: $type = $($key)|+,)*
            }
        }
        lenient! {
            /// One record, as read.
            pub(super) struct Record<'a> (ignoring case) {
                properties: Details<'a> = "properties" | "properties_d",
                $($own: $own_type = $($own_key)|+,)*
                $($field: $type = $($key)|+,)*
            }
        }
        impl Record<'_> {
            /// Lifts the details to the top, where there is nothing yet: in the Activity Log
            /// `properties` are a resource provider's, and may not contradict the log's own words.
            fn lift_details(&mut self) {
                $(
                    if self.$field.is_empty() {
                        self.$field = std::mem::take(&mut self.properties.$field);
                    }
                )*
            }
        }
    };
}

record! {
    top {
        time: Text<'a> = "time" | "eventtimestamp" | "event_timestamp" | "timegenerated"
            | "timegenerated [utc]",
        table: Text<'a> = "type",
        category: Mixed<'a, Localized<'a>> = "category" | "categoryvalue",
        resource_id: Text<'a> = "resourceid" | "resource_id" | "_resourceid" | "resourceuri",
        operation: Mixed<'a, Localized<'a>> = "operationname" | "operation_name",
        operation_value: Text<'a> = "operationnamevalue",
        event_name: Mixed<'a, Localized<'a>> = "eventname" | "event_name",
        activity_status: Text<'a> = "activitystatusvalue" | "activitystatus",
        substatus: Mixed<'a, Localized<'a>> = "resultsignature" | "substatus" | "sub_status"
            | "activitysubstatusvalue" | "activitysubstatus",
        caller_ip: Text<'a> = "calleripaddress",
        result_type: Text<'a> = "resulttype",
        correlation_id: Text<'a> = "correlationid" | "correlation_id",
        event_data_id: Text<'a> = "eventdataid" | "event_data_id",
        http_request: HttpRequest<'a> = "httprequest" | "http_request",
        caller: Text<'a> = "caller",
        claims: Claims<'a> = "claims" | "claims_d",
        authorization: Authorization<'a> = "authorization" | "authorization_d",
        identity: Mixed<'a, Identity<'a>> = "identity",
        aad_tenant_id: Text<'a> = "aadtenantid",
        subscription_id: Text<'a> = "subscriptionid" | "subscription_id",
        location: Text<'a> = "location",
        metric: Text<'a> = "metricname",
        authentication_type: Text<'a> = "authenticationtype",
        requester_object_id: Text<'a> = "requesterobjectid",
        requester_upn: Text<'a> = "requesterupn",
        requester_app_id: Text<'a> = "requesterappid",
        office_workload: Text<'a> = "workload",
        office_record_type: Text<'a> = "recordtype",
        office_operation: Text<'a> = "operation",
    }
    either {
        id: Text<'a> = "id",
        request_id: Text<'a> = "requestid",
        created: Text<'a> = "createddatetime" | "activitydatetime",
        tenant_id: Text<'a> = "tenantid" | "tenant_id",
        ip_address: Text<'a> = "ipaddress",
        user_agent: Text<'a> = "useragent" | "useragentheader" | "clientinfo",
        status: Mixed<'a, Status<'a>> = "status",
        status_code: Text<'a> = "statuscode" | "responsestatuscode" | "httpstatuscode"
            | "httpstatuscode_d",
        status_text: Text<'a> = "statustext",
        status_message: Mixed<'a, StatusMessage<'a>> = "statusmessage",
        metric_response_type: Text<'a> = "metricresponsetype",
        result: Text<'a> = "result",
        result_reason: Text<'a> = "resultreason" | "resultdescription",
        user_id: Text<'a> = "userid",
        user_principal_name: Text<'a> = "userprincipalname",
        user_display_name: Text<'a> = "userdisplayname",
        app_id: Text<'a> = "appid",
        app_display_name: Text<'a> = "appdisplayname",
        service_principal_id: Text<'a> = "serviceprincipalid",
        managed_identity: ManagedIdentity<'a> = "managedserviceidentity",
        service_principal_name: Text<'a> = "serviceprincipalname",
        resource_display_name: Text<'a> = "resourcedisplayname",
        is_interactive: Text<'a> = "isinteractive",
        sign_in_event_types: List<Text<'a>> = "signineventtypes",
        authentication_protocol: Text<'a> = "authenticationprotocol",
        authentication_requirement: Text<'a> = "authenticationrequirement",
        mfa_detail: MfaDetail<'a> = "mfadetail",
        activity_display_name: Text<'a> = "activitydisplayname",
        logged_by_service: Text<'a> = "loggedbyservice",
        initiated_by: InitiatedBy<'a> = "initiatedby",
        target_resources: List<Target<'a>> = "targetresources",
        request_method: Text<'a> = "requestmethod",
        request_uri: Text<'a> = "requesturi" | "objectkey" | "uri",
    }
}

lenient! {
    /// `{value, localizedValue}` of the REST schema.
    pub(super) struct Localized<'a> (ignoring case) {
        value: Text<'a> = "value",
        localized: Text<'a> = "localizedvalue" | "localized_value",
    }
}

lenient! {
    /// The status of a sign-in, or the localized one of the REST schema.
    pub(super) struct Status<'a> (ignoring case) {
        error_code: Text<'a> = "errorcode",
        additional_details: Text<'a> = "additionaldetails",
        value: Text<'a> = "value" | "localizedvalue" | "localized_value",
    }
}

lenient! {
    /// What the resource provider answered to a call that failed.
    pub(super) struct StatusMessage<'a> (ignoring case) {
        error: ErrorDetail<'a> = "error",
        code: Text<'a> = "code",
    }
}

lenient! {
    pub(super) struct ErrorDetail<'a> (ignoring case) {
        code: Text<'a> = "code",
    }
}

lenient! {
    pub(super) struct HttpRequest<'a> (ignoring case) {
        client_ip: Text<'a> = "clientipaddress" | "client_ip_address",
    }
}

lenient! {
    /// The token of the caller.
    pub(super) struct Claims<'a> (ignoring case) {
        object_id: Text<'a> = "http://schemas.microsoft.com/identity/claims/objectidentifier"
            | "oid",
        upn: Text<'a> = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" | "upn"
            | "unique_name" | "preferred_username",
        email: Text<'a> = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        unique_name: Text<'a> = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        name: Text<'a> = "name",
        app_id: Text<'a> = "appid" | "azp",
        token_of: Text<'a> = "idtyp",
        ip: Text<'a> = "ipaddr",
        tenant_id: Text<'a> = "http://schemas.microsoft.com/identity/claims/tenantid" | "tid",
        managed_identity: Text<'a> = "xms_mirid",
        azure_resource: Text<'a> = "xms_az_rid",
        methods: Text<'a> = "http://schemas.microsoft.com/claims/authnmethodsreferences" | "amr",
    }
}

lenient! {
    pub(super) struct Authorization<'a> (ignoring case) {
        evidence: Evidence<'a> = "evidence",
    }
}

lenient! {
    /// The role assignment that allowed a call, and whose it is.
    pub(super) struct Evidence<'a> (ignoring case) {
        principal_id: Text<'a> = "principalid",
        principal_type: Text<'a> = "principaltype",
    }
}

lenient! {
    /// `identity` where it is an object: of claims in the Activity Log and Key Vault, of the
    /// requester in Storage.
    pub(super) struct Identity<'a> (ignoring case) {
        claims: Claims<'a> = "claims" | "claim",
        authorization: Authorization<'a> = "authorization",
        kind: Text<'a> = "type",
        requester: Requester<'a> = "requester",
    }
}

lenient! {
    pub(super) struct Requester<'a> (ignoring case) {
        object_id: Text<'a> = "objectid",
        upn: Text<'a> = "upn",
        app_id: Text<'a> = "appid",
    }
}

lenient! {
    /// The managed identity that signed in.
    pub(super) struct ManagedIdentity<'a> (ignoring case) {
        resource_id: Text<'a> = "associatedresourceid",
        federated_token_id: Text<'a> = "federatedtokenid",
    }
}

lenient! {
    pub(super) struct MfaDetail<'a> (ignoring case) {
        method: Text<'a> = "authmethod",
    }
}

lenient! {
    pub(super) struct InitiatedBy<'a> (ignoring case) {
        user: Initiator<'a> = "user",
        app: Initiator<'a> = "app",
    }
}

lenient! {
    /// The user or application that made an audited change.
    pub(super) struct Initiator<'a> (ignoring case) {
        id: Text<'a> = "id" | "serviceprincipalid",
        app_id: Text<'a> = "appid",
        user_principal_name: Text<'a> = "userprincipalname",
        display_name: Text<'a> = "displayname" | "serviceprincipalname",
        ip_address: Text<'a> = "ipaddress",
    }
}

lenient! {
    /// What an audited change was made to.
    pub(super) struct Target<'a> (ignoring case) {
        user_principal_name: Text<'a> = "userprincipalname",
        display_name: Text<'a> = "displayname",
        id: Text<'a> = "id",
    }
}

impl<'a> Record<'a> {
    /// Reads one JSON object; none where the text is no JSON.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut record: Self = serde_json::from_str(text).ok()?;
        record.lift_details();
        if record.claims.is_empty() {
            record.claims = std::mem::take(&mut record.identity.object.claims);
        }
        if record.authorization.is_empty() {
            record.authorization = std::mem::take(&mut record.identity.object.authorization);
        }
        if record.operation_value.is_empty() {
            record.operation_value = record.operation.clone().into_text();
        }
        // Entra ID ends the names of some operations in a space.
        for operation in [
            &mut record.operation_value,
            &mut record.activity_display_name,
            &mut record.office_operation,
        ] {
            *operation = std::mem::take(operation).trimmed();
        }
        Some(record)
    }
}

impl<'a> Mixed<'a, Localized<'a>> {
    /// The text, or the value meant for programs, or the one meant for people.
    pub(super) fn into_text(self) -> Text<'a> {
        let Localized { value, localized } = self.object;
        [self.text, value, localized].into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_level_whatever_the_schema() {
        for json in [
            r#"{"properties":{"ipAddress":"203.0.113.7","userId":"u"},"identity":{"claims":{"OID":"o"}},"operationName":"A/b"}"#,
            r#"{"properties":"{\"ipAddress\":\"203.0.113.7\",\"userId\":\"u\"}","identity":"{\"claims\":{\"oid\":\"o\"}}","OperationNameValue":"A/b","OperationName":"B"}"#,
            r#"{"IPAddress":"203.0.113.7","UserId":"u","Claims":"{\"oid\":\"o\"}","OperationName":{"value":"A/b","localizedValue":"B"}}"#,
            r#"{"ipaddress":"","properties":{"IpAddress":"203.0.113.7","userid":"u"},"claims_d":{"oid":"o"},"operation_name":{"value":"A/b"}}"#,
        ] {
            let record = Record::parse(json).unwrap();
            assert_eq!(record.ip_address.as_str(), "203.0.113.7", "{json}");
            assert_eq!(record.user_id.as_str(), "u", "{json}");
            assert_eq!(record.claims.object_id.as_str(), "o", "{json}");
            assert_eq!(record.operation_value.as_str(), "A/b", "{json}");
        }
        for key in ["operationName", "activityDisplayName", "Operation"] {
            let json = format!(r#"{{"{key}":" A b "}}"#);
            let Record { operation_value, activity_display_name, office_operation, .. } =
                Record::parse(&json).unwrap();
            let texts = [&operation_value, &activity_display_name, &office_operation];
            assert_eq!(texts.map(Text::as_str).concat(), "A b", "{json}");
        }
        assert_eq!(Record::parse("{"), None);
    }
}
