//! The window driven by its accessible names: the bundled network, real runs, a scripted dialog.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod checkpoints;
mod commands;
mod connectivity;
mod families;
mod files;
mod first_minute;
mod interventions;
mod layout;
mod many_trials;
mod probing;
mod small_models;
mod support;
mod training;
