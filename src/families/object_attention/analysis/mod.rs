//! The reference's analyses, computed from the protocol run on labelled stimuli.

mod accuracy;
mod gating;
mod inhibition;
mod trials;
mod tuning;

pub use accuracy::{Accuracy, AccuracyTable, accuracy, class_scores};
pub use gating::{GateContrast, GatingSummary, gate_contrast, gating};
pub use inhibition::{InhibitionPhase, inhibition};
pub use trials::{PhaseResult, Trial, attend};
pub use tuning::{AreaMaxima, ConditionMaxima, condition_maxima, reference_tuning};
