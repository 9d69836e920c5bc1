//! Who a person is to AWS: the identity of the credentials that are used.

use aws_config::SdkConfig;
use aws_sdk_sts::Client;

/// Who is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The ARN of the user, or of the session of a role.
    pub arn: String,
    /// The account it is of.
    pub account: String,
}

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It could not be asked.
    #[error("asking whose credentials these are")]
    Request(#[from] Box<aws_sdk_sts::Error>),
    /// The answer names nobody.
    #[error("asking whose credentials these are: the answer names nobody")]
    Nobody,
}

/// Whose credentials a configuration has. Needs no permission.
///
/// # Errors
///
/// When AWS does not say.
pub async fn identity(config: &SdkConfig) -> Result<Identity, IdentityError> {
    let told = Client::new(config).get_caller_identity().send().await;
    let told = told.map_err(|error| Box::new(aws_sdk_sts::Error::from(error)))?;
    let (arn, account) = told.arn.zip(told.account).ok_or(IdentityError::Nobody)?;
    Ok(Identity { arn, account })
}
