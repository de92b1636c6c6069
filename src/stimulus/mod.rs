//! What is shown: data sets, pictures, bars and gratings, and the operations they are composed with.

mod data_identity;
mod digits;
pub mod idx;
mod image;
pub mod procedural_digits;

pub use data_identity::{DataFile, DataIdentity, sha256_hex};
pub use digits::{DIGIT_CLASSES, DIGIT_SIZE, Digits, Split};
pub use image::Image;
