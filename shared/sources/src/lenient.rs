//! Lenient decoding: what real records do to a schema never fails here.
//!
//! A field may be missing, null, repeated, or of another type; a value that cannot be what it
//! should be counts as missing. Only text that is no JSON at all is an error. So one odd field
//! never costs a record, and one record never its neighbors.
//!
//! Whatever is read is read by one piece of code, [`Place`], which asks a value where its parts are to
//! go. A parser for each struct would be faster by itself, but all of them together are several times
//! what a processor keeps of code: it would wait for them at each record.

mod first;
mod list;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub(crate) use first::First;
pub(crate) use list::List;
pub(crate) use text::Text;

/// A value that JSON is read into, where it is to stay; to be read into while it is empty.
pub(crate) trait Lenient<'a> {
    /// Whether it says nothing, so that a later spelling of the same field may speak.
    fn is_empty(&self) -> bool;

    /// Itself, to be read into; none where it says something already.
    fn vacant(&mut self) -> Option<&mut dyn Lenient<'a>>
    where
        Self: Sized,
    {
        self.is_empty().then_some(self as &mut dyn Lenient<'a>)
    }

    /// Takes a scalar, as text: strings as they are, numbers and booleans as JSON writes them, null as
    /// nothing.
    fn text(&mut self, text: Cow<'a, str>);

    /// What takes the members of an object, by its `member`; none where they say nothing.
    fn object(&mut self) -> Option<&mut dyn Lenient<'a>> {
        None
    }

    /// Where the value of a member is to be read; none where it says nothing.
    fn member(&mut self, _key: &str) -> Option<&mut dyn Lenient<'a>> {
        None
    }

    /// Where the next element of an array is to be read; none where no more of them say anything.
    fn element(&mut self) -> Option<&mut dyn Lenient<'a>> {
        None
    }

    /// Ends an object or an array that was read into it, whatever took its members.
    fn end(&mut self) {}
}

/// What says nothing, as a constant: a record has dozens of texts, and is faster copied whole than made
/// of them.
pub(crate) trait Empty {
    /// The same as its default.
    const EMPTY: Self;
}

/// Reads a JSON value; what is wrong with it is that it is no JSON.
pub(crate) fn read<'a, T: Lenient<'a> + Default, D: Deserializer<'a>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let mut value = T::default();
    Place::of(&mut value).deserialize(deserializer)?;
    Ok(value)
}

/// Reads JSON from a text that does not live on. Where it is none, the value says nothing.
pub(crate) fn read_copy<'a, T: Lenient<'a> + Default>(value: &mut T, text: &str) {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Place(value, PhantomData::<Copying>).deserialize(&mut deserializer);
    if read.and_then(|()| deserializer.end()).is_err() {
        *value = T::default();
    }
}

/// Whether a string may hold an object as JSON.
pub(crate) fn may_hold_object(string: &str) -> bool {
    string.trim_start().starts_with('{')
}

/// Where a value is to be read, and how its texts are kept.
pub(crate) struct Place<'p, 'a, K>(&'p mut dyn Lenient<'a>, PhantomData<K>);

impl<'p, 'a> Place<'p, 'a, Borrowing> {
    /// For texts that live as long as what is read of them.
    pub(crate) fn of(value: &'p mut dyn Lenient<'a>) -> Self {
        Self(value, PhantomData)
    }
}

impl<'a, K> Place<'_, 'a, K> {
    #[expect(clippy::unnecessary_wraps, reason = "so a visitor answers")]
    fn scalar<E>(self, text: Cow<'a, str>) -> Result<(), E> {
        self.0.text(text);
        Ok(())
    }
}

/// How the texts of what is read are kept.
pub(crate) trait Keep<'de, 'a> {
    /// A text of it, kept.
    fn kept(text: &'de str) -> Cow<'a, str>;
}

/// Of a text that lives on.
pub(crate) struct Borrowing;

impl<'a> Keep<'a, 'a> for Borrowing {
    fn kept(text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }
}

