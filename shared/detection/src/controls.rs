//! Which controls of which frameworks a detection serves.
//!
//! NIST SP 800-53 revision 5 by control identifier (csrc.nist.gov/pubs/sp/800/53/r5/upd1/final),
//! HITRUST CSF by control reference (hitrustalliance.net, CSF v9 numbering), GDPR by article
//! (eur-lex.europa.eu/eli/reg/2016/679/oj).

/// The controls of one detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controls {
    /// NIST SP 800-53 r5.
    pub nist: &'static [&'static str],
    /// HITRUST CSF.
    pub hitrust: &'static [&'static str],
    /// GDPR.
    pub gdpr: &'static [&'static str],
}

/// The security of processing, and the notification of a breach: what every detection serves.
pub(crate) const GDPR: &[&str] = &["Art. 32(1)(b)", "Art. 33(1)"];
