//! What the bare loops of the benches parse: the fields any detector by address must look at.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record<'a> {
    #[serde(borrow, rename = "eventID")]
    pub(crate) event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) event_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) event_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) error_code: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sourceIPAddress")]
    pub(crate) source_ip_address: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Delivery<'a> {
    #[serde(borrow)]
    pub(crate) records: Vec<Record<'a>>,
}
