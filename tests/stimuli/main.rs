//! Composition of stimuli against the stored reference material.

mod bars;
mod digit_pairs;
mod idx;
mod support;