/// Of a text that does not.
struct Copying;

impl<'a> Keep<'_, 'a> for Copying {
    fn kept(text: &str) -> Cow<'a, str> {
        Cow::Owned(text.to_owned())
    }
}

impl<'de, 'a, K: Keep<'de, 'a>> DeserializeSeed<'de> for Place<'_, 'a, K> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'a, K: Keep<'de, 'a>> Visitor<'de> for Place<'_, 'a, K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.scalar(K::kept(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.scalar(Cow::Owned(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<(), E> {
        self.scalar(Cow::Owned(text))
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(Cow::Borrowed(if value { "true" } else { "false" }))
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.scalar(Cow::Owned(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.scalar(Cow::Owned(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.scalar(Cow::Owned(value.to_string()))
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.scalar(Cow::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(place) = self.0.element() {
            if seq.next_element_seed(Place(place, self.1))?.is_none() {
                self.0.end();
                return Ok(());
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.0.end();
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Some(object) = self.0.object() {
            while let Some(member) = map.next_key_seed(Member(&mut *object))? {
                match member {
                    Some(place) => map.next_value_seed(Place(place, self.1))?,
                    None => drop(map.next_value::<IgnoredAny>()?),
                }
            }
        } else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        }
        self.0.end();
        Ok(())
    }
}

/// A key, which becomes where its value is to be read.
struct Member<'p, 'a>(&'p mut dyn Lenient<'a>);

impl<'de, 'p, 'a> DeserializeSeed<'de> for Member<'p, 'a> {
    type Value = Option<&'p mut dyn Lenient<'a>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'p, 'a> Visitor<'_> for Member<'p, 'a> {
    type Value = Option<&'p mut dyn Lenient<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.member(key))
    }
}

/// Whether a key is there at all, whatever its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Present(pub(crate) bool);

impl Empty for Present {
    const EMPTY: Self = Self(false);
}

impl<'a> Lenient<'a> for Present {
    fn is_empty(&self) -> bool {
        !self.0
    }

    /// There it is, and its value is passed over.
    fn vacant(&mut self) -> Option<&mut dyn Lenient<'a>> {
        self.0 = true;
        None
    }

    fn text(&mut self, _: Cow<'a, str>) {}
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
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $name<'a> {
            $($(#[$field_attr])* $vis $field: $type,)*
        }

        const _: () = {
            use std::borrow::Cow;

            use serde::de::{Deserialize, Deserializer};
            use $crate::lenient::{Empty, Lenient, may_hold_object, read, read_copy};

            impl Empty for $name<'_> {
                const EMPTY: Self = Self { $($field: Empty::EMPTY,)* };
            }

            impl Default for $name<'_> {
                fn default() -> Self {
                    Self::EMPTY
                }
            }

            impl<'a> Lenient<'a> for $name<'a> {
                fn is_empty(&self) -> bool {
                    $(self.$field.is_empty())&&*
                }

                fn text(&mut self, text: Cow<'a, str>) {
                    if may_hold_object(&text) {
                        read_copy(self, &text);
                    }
                }

                fn object(&mut self) -> Option<&mut dyn Lenient<'a>> {
                    Some(self)
                }

                fn member(&mut self, key: &str) -> Option<&mut dyn Lenient<'a>> {
                    $(
                        let folded = $crate::lenient::$fold(key);
                        let key = folded.as_ref();
                    )?
                    match key {
                        $($($spelling)|+ => self.$field.vacant(),)*
                        _ => None,
                    }
                }
            }

            impl<'a> Deserialize<'a> for $name<'a> {
                fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
                    read(deserializer)
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

/// Reads a text that is one JSON value.
#[cfg(test)]
pub(crate) fn of_json<'a, T: Lenient<'a> + Default>(json: &'a str) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = read(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

#[cfg(test)]
mod tests;
