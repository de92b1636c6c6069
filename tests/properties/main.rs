//! Invariants that hold whatever the numbers are.

mod interventions;
mod object_attention;
mod toy;
