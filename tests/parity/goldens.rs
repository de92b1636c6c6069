//! The stored reference outputs.
