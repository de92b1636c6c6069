//! Reading and writing checkpoints: real files, odd files, hostile files, damaged files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod counter_hebb;
#[path = "../support/damage.rs"]
mod damage;
#[path = "../support/folders.rs"]
mod folders;
mod full_size;
mod hostile;
mod layouts;
mod mutations;
mod real;
mod recurrent_gating;
mod saving;
mod strict;
mod support;
