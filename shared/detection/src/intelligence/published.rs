//! Whose ranges a document is, told by the form in which each cloud publishes its own.
//!
//! Promises to name a cloud only for a whole publication, as far as the form shows that: a list that
//! somebody cut down says of no address that it is outside. Must not know what an address is.
//!
//! Forms: docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html,
//! cloud.google.com/compute/docs/faq (`cloud.json` and `goog.json`), and
//! learn.microsoft.com/azure/virtual-network/service-tags-overview.

use serde_json::{Map, Value};

use crate::activity::Cloud;

/// The cloud that published a document of ranges.
pub(super) fn by(document: &Map<String, Value>) -> Option<Cloud> {
    let has = |name: &str| document.contains_key(name);
    let items = |name: &str| document.get(name).and_then(Value::as_array).into_iter().flatten();
    // Of AWS the service `AMAZON`, and of Azure the tag `AzureCloud`, hold all others.
    let is_aws = || items("prefixes").any(|it| it.get("service").is_some_and(|it| it == "AMAZON"));
    let is_google = || items("prefixes").any(|it| it.get("ipv4Prefix").is_some());
    let is_azure = || items("values").any(|it| it.get("name").is_some_and(|it| it == "AzureCloud"));
    if has("syncToken") && has("createDate") && is_aws() {
        Some(Cloud::Aws)
    } else if has("syncToken") && has("creationTime") && is_google() {
        Some(Cloud::Gcp)
    } else if has("changeNumber") && is_azure() {
        Some(Cloud::Azure)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intelligence::{Category, Intelligence};

    const AWS: &str = r#"{"syncToken":"1772438400","createDate":"2026-03-02-08-00-00","prefixes":[
        {"ip_prefix":"203.0.113.0/24","region":"eu-west-1","service":"AMAZON"}]}"#;
    const GOOGLE: &str = r#"{"syncToken":"1772438400123","creationTime":"2026-03-02T08:00:00.123",
        "prefixes":[{"ipv4Prefix":"203.0.113.0/24","service":"Google Cloud"}]}"#;
    const AZURE: &str = r#"{"changeNumber":9,"cloud":"Public","values":[{"name":"AzureCloud",
        "properties":{"addressPrefixes":["203.0.113.0/24"]}}]}"#;

    fn whose(category: Category, text: &str, column: Option<&str>) -> Option<Cloud> {
        let lists =
            Intelligence::builder().list_with_column("l", category, text.as_bytes(), column);
        // As it comes back from a file.
        let lists = Intelligence::load(lists.unwrap().build().as_bytes()).unwrap();
        let cloud = lists.lists()[0].cloud;
        for of_cloud in Cloud::ALL {
            assert_eq!(lists.has_ranges_of(of_cloud), cloud == Some(of_cloud));
        }
        cloud
    }

    #[test]
    fn whole_publications_alone() {
        for (text, expected) in [
            (AWS.to_owned(), Some(Cloud::Aws)),
            (GOOGLE.to_owned(), Some(Cloud::Gcp)),
            (AZURE.to_owned(), Some(Cloud::Azure)),
            (AWS.replace("AMAZON", "S3"), None),
            (AZURE.replace("AzureCloud", "Sql"), None),
            // Crawlers publish theirs in the form of Google.
            (GOOGLE.replace("syncToken", "token"), None),
            ("203.0.113.0/24\n".to_owned(), None),
        ] {
            assert_eq!(whose(Category::Cloud, &text, None), expected, "{text}");
        }
        assert_eq!(whose(Category::Hosting, AWS, None), None);
        assert_eq!(whose(Category::Cloud, AWS, Some("ip_prefix")), None);
    }
}
