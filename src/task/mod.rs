//! What a network is asked to do with a stimulus: compositions with labels, target masks and prompts.

pub mod bars_and_digit;
pub mod coco;
pub mod digit_pairs;
pub mod multi_mnist;
pub mod pictures;
mod preparation_steps;
pub mod presentation;
pub mod recurrent_gating;
mod stimulus_source;
mod stimulus_spec;
mod stimulus_text;
mod timing;
mod trials;

pub use pictures::{Canvas, Fit, PictureStimulus, SetStimulus};
pub use stimulus_source::StimulusSource;
pub use stimulus_spec::{StimulusKind, StimulusSpec};
pub use timing::Timing;
pub use trials::{Condition, Decision, Question, Trials, stacked, stacked_sets};
