//! Gainfield: recurrent and attentional models of vision, without Python.

pub mod error;
pub mod files;
pub mod rng;
pub mod weights;

pub use error::{Error, Result};
