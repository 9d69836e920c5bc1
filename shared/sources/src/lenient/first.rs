//! Lenient decoding: of a list, the first element that says something, without the others.

use std::borrow::Cow;

use super::{Empty, Lenient};

/// The first element of a list that says something; one bare value counts as a list of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct First<T>(pub(crate) T);

impl<T: Empty> Empty for First<T> {
    const EMPTY: Self = Self(T::EMPTY);
}

impl<'a, T: Lenient<'a>> Lenient<'a> for First<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn text(&mut self, text: Cow<'a, str>) {
        self.0.text(text);
    }

    fn object(&mut self) -> Option<&mut dyn Lenient<'a>> {
        self.0.object()
    }

    fn element(&mut self) -> Option<&mut dyn Lenient<'a>> {
        self.0.vacant()
    }

    fn end(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::{Text, lenient, of_json};

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
            let first: First<Named<'_>> = of_json(json).unwrap();
            assert_eq!(first.0.name.as_str(), name, "{json}");
            assert_eq!(first.is_empty(), name.is_empty(), "{json}");
        }
        assert!(of_json::<First<Named<'_>>>(r#"[{"name":"a"},{]"#).is_err());
    }
}
