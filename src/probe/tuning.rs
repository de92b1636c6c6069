//! Runs a probe: all conditions over all stimuli, and what follows for every unit.

use std::f64::consts::PI;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::condition::{self, Condition, Read};
use super::design::Design;
use super::{Feature, ProbeRecipe, Responses};
use crate::analysis::fit::{self, Curve, Fit};
use crate::analysis::scaling::{AreaScaling, area_scaling};
use crate::analysis::tuning::{OrientationVector, orientation_vector, peak};
use crate::dynamics::{
    Controls, LabelSet, Pass, ProtocolOptions, Run, Schedule, State, Workspace, find_area, rollout,
};
use crate::error::{Error, Result};
use crate::figure::Role;
use crate::model::Model;
use crate::progress::Progress;

/// Stimuli run at a time: enough to use the cores, little enough to cancel and to fit.
const BATCH: usize = 64;

/// How responses to the pooled stimuli of a value become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Mean, with the standard deviation over the design as its spread.
    #[default]
    Mean,
    /// Maximum over stimuli, as the object-attention reference takes it.
    Max,
}

/// One probed unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UnitId {
    /// Flat index into the area.
    pub index: usize,
    pub channel: usize,
    pub row: usize,
    pub col: usize,
}

/// One condition's responses.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionResult {
    pub name: &'static str,
    pub label: &'static str,
    pub role: Role,
    pub responses: Responses,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq)]
pub struct TuningResult {
    pub recipe: ProbeRecipe,
    pub area: String,
    pub feature: Feature,
    pub values: Vec<f64>,
    /// `3 widths × 4 × 4 positions`.
    pub pooled_over: String,
    pub units: Vec<UnitId>,
    pub conditions: Vec<ConditionResult>,
}

impl TuningResult {
    pub fn condition(&self, name: &str) -> Option<&ConditionResult> {
        self.conditions.iter().find(|condition| condition.name == name)
    }

    /// Curve of one unit (position in `units`) in one condition.
    pub fn curve(&self, condition: &ConditionResult, unit: usize, statistic: Statistic) -> Vec<f64> {
        match statistic {
            Statistic::Mean => condition.responses.mean(unit),
            Statistic::Max => condition.responses.max(unit),
        }
    }

    /// The values as radians, if they are orientations.
    pub fn orientations_rad(&self) -> Option<Vec<f64>> {
        (self.feature == Feature::Orientation)
            .then(|| self.values.iter().map(|degrees| degrees * PI / 180.0).collect())
    }

    /// Vector-sum tuning of a unit; `None` unless orientation was probed.
    pub fn orientation_vector(
        &self,
        condition: &ConditionResult,
        unit: usize,
        statistic: Statistic,
    ) -> Option<OrientationVector> {
        Some(orientation_vector(&self.orientations_rad()?, &self.curve(condition, unit, statistic)))
    }

    /// The curve the field fits to this feature: von Mises (x in radians) for orientation,
    /// Naka-Rushton for contrast, a Gaussian for the others.
    pub fn fit(&self, condition: &ConditionResult, unit: usize, statistic: Statistic) -> Option<Fit> {
        let curve = self.curve(condition, unit, statistic);
        match self.feature {
            Feature::Orientation => fit::fit(Curve::VonMises, &self.orientations_rad()?, &curve),
            Feature::Contrast => fit::fit(Curve::NakaRushton, &self.values, &curve),
            Feature::SpatialFrequency | Feature::PositionX | Feature::PositionY | Feature::Size => {
                fit::fit(Curve::Gaussian, &self.values, &curve)
            }
        }
    }

    /// Attended on unattended over all units; `None` without both conditions.
    pub fn scaling(&self, statistic: Statistic) -> Option<AreaScaling> {
        let curves = |name: &str| {
            let condition = self.condition(name)?;
            Some((0..self.units.len()).map(|unit| self.curve(condition, unit, statistic)).collect::<Vec<_>>())
        };
        let orientations = self.orientations_rad();
        Some(area_scaling(
            &curves("attended")?,
            &curves("unattended")?,
            self.recipe.threshold,
            orientations.as_deref(),
        ))
    }

    /// Units by falling peak of the first condition.
    pub fn units_by_peak(&self, statistic: Statistic) -> Vec<usize> {
        let Some(condition) = self.conditions.first() else { return Vec::new() };
        let height = |unit: usize| {
            let curve = self.curve(condition, unit, statistic);
            peak(&curve).map_or(f64::NEG_INFINITY, |at| curve[at])
        };
        let heights: Vec<f64> = (0..self.units.len()).map(height).collect();
        let mut order: Vec<usize> = (0..self.units.len()).collect();
        order.sort_by(|&a, &b| heights[b].total_cmp(&heights[a]).then(a.cmp(&b)));
        order
    }
}

