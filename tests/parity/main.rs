//! Parity with reference outputs, and proof that the comparer notices every kind of corruption.

mod corruption;
mod goldens;
mod object_attention;
mod recurrent_gating;
mod rules;
