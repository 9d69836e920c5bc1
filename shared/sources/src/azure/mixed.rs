//! Normalize, Azure: fields that are a plain text in one schema and an object in another.
//!
//! `operationName` is `"Microsoft.Compute/disks/delete"` in an export and
//! `{"value": …, "localizedValue": …}` in the REST schema; `identity` is a name in a sign-in and an
//! object of claims in the Activity Log. Knows no field by name.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BoolDeserializer, F64Deserializer, I64Deserializer, U64Deserializer};
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::lenient::{InPlace, Lenient, Text};

/// A text or an object; an object written as JSON within a string is an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mixed<'a, T> {
    /// The scalar; empty where an object stands.
    pub(super) text: Text<'a>,
    /// The object; empty where a scalar stands.
    pub(super) object: T,
}

impl<T: Lenient> Lenient for Mixed<'_, T> {
    type Owned = Mixed<'static, T::Owned>;

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.object.is_empty()
    }

    fn into_owned(self) -> Self::Owned {
        Mixed { text: self.text.into_owned(), object: self.object.into_owned() }
    }
}

impl<'de: 'a, 'a, T: Lenient + Deserialize<'de>> Deserialize<'de> for Mixed<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MixedVisitor(PhantomData))
    }
}

impl<'a, T: Lenient + Deserialize<'a>> InPlace<'a> for Mixed<'a, T> {}

struct MixedVisitor<T>(PhantomData<T>);

impl<'de, T: Lenient + Deserialize<'de>> MixedVisitor<T> {
    fn scalar<D: Deserializer<'de>>(deserializer: D) -> Result<Mixed<'de, T>, D::Error> {
        Ok(Mixed { text: Text::deserialize(deserializer)?, object: T::default() })
    }
}

impl<'de, T: Lenient + Deserialize<'de>> Visitor<'de> for MixedVisitor<T> {
    type Value = Mixed<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let object = T::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Mixed { text: Text::default(), object })
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        let object = T::deserialize(BorrowedStrDeserializer::new(text))?;
        if object.is_empty() {
            Self::scalar(BorrowedStrDeserializer::new(text))
        } else {
            Ok(Mixed { text: Text::default(), object })
        }
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let object = T::deserialize(StrDeserializer::new(text))?;
        if object.is_empty() {
            Self::scalar(StrDeserializer::new(text))
        } else {
            Ok(Mixed { text: Text::default(), object })
        }
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Self::scalar(BoolDeserializer::new(value))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Self::scalar(I64Deserializer::new(value))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Self::scalar(U64Deserializer::new(value))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Self::scalar(F64Deserializer::new(value))
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Mixed::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Mixed::default())
    }
}

#[cfg(test)]
mod tests {
    use super::Mixed;
    use crate::lenient::{Text, lenient};

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
            let read: Mixed<'_, Pair<'_>> = serde_json::from_str(json).unwrap();
            assert_eq!((read.text.as_str(), read.object.value.as_str()), (text, value), "{json}");
        }
    }
}
