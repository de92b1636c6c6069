//! Probes: stimuli that vary in one feature, conditions of attention, and the responses of units.
//!
//! A [`ProbeRecipe`] says what varies, what is averaged over, which units are read under which
//! conditions; [`run`] makes a [`TuningResult`] of it, for any family, through the same rollout and
//! the same interventions as everything else. Figures are made by [`figures`].

mod condition;
mod course;
mod design;
pub mod figures;
mod inhibition;
mod population;
mod reading;
mod receptive_field;
mod recipe;
mod reference;
mod responses;
mod summary;
pub mod table;
mod tuning;
mod update_agreement;

pub use condition::{Condition, Read, offered};
pub use course::Course;
pub use inhibition::{
    InhibitionRecipe, InhibitionResult, gating_panel, inhibition, inhibition_figure, phase_panel,
};
pub use receptive_field::{ReceptiveField, RfRecipe, receptive_fields};
pub use recipe::{Carrier, Feature, ProbeRecipe};
pub use reference::{ReferenceGrid, ReferenceRecipe, reference};
pub use responses::Responses;
pub use tuning::{ConditionResult, Statistic, TuningResult, UnitId, run};
pub use update_agreement::{
    AgreementRecipe, agreement_figure, cosine_panel, difference_panel, update_agreement,
};
