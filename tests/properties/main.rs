//! Invariants that hold whatever the numbers are.

mod interventions;
mod toy;
