//! Normalize, Azure: fields that are a plain text in one schema and an object in another.
//!
//! `operationName` is `"Microsoft.Compute/disks/delete"` in an export and
//! `{"value": …, "localizedValue": …}` in the REST schema; `identity` is a name in a sign-in and an
//! object of claims in the Activity Log. Knows no field by name.

use std::borrow::Cow;

use crate::lenient::{Empty, Lenient, Text, may_hold_object};

/// A text or an object; an object written as JSON within a string is an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mixed<'a, T> {
    /// The scalar; empty where an object stands.
    pub(super) text: Text<'a>,
    /// The object; empty where a scalar stands.
    pub(super) object: T,
}

impl<T: Empty> Empty for Mixed<'_, T> {
    const EMPTY: Self = Self { text: Text::EMPTY, object: T::EMPTY };
}

impl<'a, T: Lenient<'a>> Lenient<'a> for Mixed<'a, T> {
    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.object.is_empty()
    }

    fn text(&mut self, text: Cow<'a, str>) {
        if may_hold_object(&text) {
            self.object.text(text.clone());
        }
        if self.object.is_empty() {
            self.text.text(text);
        }
    }

    fn object(&mut self) -> Option<&mut dyn Lenient<'a>> {
        self.object.object()
    }

    fn end(&mut self) {
        self.object.end();
    }
}

#[cfg(test)]
mod tests {
    use super::Mixed;
    use crate::lenient::{Text, lenient, of_json};

    lenient! {
        struct Pair<'a> (ignoring case) {
            value: Text<'a> = "value",
        }
    }

    #[test]
    fn texts_and_objects() {
        for (json, text, value) in [
            (r#""Delete""#, "Delete", ""),
            (r#""Del\u0065te""#, "Delete", ""),
            (r#"{"Value":"Delete","x":[{}]}"#, "", "Delete"),
            (r#""{\"value\":\"Delete\"}""#, "", "Delete"),
            (r#""{broken""#, "{broken", ""),
            ("50126", "50126", ""),
            ("-1", "-1", ""),
            ("true", "true", ""),
            ("1.5", "1.5", ""),
            ("null", "", ""),
            (r#"[{"value":"Delete"}]"#, "", ""),
        ] {
            let read: Mixed<'_, Pair<'_>> = of_json(json).unwrap();
            assert_eq!((read.text.as_str(), read.object.value.as_str()), (text, value), "{json}");
        }
    }
}
