//! Animals in photographs: recognition, grouping from a dot, search, and search in a grid, on any canvas.

mod backgrounds;
mod instance;
mod set;
mod tasks;

pub use backgrounds::{Backgrounds, background};
pub use instance::Instance;
pub use set::{AnimalSet, Animals};
pub use tasks::{AnimalGrid, AnimalGrouping, AnimalRecognition, AnimalSearch, DOT_MARGIN, DOT_RADIUS, SIDE};
