//! What is shown: data sets, pictures, bars and gratings, and the operations they are composed with.

mod affine;
pub mod augment;
pub mod bars;
mod bezier;
mod crop;
mod digits;
mod fixation;
mod gratings;
pub mod idx;
mod image;
pub mod image_file;
mod patches;
mod picture_set;
mod pink_noise;
mod preparation;
pub mod procedural_digits;
mod resize;
mod scene;
pub mod sets;
mod trial_list;

pub use crate::provenance::{DataFile, DataIdentity};
pub use affine::{Affine, AffineRange, rotated, rotated_smoothly};
pub use bars::{Bar, BarGrid};
pub use bezier::bezier;
pub use digits::{DIGIT_CLASSES, DIGIT_SIZE, Digits, Split};
pub use fixation::{centre_of_mass, fixation_candidates, fixation_dot, square_dot};
pub use gratings::{Aperture, Grating};
pub use image::Image;
pub use patches::{blurred, dilated, gaussian_patch, tile_window};
pub use picture_set::{Attributes, PictureSet, Pictures, Pixels};
pub use pink_noise::pink_noise;
pub use preparation::{PixelScale, Preparation, PreparationStep, Resizing};
pub use resize::{resize, resize_bytes};
pub use scene::coloured_scene;
pub use trial_list::{ListedPicture, ListedTrial, TrialList};
