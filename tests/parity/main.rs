//! Parity with reference outputs, and proof that the comparer notices every kind of corruption.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod cordsnet;
mod corruption;
mod fast;
mod goldens;
mod rules;
