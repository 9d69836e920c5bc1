//! What the bare loops of the benches parse: the fields any detector by address must look at.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record<'a> {
    #[serde(borrow, default, rename = "eventID")]
    pub(crate) event_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) event_time: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) event_name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) error_code: Cow<'a, str>,
    #[serde(borrow, default, rename = "sourceIPAddress")]
    pub(crate) source_ip_address: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Delivery<'a> {
    #[serde(borrow)]
    pub(crate) records: Vec<Record<'a>>,
}
