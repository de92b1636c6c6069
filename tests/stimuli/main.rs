//! Composition of stimuli against the stored reference material.

#![expect(clippy::unwrap_used, reason = "a test reports a failure by panicking")]

mod bars;
mod coco;
mod digit_pairs;
mod gating_tasks;
mod idx;
mod robustness;
mod support;