/// Runs `recipe` on `model`.
///
/// # Errors
/// [`Error::Config`] or [`Error::Unknown`] for a recipe the model cannot serve, [`Error::Cancelled`].
pub fn run(
    recipe: &ProbeRecipe,
    model: &Model,
    workspace: &mut Workspace,
    progress: &mut dyn Progress,
) -> Result<TuningResult> {
    let dynamics = model.dynamics.as_ref();
    let area = find_area(dynamics.areas(), &recipe.area)?;
    let shape = &dynamics.areas()[area];
    let [_, height, width] = shape.map_shape();
    let units: Vec<UnitId> = recipe
        .units
        .indices(shape)?
        .into_iter()
        .map(|index| UnitId {
            index,
            channel: index / (height * width),
            row: index / width % height,
            col: index % width,
        })
        .collect();
    let design = Design::new(recipe, model)?;
    let all = condition::conditions(model.info.family, dynamics, design.place());
    let conditions = condition::chosen(all, &recipe.conditions)?;
    let mut results: Vec<ConditionResult> = conditions
        .iter()
        .map(|condition| ConditionResult {
            name: condition.name,
            label: condition.label,
            role: condition.role,
            responses: Responses::new(design.values.len(), units.len()),
        })
        .collect();

    let stimuli: Vec<(usize, usize)> = (0..design.values.len())
        .flat_map(|value| (0..design.n_pooled()).map(move |pooled| (value, pooled)))
        .collect();
    let what = format!("{} tuning of {}", recipe.feature.label(), recipe.area);
    for (done, batch) in stimuli.chunks(BATCH).enumerate() {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        progress.report(&what, done * BATCH, stimuli.len());
        let presentation = design.presentation(batch)?;
        let schedule = dynamics.schedule(&presentation, &ProtocolOptions::default())?;
        for group in same_run(&conditions) {
            let reading = Reading { conditions: &conditions, group: &group, area, units: &units, batch };
            reading.run(model, &schedule, recipe.seed, done * BATCH, workspace, &mut results)?;
        }
    }
    progress.report(&what, stimuli.len(), stimuli.len());
    Ok(TuningResult {
        recipe: recipe.clone(),
        area: recipe.area.clone(),
        feature: recipe.feature,
        pooled_over: design.pooled_over(),
        values: design.values,
        units,
        conditions: results,
    })
}

/// Positions of conditions that differ only in when they are read, and so share a run.
fn same_run(conditions: &[Condition]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, condition) in conditions.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| conditions[group[0]].interventions == condition.interventions;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// One run over one batch, and what is read from it.
struct Reading<'a> {
    conditions: &'a [Condition],
    group: &'a [usize],
    area: usize,
    units: &'a [UnitId],
    batch: &'a [(usize, usize)],
}

impl Reading<'_> {
    fn run(
        &self,
        model: &Model,
        schedule: &Schedule,
        seed: u64,
        first_trial: usize,
        workspace: &mut Workspace,
        results: &mut [ConditionResult],
    ) -> Result<()> {
        let dynamics = model.dynamics.as_ref();
        let controls = Controls::defaults(dynamics.controls());
        let run = Run {
            model: dynamics,
            schedule,
            controls: &controls,
            interventions: &self.conditions[self.group[0]].interventions,
            seed,
            first_trial: first_trial as u64,
        };
        let last_sweep = schedule.drives.iter().rposition(|drive| drive.pass != Pass::ReadOut).unwrap_or(0);
        // Objects number themselves, so that the scored label of a trial is its pick.
        let picks = LabelSet::PerObject((0..2).map(|object| vec![object; self.batch.len()]).collect());
        let by_pick = self.group.iter().any(|&index| matches!(self.conditions[index].read, Read::Picked(_)));
        let n_steps = last_sweep + 1;
        rollout(&run, dynamics.rest(self.batch.len())?, 0..n_steps, workspace, |t, drive, state| {
            let picked = if by_pick { dynamics.scored_labels(&picks, drive, state)? } else { None };
            for &index in self.group {
                let reads = |trial: usize| match self.conditions[index].read {
                    Read::Timestep(at) => at == t,
                    Read::LastSweep => t == last_sweep,
                    Read::Picked(object) => {
                        picked.as_ref().is_some_and(|picks| picks[trial] == object as i64)
                    }
                };
                if (0..self.batch.len()).any(reads) {
                    self.add(state, reads, &mut results[index].responses)?;
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }

    fn add(&self, state: &State, reads: impl Fn(usize) -> bool, responses: &mut Responses) -> Result<()> {
        let values = state.values(self.area)?;
        let per_trial = values.len() / self.batch.len();
        for (trial, &(value, _)) in self.batch.iter().enumerate().filter(|(trial, _)| reads(*trial)) {
            let of_trial = &values[trial * per_trial..(trial + 1) * per_trial];
            responses.add(value, self.units.iter().map(|unit| of_trial[unit.index]));
        }
        Ok(())
    }
}
