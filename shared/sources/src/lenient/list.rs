//! Lenient decoding: lists.

use std::borrow::Cow;

use super::{Empty, Lenient};

/// A list; one bare value counts as a list of one, and elements that say nothing are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

/// What is kept of a list; the rest of it says nothing new.
pub(super) const LIST_MAX: usize = 64;

impl<T> Empty for List<T> {
    const EMPTY: Self = Self(Vec::new());
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a, T: Lenient<'a> + Default> Lenient<'a> for List<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn text(&mut self, text: Cow<'a, str>) {
        if let Some(element) = self.element() {
            element.text(text);
        }
        self.end();
    }

    fn object(&mut self) -> Option<&mut dyn Lenient<'a>> {
        self.element()?.object()
    }

    fn element(&mut self) -> Option<&mut dyn Lenient<'a>> {
        self.end();
        if self.0.len() >= LIST_MAX {
            return None;
        }
        self.0.push(T::default());
        self.0.last_mut().map(|element| element as &mut dyn Lenient<'a>)
    }

    fn end(&mut self) {
        self.0.pop_if(|element| element.is_empty());
    }
}
