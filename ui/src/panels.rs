//! The fixed parts of the window around the views.

pub mod inspector;
pub mod library;
pub mod missing;
pub mod overlays;
pub mod status;
pub mod top_bar;
