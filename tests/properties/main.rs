//! Invariants that hold whatever the numbers are.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod blt;
mod cordsnet;
mod counter_hebb;
#[path = "../support/damage.rs"]
mod damage;
mod damaged_data;
mod interventions;
#[path = "../support/networks.rs"]
mod networks;
mod object_attention;
mod recurrent_gating;
mod recurrent_gating_training;
mod toy;
