//! Normalize, Azure: whether a managed identity called from a resource that runs in Azure.
//!
//! A managed identity that the user assigned may also be used from elsewhere, with tokens of GitHub
//! or of a cluster; and servers of Azure Arc have identities wherever they stand. So a resource has
//! to be named, and be of a provider whose resources run in Azure alone.
//!
//! `xms_mirid` names the resource of an identity that Azure assigned, and else the identity itself;
//! `xms_az_rid` then names the resource: learn.microsoft.com/answers/questions/1282788. Of a sign-in:
//! learn.microsoft.com/graph/api/resources/managedidentity.

use crate::lenient::{Lenient, Text};

use super::origin;
use super::record::Record;

/// Providers of what runs in Azure. Those of factories, workspaces and automation run on machines
/// of the user too.
const IN_AZURE: [&str; 5] = [
    "Microsoft.App",
    "Microsoft.Compute",
    "Microsoft.ContainerInstance",
    "Microsoft.ContainerService",
    "Microsoft.Web",
];

/// Whether the caller's token is one of a workload.
pub(super) fn has_token_of_one(record: &Record<'_>) -> bool {
    let claims = &record.claims;
    runs_in_azure(&origin::first(&[&claims.azure_resource, &claims.managed_identity]))
}

/// Whether a workload signed in.
pub(super) fn is_one(record: &Record<'_>) -> bool {
    let identity = &record.managed_identity;
    identity.federated_token_id.is_empty() && runs_in_azure(&identity.resource_id)
}

fn runs_in_azure(resource_id: &Text<'_>) -> bool {
    let provider = origin::provider(resource_id);
    provider.is_some_and(|it| IN_AZURE.iter().any(|name| name.eq_ignore_ascii_case(&it)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::activity;

    const GROUP: &str = "/subscriptions/s-1/resourcegroups/g/providers";

    #[test]
    fn tokens() {
        let machine = "Microsoft.Compute/virtualMachines/web";
        let assigned = "Microsoft.ManagedIdentity/userAssignedIdentities/deploy";
        let arc = "Microsoft.HybridCompute/machines/office";
        for (identity, resource, expected) in [
            (machine, None, true),
            ("microsoft.web/sites/shop", None, true),
            (assigned, Some(machine), true),
            (machine, Some(machine), true),
            (assigned, None, false),
            (arc, None, false),
            (assigned, Some(arc), false),
            ("Microsoft.DataFactory/factories/nightly", None, false),
        ] {
            let resource = resource.map(|it| format!(r#","xms_az_rid":"{GROUP}/{it}""#));
            let claims = format!(
                r#"{{"oid":"o-1","xms_mirid":"{GROUP}/{identity}"{}}}"#,
                resource.unwrap_or_default()
            );
            for json in [
                format!(
                    r#"{{"category":"Administrative","operationName":"A.b/c","identity":{{"claims":{claims}}}}}"#
                ),
                format!(
                    r#"{{"resourceId":"{GROUP}/MICROSOFT.KEYVAULT/VAULTS/V","category":"AuditEvent","operationName":"SecretGet","resultType":"Success","callerIpAddress":"203.0.113.7","identity":{{"claim":{claims}}}}}"#
                ),
            ] {
                assert_eq!(activity(&json).workload, expected, "{json}");
            }
        }
        for json in [
            r#"{"category":"Administrative","operationName":"A.b/c","identity":{"claims":{"oid":"o-1"}}}"#,
            r#"{"category":"Administrative","operationName":"A.b/c","claims":{"xms_mirid":"Microsoft.Compute"}}"#,
        ] {
            assert!(!activity(json).workload, "{json}");
        }
    }

    #[test]
    fn sign_ins() {
        for (fields, expected) in [
            (r#""associatedResourceId":"GROUP/Microsoft.Compute/virtualMachines/web""#, true),
            (r#""associatedResourceId":"GROUP/Microsoft.HybridCompute/machines/office""#, false),
            (
                r#""associatedResourceId":"GROUP/Microsoft.Compute/virtualMachines/web","federatedTokenId":"t-1""#,
                false,
            ),
            (r#""msiType":"systemAssigned""#, false),
        ] {
            let identity = fields.replace("GROUP", GROUP);
            let json = format!(
                r#"{{"category":"ManagedIdentitySignInLogs","resultType":"0","properties":{{"servicePrincipalId":"sp-1","managedServiceIdentity":{{{identity}}}}}}}"#
            );
            assert_eq!(activity(&json).workload, expected, "{json}");
        }
    }
}
