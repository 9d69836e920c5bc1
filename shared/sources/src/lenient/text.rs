//! Lenient decoding: scalars, as text.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer};

use super::{Empty, Lenient, read};

/// A scalar; empty for null, the empty string, arrays and objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text; empty where there is none.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, or nothing.
    pub(crate) fn into_option(self) -> Option<Cow<'a, str>> {
        (!self.0.is_empty()).then_some(self.0)
    }

    /// The text; empty where there is none.
    pub(crate) fn into_cow(self) -> Cow<'a, str> {
        self.0
    }

    /// The same without white space around it.
    pub(crate) fn trimmed(self) -> Self {
        Self(match self.0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        })
    }

    /// `true`, in any case of letters, as a boolean or as text.
    pub(crate) fn is_true(&self) -> bool {
        self.0.eq_ignore_ascii_case("true")
    }
}

impl Empty for Text<'_> {
    const EMPTY: Self = Self(Cow::Borrowed(""));
}

impl<'a> Lenient<'a> for Text<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn text(&mut self, text: Cow<'a, str>) {
        self.0 = text;
    }
}

impl<'a> Deserialize<'a> for Text<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}
