//! Photographs with annotated objects, from a picture folder and a COCO instances file.

mod animals;
mod annotations;
mod cache;
mod pairs;
mod polygon;
mod run_lengths;
mod scene;

pub use animals::{ANIMALS, AnimalEntry, AnimalSelection, CocoFolder, read_animals, select_animals};
pub use annotations::{Annotation, Category, Instances, PictureEntry, Segmentation, read_instances};
pub use pairs::{ObjectPair, PairRule, PairSelection, class_weights, select_pairs};
pub use polygon::rasterised;
pub use run_lengths::RunLengths;
#[cfg(test)]
pub(crate) use scene::drawn_folder;
pub use scene::{PHOTOGRAPH_SIZE, PhotographPairs, PhotographScene, annotated_picture, picture_path};

/// The twelve super-categories in alphabetical order; an index into them is a label.
pub const SUPER_CATEGORIES: [&str; 12] = [
    "accessory",
    "animal",
    "appliance",
    "electronic",
    "food",
    "furniture",
    "indoor",
    "kitchen",
    "outdoor",
    "person",
    "sports",
    "vehicle",
];
