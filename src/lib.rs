//! Gainfield: recurrent and attentional models of vision, without Python.

pub mod analysis;
pub mod bench;
pub mod checkpoint;
pub mod compute;
pub mod connectivity;
pub mod device;
pub mod dynamics;
pub mod error;
pub mod families;
pub mod figure;
pub mod files;
pub mod glob;
pub mod model;
pub mod nn;
pub mod ops;
pub mod parity;
pub mod pretrained;
pub mod probe;
pub mod progress;
pub mod provenance;
pub mod recipe;
pub mod recording;
pub mod rng;
pub mod settings;
pub mod stimulus;
pub mod task;
pub mod train;
pub mod weights;

pub use error::{Error, Result};
