//! The faults of a policy file, gathered so that all of them are reported together.
//!
//! Promises them in the order of their lines, each once. The caller adds what only it can find:
//! lists that cannot be read. Must not know what a policy is.

use std::collections::BTreeSet;
use std::fmt;

/// One fault of a policy file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// All faults of a policy file. Prints one a line: `policy.toml:12: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors {
    file: String,
    faults: BTreeSet<Fault>,
    omitted: usize,
}

/// What is kept and printed; whoever has more has the wrong file.
const FAULTS_MAX: usize = 200;

impl Default for PolicyErrors {
    fn default() -> Self {
        Self { file: "policy.toml".to_owned(), faults: BTreeSet::new(), omitted: 0 }
    }
}

impl PolicyErrors {
    /// Names the file they are printed with; `policy.toml` unless this is called.
    #[must_use]
    pub fn in_file(self, file: impl Into<String>) -> Self {
        Self { file: file.into(), ..self }
    }

    /// Adds a fault.
    pub fn push(&mut self, line: usize, message: impl Into<String>) {
        self.faults.insert(Fault { line, message: message.into() });
        if self.faults.len() > FAULTS_MAX {
            self.faults.pop_last();
            self.omitted += 1;
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Them, by line.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter()
    }

    /// `value` where there is no fault, and all of them where there is one.
    ///
    /// # Errors
    ///
    /// These faults.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl std::error::Error for PolicyErrors {}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Fault { line, message }) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{line}: {message}", self.file)?;
        }
        match self.omitted {
            0 => Ok(()),
            omitted => write!(f, "\n{}: and {omitted} more", self.file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_printed_by_line_and_once() {
        let mut errors = PolicyErrors::default().in_file("p.toml");
        assert_eq!(errors.clone().or(7), Ok(7));
        for (line, message) in [(12, "b"), (3, "c"), (12, "a"), (3, "c")] {
            errors.push(line, message);
        }
        assert_eq!(errors.to_string(), "p.toml:3: c\np.toml:12: a\np.toml:12: b");
        assert!(errors.or(7).is_err());
    }

    #[test]
    fn faults_are_bounded() {
        let mut errors = PolicyErrors::default();
        (1..=1000).for_each(|line| errors.push(line, "x"));
        assert_eq!(errors.iter().count(), FAULTS_MAX);
        assert!(errors.to_string().ends_with("policy.toml: and 800 more"));
    }
}
