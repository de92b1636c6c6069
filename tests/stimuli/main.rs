//! Composition of stimuli against the stored reference material.

mod bars;
mod digit_pairs;
mod gating_tasks;
mod idx;
mod support;
