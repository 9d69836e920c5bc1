//! The `callerwatch` command from outside, as its users and its enemies meet it.
//!
//! Each test runs the real binary and looks at its exit status, standard output and standard error,
//! and at nothing else. What is inside is tested inside.

#![expect(clippy::expect_used, reason = "what a test cannot do without fails it")]
#![expect(clippy::indexing_slicing, reason = "a test fails where its answer is too short")]

mod command;
mod faults;
mod fetch;
mod folder;
mod hostile;
mod identity;
mod intel;
mod investigate;
mod memory;
mod origin;
mod passed_over;
mod pipes;
mod policy;
mod records;
mod report;
mod samples;
mod terminal;
mod usage;
