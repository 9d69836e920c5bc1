//! What came of reading the messages of an invocation.

use std::borrow::Cow;
use std::collections::BTreeSet;

use callerwatch_pipeline::BadInput;

/// What came of reading. What was read went into the intake.
#[derive(Debug, Default)]
pub struct Read<'a> {
    /// The places of the messages that are to come back.
    pub failed: BTreeSet<usize>,
    /// What can never be read.
    pub bad: Vec<Bad<'a>>,
}

/// Something that can never be read, at least in part.
#[derive(Debug)]
pub struct Bad<'a> {
    /// What is wrong with it.
    pub why: String,
    /// What it is, or where.
    pub content: Cow<'a, [u8]>,
}

impl<'a> Read<'a> {
    /// What is wrong with one input is one thing, however many records it is wrong with.
    pub fn set_aside(&mut self, bad: Vec<BadInput>, content: impl Into<Cow<'a, [u8]>>) {
        if !bad.is_empty() {
            let why = bad.into_iter().map(|it| it.why).collect::<Vec<_>>().join("; ");
            self.bad.push(Bad { why, content: content.into() });
        }
    }
}
