//! The port through which alerts go out.

use std::future::Future;

use crate::alert::Alert;
use crate::ocsf::Activity;

/// An alert to be announced.
#[derive(Clone, Copy, Debug)]
pub struct Announcement<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// Whether it is told for the first time.
    pub activity: Activity,
}

/// Where alerts go.
pub trait AlertSink {
    /// What can go wrong with the world.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Publishes announcements, and answers for each, in their order, whether it went out.
    fn publish(
        &self,
        announcements: &[Announcement<'_>],
    ) -> impl Future<Output = Vec<Result<(), Self::Error>>> + Send;
}
