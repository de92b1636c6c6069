//! Runs a probe: all conditions over all stimuli, and what follows for every unit.

use std::f64::consts::PI;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::condition::{self, Condition};
use super::design::Design;
use super::reading::{Reader, Target, last_sweep};
use super::{Course, Feature, ProbeRecipe, Responses};
use crate::analysis::fit::{self, Curve, Fit};
use crate::analysis::scaling::{AreaScaling, area_scaling};
use crate::analysis::tuning::{OrientationVector, orientation_vector, peak};
use crate::dynamics::{
    Area, AreaKind, Controls, ProtocolOptions, Run, TimeUnit, Workspace, find_area, rollout,
};
use crate::error::{Error, Result};
use crate::figure::Role;
use crate::model::Model;
use crate::progress::Progress;
use crate::stimulus::Image;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitId {
    /// Flat index into the area.
    pub index: usize,
    pub channel: usize,
    pub row: usize,
    pub col: usize,
}

/// One condition's responses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionResult {
    pub name: String,
    pub label: String,
    pub role: Role,
    pub responses: Responses,
    /// The way to that response, where a condition has one and it was small enough to keep.
    pub course: Option<Course>,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningResult {
    pub recipe: ProbeRecipe,
    pub area: String,
    pub feature: Feature,
    pub values: Vec<f64>,
    /// `3 widths × 4 × 4 positions`.
    pub pooled_over: String,
    pub units: Vec<UnitId>,
    pub conditions: Vec<ConditionResult>,
    /// What one step of a course is.
    pub time_unit: TimeUnit,
    /// One stimulus per value, the middle of those pooled over; empty where they are not kept.
    #[serde(skip)]
    pub pictures: Vec<Image>,
    /// Units of other areas at the same place in the picture, under the same stimuli.
    pub elsewhere: Vec<TuningResult>,
    /// How many of those come before this area in the network.
    pub n_before: usize,
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

    /// Scaling of the probed area and of the others; areas without both conditions are left out.
    pub fn scaling_by_area(&self, statistic: Statistic) -> Vec<(String, AreaScaling)> {
        let (before, after) = self.elsewhere.split_at(self.n_before.min(self.elsewhere.len()));
        let results = before.iter().chain([self]).chain(after);
        results.filter_map(|result| Some((result.area.clone(), result.scaling(statistic)?))).collect()
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
    let design = Design::new(recipe, model)?;
    let all = condition::conditions(model.info.family, dynamics, design.place());
    let conditions = condition::chosen(all, &recipe.conditions)?;
    let mut controls = Controls::defaults(dynamics.controls());
    for (name, value) in &recipe.controls {
        controls.set(dynamics.controls(), name, *value)?;
    }
    let n_values = design.values.len();
    let target = |area: usize, units| Target::new(area, units, &conditions, n_values);
    let mut targets =
        vec![target(area, ids(&dynamics.areas()[area], recipe.units.indices(&dynamics.areas()[area])?))];
    let place = center(&dynamics.areas()[area], &targets[0].units);
    for other in other_areas(recipe, dynamics.areas(), area)? {
        let shape = &dynamics.areas()[other];
        targets.push(target(other, ids(shape, at_place(shape, place))));
    }

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
        if done == 0 {
            let first = targets.remove(0).with_course(&conditions, &schedule);
            targets.insert(0, first);
        }
        for group in same_run(&conditions) {
            let run = Run {
                model: dynamics,
                schedule: &schedule,
                controls: &controls,
                interventions: &conditions[group[0]].interventions,
                seed: recipe.seed,
                first_trial: (done * BATCH) as u64,
            };
            let mut reader = Reader::new(&conditions, &group, batch, &schedule);
            let n_steps = last_sweep(&schedule) + 1;
            rollout(&run, dynamics.rest(batch.len())?, 0..n_steps, workspace, |t, drive, state| {
                reader.take(dynamics, t, drive, state, &mut targets)?;
                Ok(ControlFlow::Continue(()))
            })?;
        }
    }
    progress.report(&what, stimuli.len(), stimuli.len());
    let pictures = (0..n_values).map(|value| design.picture(value)).collect();
    let result = |target: Target| TuningResult {
        recipe: recipe.clone(),
        area: dynamics.areas()[target.area].name.clone(),
        feature: recipe.feature,
        pooled_over: design.pooled_over(),
        values: design.values.clone(),
        units: target.units,
        conditions: target.results,
        time_unit: dynamics.time_unit(),
        pictures: Vec::new(),
        elsewhere: Vec::new(),
        n_before: 0,
    };
    let n_before = targets.iter().filter(|target| target.area < area).count();
    let mut results = targets.into_iter().map(result);
    let first = results.next();
    let elsewhere = results.collect();
    let first = first.ok_or_else(|| Error::config("area", "one to probe", "none"))?;
    Ok(TuningResult { pictures, elsewhere, n_before, ..first })
}

/// Channel, row and column of flat indices.
fn ids(area: &Area, indices: Vec<usize>) -> Vec<UnitId> {
    let [_, height, width] = area.map_shape();
    let id = |index: usize| UnitId {
        index,
        channel: index / (height * width),
        row: index / width % height,
        col: index % width,
    };
    indices.into_iter().map(id).collect()
}

/// Middle of the first unit as fractions of the map.
fn center(area: &Area, units: &[UnitId]) -> [f64; 2] {
    let [_, height, width] = area.map_shape();
    units.first().map_or([0.5, 0.5], |unit| {
        [(unit.row as f64 + 0.5) / height as f64, (unit.col as f64 + 0.5) / width as f64]
    })
}

/// All channels of an area at a place given as fractions of the map.
fn at_place(area: &Area, [row, col]: [f64; 2]) -> Vec<usize> {
    let [channels, height, width] = area.map_shape();
    let at = |fraction: f64, n: usize| ((fraction * n as f64) as usize).min(n - 1);
    let within = at(row, height) * width + at(col, width);
    (0..channels).map(|channel| channel * height * width + within).collect()
}

/// The areas of the recipe, or all that hold maps of responses.
fn other_areas(recipe: &ProbeRecipe, areas: &[Area], probed: usize) -> Result<Vec<usize>> {
    if recipe.other_areas.is_empty() {
        let holds_maps = |area: &Area| {
            let [channels, height, width] = area.map_shape();
            area.kind == AreaKind::Activity && channels > 3 && height * width > 1
        };
        return Ok((0..areas.len()).filter(|&i| i != probed && holds_maps(&areas[i])).collect());
    }
    let found: Result<Vec<usize>> = recipe.other_areas.iter().map(|name| find_area(areas, name)).collect();
    Ok(found?.into_iter().filter(|&i| i != probed).collect())
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
