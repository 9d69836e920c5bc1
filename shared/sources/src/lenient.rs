//! Lenient decoding: what real records do to a schema never fails here.
//!
//! A field may be missing, null, repeated, or of another type; a value that cannot be what it
//! should be counts as missing. Only text that is no JSON at all is an error. So one odd field
//! never costs a record, and one record never its neighbors.

mod first;

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

pub(crate) use first::First;

/// A value that can be empty, and be cut loose from the text it was read from.
pub(crate) trait Lenient: Default {
    /// The same, owning its texts.
    type Owned: Lenient;
    /// Whether it says nothing, so that a later spelling of the same field may speak.
    fn is_empty(&self) -> bool;
    /// Copies what is borrowed.
    fn into_owned(self) -> Self::Owned;
}

/// A value that can be read where it is to stay. A record is some kilobyte, and handed from one level
/// of a parser to the next it would be copied at each.
pub(crate) trait InPlace<'de>: Lenient + Deserialize<'de> {
    /// Reads it; to be called while it is empty. What is small is moved all the same.
    fn read<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        *self = Self::deserialize(deserializer)?;
        Ok(())
    }

    /// Itself, known for a text or for something else.
    fn slot(&mut self) -> Slot<'_, 'de, Self> {
        Slot::Other(self)
    }
}

/// A field of an object. Most are texts, and all texts of an object are read by the same code, since
/// a parser for each would be several times as much.
pub(crate) enum Slot<'p, 'de, T> {
    Text(&'p mut Text<'de>),
    Other(&'p mut T),
}

/// Where a value is to be read.
pub(crate) struct Place<'p, T>(pub(crate) &'p mut T);

impl<'de, T: InPlace<'de>> DeserializeSeed<'de> for Place<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.read(deserializer)
    }
}

impl<'a> InPlace<'a> for Text<'a> {
    #[inline]
    fn slot(&mut self) -> Slot<'_, 'a, Self> {
        Slot::Text(self)
    }
}
impl<'de, T: Lenient + Deserialize<'de>> InPlace<'de> for List<T> {}
impl InPlace<'_> for Present {}

/// A scalar as text: strings as they are, numbers and booleans as JSON writes them; empty for
/// null, the empty string, arrays and objects.
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

impl Lenient for Text<'_> {
    type Owned = Text<'static>;

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// A list; one bare value counts as a list of one, and elements that say nothing are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

/// What is kept of a list; the rest of it says nothing new.
const LIST_MAX: usize = 64;

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Lenient> Lenient for List<T> {
    type Owned = List<T::Owned>;

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_owned(self) -> Self::Owned {
        List(self.0.into_iter().map(Lenient::into_owned).collect())
    }
}

/// Reads `T` from whatever stands there; `visit_*` of anything but a map or list says nothing.
impl<'de, T: Lenient + Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Lenient + Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while list.len() < LIST_MAX {
                    match seq.next_element::<T>()? {
                        Some(element) if element.is_empty() => {}
                        Some(element) => list.push(element),
                        None => return Ok(List(list)),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let one = T::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(List(if one.is_empty() { Vec::new() } else { vec![one] }))
            }
            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> Result<Self::Value, E> {
                let one = T::deserialize(serde::de::value::BorrowedStrDeserializer::new(text))?;
                Ok(List(if one.is_empty() { Vec::new() } else { vec![one] }))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let one = T::deserialize(serde::de::value::StrDeserializer::new(text))?;
                Ok(List(if one.is_empty() { Vec::new() } else { vec![one] }))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(List::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(List::default())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(List::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(List::default())
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }
        }

        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}

/// Whether a key is there at all, whatever its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Present(pub(crate) bool);

impl Lenient for Present {
    type Owned = Self;

    fn is_empty(&self) -> bool {
        !self.0
    }

