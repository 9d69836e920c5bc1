//! Whose ranges a document is, told by the form in which each cloud publishes its own.
//!
//! Looks on while the document is read, and keeps no more of it than which signs it showed. Promises
//! to name a cloud only for a whole publication, as far as the form shows that: a list that
//! somebody cut down says of no address that it is outside. Must not know what an address is.
//!
//! Forms: docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html,
//! cloud.google.com/compute/docs/faq (`cloud.json` and `goog.json`), and
//! learn.microsoft.com/azure/virtual-network/service-tags-overview.

use std::collections::BTreeSet;

use crate::activity::Cloud;

/// A place in a document that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// All of it.
    Document,
    SyncToken,
    Timestamp,
    Kind,
    CreateDate,
    CreationTime,
    ChangeNumber,
    Prefixes,
    Prefix,
    Service,
    Ipv4Prefix,
    Values,
    Value,
    Name,
    /// Anywhere else.
    Elsewhere,
}

impl Place {
    /// Where a member of the object at this place stands.
    pub(super) fn of_member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Document, "syncToken") => Self::SyncToken,
            (Self::Document, "timestamp") => Self::Timestamp,
            (Self::Document, "type") => Self::Kind,
            (Self::Document, "createDate") => Self::CreateDate,
            (Self::Document, "creationTime") => Self::CreationTime,
            (Self::Document, "changeNumber") => Self::ChangeNumber,
            (Self::Document, "prefixes") => Self::Prefixes,
            (Self::Document, "values") => Self::Values,
            (Self::Prefix, "service") => Self::Service,
            (Self::Prefix, "ipv4Prefix") => Self::Ipv4Prefix,
            (Self::Value, "name") => Self::Name,
            _ => Self::Elsewhere,
        }
    }

    /// Where an item of the array at this place stands.
    pub(super) fn of_item(self) -> Self {
        match self {
            Self::Prefixes => Self::Prefix,
            Self::Values => Self::Value,
            _ => Self::Elsewhere,
        }
    }
}

/// What a document showed of itself.
#[derive(Debug, Default)]
pub(super) struct Signs {
    seen: BTreeSet<Place>,
    sync_token: Option<u64>,
    timestamp: Option<u64>,
}

impl Signs {
    /// Takes note of a member, whatever it holds.
    pub(super) fn member(&mut self, place: Place) {
        // Of these it matters what they hold.
        if !matches!(place, Place::Service | Place::Name | Place::Kind | Place::Elsewhere) {
            self.seen.insert(place);
        }
    }

    /// Takes note of a text.
    pub(super) fn text(&mut self, place: Place, text: &str) {
        match (place, text) {
            // Of AWS the service `AMAZON`, and of Azure the tag `AzureCloud`, hold all others.
            (Place::Service, "AMAZON")
            | (Place::Name, "AzureCloud")
            | (Place::Kind, "metadata") => {
                self.seen.insert(place);
            }
            (Place::SyncToken | Place::Timestamp, _) => {
                if let Ok(number) = text.parse() {
                    self.number(place, number);
                }
            }
            _ => {}
        }
    }

    /// Takes note of a number.
    pub(super) fn number(&mut self, place: Place, number: u64) {
        match place {
            Place::SyncToken => self.sync_token = Some(number),
            Place::Timestamp => self.timestamp = Some(number),
            _ => {}
        }
    }

    /// The cloud that published the document.
    pub(super) fn cloud(&self) -> Option<Cloud> {
        let has = |places: &[Place]| places.iter().all(|place| self.seen.contains(place));
        if has(&[Place::SyncToken, Place::CreateDate, Place::Service]) {
            Some(Cloud::Aws)
        } else if has(&[Place::SyncToken, Place::CreationTime, Place::Ipv4Prefix]) {
            Some(Cloud::Gcp)
        } else if has(&[Place::ChangeNumber, Place::Name]) {
            Some(Cloud::Azure)
        } else {
            None
        }
    }

    /// As of when the document is, in seconds since 1970. AWS and Google tell it as a token, in
    /// seconds or milliseconds; Spamhaus as a time.
    pub(super) fn date(&self) -> Option<u64> {
        const MILLIS_FROM: u64 = 100_000_000_000;
        let has_token = self.seen.contains(&Place::SyncToken);
        let told = if has_token { self.sync_token } else { self.timestamp }?;
        Some(if told < MILLIS_FROM { told } else { told / 1000 })
    }

    /// Whether it is what Spamhaus says of its lines, and none of them.
    pub(super) fn is_about_others(&self) -> bool {
        self.seen.contains(&Place::Kind) && self.seen.contains(&Place::Timestamp)
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
