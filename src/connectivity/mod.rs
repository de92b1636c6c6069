//! Connectivity diagrams: a model's graph laid out folded or unrolled in time, as SVG and TikZ.
//!
//! Layout, styles and notes of the folded and the unrolled picture are those of
//! boranw-api/BLT_recurrent_models, `archive/tikz_visualizer.py`, for any graph.

mod annotations;
mod count;
mod diagram;
mod export;
mod folded;
mod numbers;
mod picture;
mod svg;
mod tikz;
mod unrolled;

pub use annotations::Facts;
pub use count::short_count;
pub use diagram::{Annotation, BoxStyle, Diagram, Edge, EdgeClass, End, Node, Place, Relation};
pub use export::{Drawing, Format, export};
pub use folded::{FoldedOptions, folded};
pub use numbers::{About, areas_csv, connections_csv, description};
pub use picture::{Metrics, Picture, PlacedArrow, PlacedBox, PlacedNote};
pub use svg::svg;
pub use tikz::tikz;
pub use unrolled::unrolled;