    fn into_owned(self) -> Self {
        self
    }
}

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// Declares a struct that reads itself from a JSON object, or from a string that holds one, and is
/// empty for anything else. Each field lists its spellings; the first one that says something wins.
///
/// With `ignoring case`, spellings are given in lower case and keys compared blind to it.
macro_rules! lenient {
    ($(#[$attr:meta])* $vis:vis struct $name:ident<'a> $(($fold:ident case))? {
        $($(#[$field_attr:meta])* $field:ident: $type:ty = $($spelling:literal)|+,)*
    }) => {
        $(#[$attr])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        $vis struct $name<'a> {
            $($(#[$field_attr])* $vis $field: $type,)*
        }

        const _: () = {
            use $crate::lenient::{InPlace, Lenient, Place, Slot};
            use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

            #[expect(non_camel_case_types, reason = "a key is named as its field is")]
            enum Key { $($field,)* other__ }

            impl Key {
                fn of(key: &str) -> Self {
                    match key {
                        $($($spelling)|+ => Self::$field,)*
                        _ => Self::other__,
                    }
                }
            }

            impl<'de> Deserialize<'de> for Key {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    struct KeyVisitor;
                    impl Visitor<'_> for KeyVisitor {
                        type Value = Key;
                        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                            f.write_str("a key")
                        }
                        fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                            $(
                                let folded = $crate::lenient::$fold(key);
                                let key = folded.as_ref();
                            )?
                            Ok(Key::of(key))
                        }
                    }
                    deserializer.deserialize_identifier(KeyVisitor)
                }
            }

            impl<'a> Deserialize<'a> for $name<'a> {
                fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
                    let mut value = Self::default();
                    InPlace::read(&mut value, deserializer)?;
                    Ok(value)
                }
            }

            impl<'a> InPlace<'a> for $name<'a> {
                fn read<D: Deserializer<'a>>(&mut self, deserializer: D) -> Result<(), D::Error> {
                    struct StructVisitor<'p, 'a>(&'p mut $name<'a>);
                    impl<'a> Visitor<'a> for StructVisitor<'_, 'a> {
                        type Value = ();
                        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                            f.write_str("any value")
                        }
                        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
                            while let Some(key) = map.next_key::<Key>()? {
                                let text = match key {
                                    $(Key::$field => match self.0.$field.slot() {
                                        Slot::Text(text) => Some(text),
                                        Slot::Other(other) if other.is_empty() => {
                                            map.next_value_seed(Place(other))?;
                                            continue;
                                        }
                                        Slot::Other(_) => None,
                                    },)*
                                    Key::other__ => None,
                                };
                                match text {
                                    Some(text) if text.is_empty() => {
                                        map.next_value_seed(Place(text))?;
                                    }
                                    _ => {
                                        map.next_value::<IgnoredAny>()?;
                                    }
                                }
                            }
                            Ok(())
                        }
                        fn visit_str<E>(self, text: &str) -> Result<(), E> {
                            if text.trim_start().starts_with('{') {
                                let read = serde_json::from_str::<$name<'_>>(text);
                                *self.0 = read.unwrap_or_default().into_owned();
                            }
                            Ok(())
                        }
                        fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
                            while seq.next_element::<IgnoredAny>()?.is_some() {}
                            Ok(())
                        }
                        fn visit_bool<E>(self, _: bool) -> Result<(), E> { Ok(()) }
                        fn visit_i64<E>(self, _: i64) -> Result<(), E> { Ok(()) }
                        fn visit_u64<E>(self, _: u64) -> Result<(), E> { Ok(()) }
                        fn visit_f64<E>(self, _: f64) -> Result<(), E> { Ok(()) }
                        fn visit_unit<E>(self) -> Result<(), E> { Ok(()) }
                    }
                    deserializer.deserialize_any(StructVisitor(self))
                }
            }

            impl<'a> Lenient for $name<'a> {
                type Owned = $name<'static>;
                fn is_empty(&self) -> bool {
                    $(self.$field.is_empty())&&*
                }
                fn into_owned(self) -> $name<'static> {
                    $name { $($field: self.$field.into_owned(),)* }
                }
            }
        };
    };
}
pub(crate) use lenient;

/// A key in lower case, for structs declared `(ignoring case)`.
pub(crate) fn ignoring(key: &str) -> Cow<'_, str> {
    if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(key.to_ascii_lowercase())
    } else {
        Cow::Borrowed(key)
    }
}

#[cfg(test)]
mod tests;
