//! What a network is asked to do with a stimulus: compositions with labels, target masks and prompts.

pub mod digit_pairs;
pub mod recurrent_gating;
