//! Lenient decoding: of a list, the first element that says something, without the others.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{InPlace, Lenient, Place};

/// The first element of a list that says something; one bare value counts as a list of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct First<T>(pub(crate) T);

impl<T: Lenient> Lenient for First<T> {
    type Owned = First<T::Owned>;

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_owned(self) -> Self::Owned {
        First(self.0.into_owned())
    }
}

impl<'de, T: InPlace<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut first = Self::default();
        first.read(deserializer)?;
        Ok(first)
    }
}

impl<'de, T: InPlace<'de>> InPlace<'de> for First<T> {
    fn read<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(FirstVisitor(&mut self.0))
    }
}

struct FirstVisitor<'p, T>(&'p mut T);

impl<'de, T: InPlace<'de>> Visitor<'de> for FirstVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while self.0.is_empty() {
            if seq.next_element_seed(Place(&mut *self.0))?.is_none() {
                return Ok(());
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.read(MapAccessDeserializer::new(map))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.0.read(BorrowedStrDeserializer::new(text))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.read(StrDeserializer::new(text))
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::{Text, lenient};

    lenient! {
        struct Named<'a> {
            name: Text<'a> = "name" | "title",
        }
    }

    #[test]
    fn of_every_shape() {
        for (json, name) in [
            (r#"[{"x":1},7,null,{"name":""},{"title":"b"},{"name":"c"},[]]"#, "b"),
            (r#"[[{"name":"a"}],{"name":"b"}]"#, "b"),
            (r#"{"name":"a"}"#, "a"),
            (r#""{\"name\":\"a\"}""#, "a"),
            (r#"["{\"name\":\"a\"}",{"name":"b"}]"#, "a"),
            (r#""text""#, ""),
            ("[]", ""),
            ("null", ""),
            ("true", ""),
            ("-1.5", ""),
        ] {
            let first: First<Named<'_>> = serde_json::from_str(json).unwrap();
            assert_eq!(first.0.name.as_str(), name, "{json}");
            assert_eq!(first.is_empty(), name.is_empty(), "{json}");
        }
        assert!(serde_json::from_str::<First<Named<'_>>>(r#"[{"name":"a"},{]"#).is_err());
    }
}
