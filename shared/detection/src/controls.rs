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

/// The controls of a detection, by its id.
pub fn of(detection: &str) -> Controls {
    let (nist, hitrust): (&[_], &[_]) = match detection {
        "listed-source" => (&["SI-4", "SC-7", "AC-2(12)", "PM-16"], &["09.ab", "01.j"]),
        "denied-country" => (&["SI-4", "AC-2(12)", "AC-17"], &["09.ab", "01.j"]),
        "login-failures" => (&["AC-7", "SI-4", "AU-6"], &["09.ab", "01.p"]),
        "password-spray" => (&["AC-7", "IA-5", "SI-4"], &["09.ab", "01.d", "01.p"]),
        "login-after-failures" => (&["AC-7", "AC-2(12)", "IR-4"], &["09.ab", "01.p", "11.a"]),
        "error-burst" => (&["AC-6", "SI-4", "AU-6"], &["09.ab", "01.c"]),
        "success-after-denials" => (&["AC-6", "AC-2(12)", "IR-4"], &["09.ab", "01.c", "11.a"]),
        "cross-cloud" => (&["AU-6(3)", "IR-4(4)", "SI-4"], &["09.ab"]),
        _ => (&["SI-4", "AU-6"], &["09.ab"]),
    };
    Controls { nist, hitrust, gdpr: &["Art. 32(1)(b)", "Art. 33(1)"] }
}
