//! Operations that give power or take sight away: a list that ships with the program, and what the
//! user adds to it or removes.
//!
//! Evidence knows an operation by a hash alone, so names are exact: no wildcards. Which of them a
//! caller used, and how that ended, is not known here.

use crate::evidence::operation_hash;

const SHIPPED: &str = include_str!("privileged_operations.txt");

const NAME_MAX_CHARS: usize = 200;

/// The privileged operations of a policy.
#[derive(Clone, Debug)]
pub(super) struct PrivilegedOperations {
    /// Sorted.
    hashes: Vec<u32>,
    /// What the user added.
    pub(super) added: Vec<String>,
    /// What the user removed.
    pub(super) removed: Vec<String>,
}

impl Default for PrivilegedOperations {
    fn default() -> Self {
        let mut hashes: Vec<u32> = shipped().map(operation_hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self { hashes, added: Vec::new(), removed: Vec::new() }
    }
}

impl PrivilegedOperations {
    /// Whether an operation, by its hash in evidence, is one of them.
    pub(super) fn contains(&self, operation_hash: u32) -> bool {
        self.hashes.binary_search(&operation_hash).is_ok()
    }

    /// Adds one, without the white space around it, which readers leave out too; says why where the
    /// name can be none.
    pub(super) fn add(&mut self, name: &str) -> Result<(), String> {
        let name = name.trim();
        check(name)?;
        let hash = operation_hash(name);
        if let Err(place) = self.hashes.binary_search(&hash) {
            self.hashes.insert(place, hash);
        }
        self.added.push(name.to_owned());
        Ok(())
    }

    /// Removes one; says why where it is not there.
    pub(super) fn remove(&mut self, name: &str) -> Result<(), String> {
        let name = name.trim();
        check(name)?;
        let Ok(place) = self.hashes.binary_search(&operation_hash(name)) else {
            return Err("is not among the privileged operations".to_owned());
        };
        self.hashes.remove(place);
        self.removed.push(name.to_owned());
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }
}

/// The names that ship with the program.
pub(super) fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn check(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        Err("is empty".to_owned())
    } else if name.contains('*') {
        Err("has a wildcard; operations are named exactly, as the log records them".to_owned())
    } else if let Some((_, operation)) = name.split_once(':') {
        Err(format!("is an IAM action; the log records the operation alone, such as `{operation}`"))
    } else if name.chars().count() > NAME_MAX_CHARS {
        Err(format!("is longer than {NAME_MAX_CHARS} characters"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_names_are_sound() {
        let default = PrivilegedOperations::default();
        assert_eq!(default.len(), shipped().count(), "a name is there twice");
        assert!(default.len() > 300);
        for name in shipped() {
            assert_eq!(check(name), Ok(()), "{name}");
            assert!(default.contains(operation_hash(&name.to_uppercase())), "{name}");
        }
        for name in ["ListUsers", "AssumeRole", "ConsoleLogin", "Sign-in activity", "PutObject"] {
            assert!(!default.contains(operation_hash(name)), "{name}");
        }
    }

    #[test]
    fn names_are_added_and_removed() {
        let mut operations = PrivilegedOperations::default();
        assert_eq!(operations.add(" RunInstances "), Ok(()));
        assert_eq!(operations.remove("stoplogging"), Ok(()));
        assert!(operations.contains(operation_hash("runinstances")));
        assert!(!operations.contains(operation_hash("StopLogging")));
        for (name, expected) in [
            (
                "iam:CreateUser",
                "is an IAM action; the log records the operation alone, such as `CreateUser`",
            ),
            ("Create*", "has a wildcard; operations are named exactly, as the log records them"),
            ("", "is empty"),
        ] {
            assert_eq!(operations.add(name), Err(expected.to_owned()));
        }
        assert_eq!(
            operations.remove("ListUsers"),
            Err("is not among the privileged operations".to_owned())
        );
    }
}
