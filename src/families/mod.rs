//! The model families: each a self-contained folder with configuration, network and analyses.

pub mod object_attention;
pub mod recurrent_gating;
