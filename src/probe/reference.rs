//! The object-attention reference's tuning probe: maximum over bars, its units, its responsiveness rule.

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::tuning::ConditionResult;
use super::{Feature, ProbeRecipe, Responses, TuningResult, UnitId};
use crate::dynamics::{Controls, Dynamics as _, Units, find_area};
use crate::error::{Error, Result};
use crate::families::object_attention::{Config, ObjectAttention, analysis::reference_tuning};
use crate::figure::Role;
use crate::model::{Family, Model};
use crate::progress::Progress;
use crate::stimulus::procedural_digits::procedural_digits;
use crate::stimulus::{BarGrid, Image, Split, idx};

/// First column of the distractor digit in the reference's pictures.
const DIGIT_COLUMN: isize = 14;
/// The digit class used where no data is given: the reference's distractor is a "1".
const DIGIT_CLASS: usize = 1;

/// Which bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceGrid {
    /// 6 widths, 11 × 11 positions: the published 726 bars per orientation.
    #[default]
    Full,
    /// 3 widths, 4 × 4 positions.
    Reduced,
}

/// What the reference's probe leaves open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReferenceRecipe {
    /// `conv1_out` or `conv2_out`.
    pub area: String,
    pub grid: ReferenceGrid,
    /// Index of the distractor among the test digits of `data`.
    pub digit: usize,
    /// Folder with IDX digits; absent takes a drawn digit.
    pub data: Option<PathBuf>,
    pub seed: u64,
}

impl Default for ReferenceRecipe {
    fn default() -> Self {
        Self { area: "conv1_out".to_owned(), grid: ReferenceGrid::Full, digit: 2, data: None, seed: 0 }
    }
}

/// Runs the reference's tuning procedure (`analysis/tuning_curves.py`): per orientation all bars
/// beside the digit, split by what each phase picked; a curve is the maximum over bars of one unit
/// per channel, at row 12, column 8 of conv1 and row 4, column 3 of conv2.
///
/// # Errors
/// [`Error::Unsupported`] for another network than the digit model for two objects,
/// [`Error::Unknown`] for another area, [`Error::Cancelled`].
pub fn reference(
    recipe: &ReferenceRecipe,
    model: &Model,
    progress: &mut dyn Progress,
) -> Result<TuningResult> {
    let is_digits = model.info.family == Family::ObjectAttention && model.info.variant == "digits";
    if !is_digits || model.dynamics.input_shape() != [1, 28, 42] {
        let message = "the probe \"reference\" is defined for object attention on two digits; \
                       use the probe \"orientation\" for this network";
        return Err(Error::Unsupported(message.to_owned()));
    }
    let [row, col] = match recipe.area.as_str() {
        "conv1_out" => [12, 8],
        "conv2_out" => [4, 3],
        other => {
            return Err(Error::unknown("area of the reference's probe", other, ["conv1_out", "conv2_out"]));
        }
    };
    let config: Config = model.info.config.parse()?;
    let network = ObjectAttention::new(&config, &model.weights)?;
    let area = &network.areas()[find_area(network.areas(), &recipe.area)?];
    let [channels, height, width] = area.map_shape();
    let full = BarGrid::reference();
    let grid = match recipe.grid {
        ReferenceGrid::Full => full,
        ReferenceGrid::Reduced => BarGrid {
            sigmas: vec![0.5, 1.1, 1.7],
            xs: vec![-15.0, -14.5, -13.5, -12.5],
            ys: vec![-8.0, -2.0, 4.0, 10.0],
            ..full
        },
    };
    let digit = match &recipe.data {
        Some(folder) => {
            let digits = idx::load_digits(folder, Split::Test)?;
            if recipe.digit >= digits.len() {
                return Err(Error::config("digit", format!("below {}", digits.len()), recipe.digit));
            }
            digits.image(recipe.digit)
        }
        None => procedural_digits(recipe.seed, Split::Test, 10).image(DIGIT_CLASS),
    };
    let mut distractor = Image::zeros(1, 28, 42);
    distractor.paste(&digit, 0, DIGIT_COLUMN);

    let chosen: Vec<usize> = (0..grid.orientations_deg.len()).collect();
    let controls = Controls::defaults(network.controls());
    let what = format!("reference tuning of {}", recipe.area);
    let maxima = reference_tuning(&network, &controls, &grid, &distractor, &chosen, |done, total| {
        progress.report(&what, done, total);
        if progress.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;

    let unit = |channel: usize| (channel * height + row) * width + col;
    let conditions = [
        ("attended", "attend the bar", Role::Attended),
        ("unattended", "attend the digit", Role::Unattended),
        ("first_pass", "first pass, no gain", Role::Neutral),
    ];
    let mut results = Vec::with_capacity(conditions.len());
    for (name, label, role) in conditions {
        let mut responses = Responses::new(maxima.len(), channels);
        for (value, orientation) in maxima.iter().enumerate() {
            let found = orientation.areas.iter().find(|one| one.area == recipe.area);
            let found =
                found.ok_or_else(|| Error::unknown("area", &recipe.area, ["conv1_out", "conv2_out"]))?;
            let maps = match name {
                "attended" => &found.attended,
                "unattended" => &found.unattended,
                _ => &found.feedforward,
            };
            responses.add(value, (0..channels).map(|channel| maps[unit(channel)]));
        }
        let (name, label) = (name.to_owned(), label.to_owned());
        results.push(ConditionResult { name, label, role, responses, course: None });
    }
    let pooled_over =
        format!("{} widths × {} × {} positions", grid.sigmas.len(), grid.xs.len(), grid.ys.len());
    Ok(TuningResult {
        recipe: ProbeRecipe {
            area: recipe.area.clone(),
            units: Units::position(row, col),
            values: grid.orientations_deg.clone(),
            seed: recipe.seed,
            ..ProbeRecipe::default()
        },
        area: recipe.area.clone(),
        feature: Feature::Orientation,
        values: grid.orientations_deg,
        pooled_over,
        units: (0..channels).map(|channel| UnitId { index: unit(channel), channel, row, col }).collect(),
        conditions: results,
        time_unit: network.time_unit(),
        pictures: Vec::new(),
        elsewhere: Vec::new(),
        n_before: 0,
    })
}
