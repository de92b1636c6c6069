//! Recomputing composed stimuli from their recorded draws.

mod animals;
mod curves;
mod digits;
mod psychophysics;
mod reader;
mod recorded;
mod shapes;
mod tiles;

pub(super) use self::{
    animals::compose_coco,
    curves::compose_curves,
    digits::{compose_mnist_extra, compose_mnist_tasks},
    psychophysics::compose_psych,
    shapes::compose_shapes,
    tiles::compose_stl,
};
