//! Decode: the fields of a `CloudTrail` record that matter here, read leniently.
//!
//! Promises that any JSON value reads as a record, if an empty one. Knows no meaning of a field:
//! that is for the modules beside it.

use crate::lenient::{First, Present, Text, lenient};

lenient! {
    /// A `CloudTrail` record, or one of the documents that lie beside them.
    pub(super) struct Record<'a> {
        event_version: Text<'a> = "eventVersion",
        user_identity: Identity<'a> = "userIdentity",
        event_time: Text<'a> = "eventTime",
        event_source: Text<'a> = "eventSource",
        event_name: Text<'a> = "eventName",
        aws_region: Text<'a> = "awsRegion",
        source_ip_address: Text<'a> = "sourceIPAddress",
        user_agent: Text<'a> = "userAgent",
        error_code: Text<'a> = "errorCode",
        error_message: Text<'a> = "errorMessage",
        request_parameters: Parameters<'a> = "requestParameters",
        response_elements: Answer<'a> = "responseElements",
        service_event_details: Answer<'a> = "serviceEventDetails",
        additional_event_data: AdditionalEventData<'a> = "additionalEventData",
        request_id: Text<'a> = "requestID",
        event_id: Text<'a> = "eventID",
        shared_event_id: Text<'a> = "sharedEventID",
        addendum: Addendum<'a> = "addendum",
        read_only: Text<'a> = "readOnly",
        resources: First<Resource<'a>> = "resources",
        event_type: Text<'a> = "eventType",
        recipient_account_id: Text<'a> = "recipientAccountId",
        vpc_endpoint_id: Text<'a> = "vpcEndpointId",
        session_credential_from_console: Text<'a> = "sessionCredentialFromConsole",
        aws_account_id: Text<'a> = "awsAccountId",
        digest_start_time: Text<'a> = "digestStartTime",
    }
}

lenient! {
    /// Who called.
    pub(super) struct Identity<'a> {
        kind: Text<'a> = "type",
        principal_id: Text<'a> = "principalId",
        arn: Text<'a> = "arn",
        account_id: Text<'a> = "accountId",
        user_name: Text<'a> = "userName",
        access_key_id: Text<'a> = "accessKeyId",
        invoked_by: Text<'a> = "invokedBy",
        provider: Text<'a> = "identityProvider",
        session_context: SessionContext<'a> = "sessionContext",
        in_scope_of: InScopeOf<'a> = "inScopeOf",
        on_behalf_of: OnBehalfOf<'a> = "onBehalfOf",
    }
}

lenient! {
    /// The session the credentials belong to.
    pub(super) struct SessionContext<'a> {
        session_issuer: SessionIssuer<'a> = "sessionIssuer",
        web_id_federation_data: WebIdFederationData<'a> = "webIdFederationData",
        attributes: SessionAttributes<'a> = "attributes",
        source_identity: Text<'a> = "sourceIdentity",
        ec2_role_delivery: Text<'a> = "ec2RoleDelivery",
    }
}

lenient! {
    /// What the credentials were issued to.
    pub(super) struct InScopeOf<'a> {
        issuer_type: Text<'a> = "issuerType",
    }
}

lenient! {
    /// The role or user a session was made from.
    pub(super) struct SessionIssuer<'a> {
        arn: Text<'a> = "arn",
        user_name: Text<'a> = "userName",
    }
}

lenient! {
    /// Says something only for sessions of a web identity; others have it empty.
    pub(super) struct WebIdFederationData<'a> {
        federated_provider: Text<'a> = "federatedProvider",
        attributes: Present = "attributes",
    }
}

lenient! {
    /// How a session began.
    pub(super) struct SessionAttributes<'a> {
        mfa_authenticated: Text<'a> = "mfaAuthenticated",
    }
}

lenient! {
    /// The Identity Center user a call was made for.
    pub(super) struct OnBehalfOf<'a> {
        user_id: Text<'a> = "userId",
    }
}

lenient! {
    /// The names request parameters give to what a call is about, likelier ones first; and how a
    /// user pool of Cognito is asked for a sign-in.
    pub(super) struct Parameters<'a> {
        name: Text<'a> = "bucketName" | "roleName" | "userName" | "instanceId" | "functionName"
            | "keyId" | "secretId" | "tableName" | "roleArn" | "groupName" | "policyArn"
            | "dBInstanceIdentifier" | "topicArn" | "queueUrl" | "trailName",
        flow: Text<'a> = "authFlow" | "challengeName",
    }
}

lenient! {
    /// `Success` or `Failure`, under the name of the event it is the outcome of. A user pool of
    /// Cognito answers with tokens, or with the challenge that comes next.
    pub(super) struct Answer<'a> {
        verdict: Text<'a> = "ConsoleLogin" | "UserAuthentication" | "CredentialVerification"
            | "CredentialChallenge" | "ExternalIdPDirectoryLogin" | "SwitchRole" | "CheckMfa"
            | "PasswordUpdated" | "PasswordRecoveryRequested" | "PasswordRecoveryCompleted",
        tokens: Present = "authenticationResult",
        challenge: Text<'a> = "challengeName",
    }
}

lenient! {
    /// What a service adds on its own.
    pub(super) struct AdditionalEventData<'a> {
        mfa_used: Text<'a> = "MFAUsed",
        sub: Text<'a> = "sub",
    }
}

lenient! {
    /// Marks a late or corrected copy of an event.
    pub(super) struct Addendum<'a> {
        original_event_id: Text<'a> = "originalEventID",
    }
}

lenient! {
    /// A resource a call touched.
    pub(super) struct Resource<'a> {
        arn: Text<'a> = "ARN" | "arn",
    }
}

impl Record<'_> {
    /// Whether `CloudTrail` made it. Notices of S3 and queues have an `eventSource` too, and Azure
    /// has columns of the same names.
    pub(super) fn is_cloudtrail(&self) -> bool {
        let named = !self.event_source.as_str().is_empty()
            && !self.event_source.as_str().starts_with("aws:")
            && !self.event_name.as_str().is_empty();
        let versioned = !self.event_version.as_str().is_empty();
        let of_aws = || {
            self.event_source.as_str().contains("amazonaws.com")
                || !self.aws_region.as_str().is_empty()
        };
        named && (versioned || of_aws())
            || versioned
                && !self.event_type.as_str().is_empty()
                && self.event_source.as_str().is_empty()
    }

    /// Whether it is a digest: the checksums of delivered files, in a folder beside them.
    pub(super) fn is_digest(&self) -> bool {
        !self.aws_account_id.as_str().is_empty() && !self.digest_start_time.as_str().is_empty()
    }
}
