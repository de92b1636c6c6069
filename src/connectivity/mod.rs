//! Connectivity diagrams: a model's graph laid out folded or unrolled in time, as SVG and TikZ.
//!
//! Layout, styles and notes of the folded and the unrolled picture are those of
//! boranw-api/BLT_recurrent_models, `archive/tikz_visualizer.py`, for any graph.

mod annotations;
mod count;
mod diagram;
mod folded;
mod svg;
mod tikz;
mod unrolled;

pub use annotations::Facts;
pub use count::short_count;
pub use diagram::{Annotation, BoxStyle, Diagram, Edge, EdgeClass, End, Node, Relation};
pub use folded::{FoldedOptions, folded};
pub use svg::svg;
pub use tikz::tikz;
pub use unrolled::unrolled;
