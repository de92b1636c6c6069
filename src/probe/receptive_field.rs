//! Receptive fields by mapping: a small spot at every place, the response of every unit to it.

use std::ops::ControlFlow;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::dynamics::{
    Controls, Instruction, Presentation, ProtocolOptions, Run, Units, Workspace, find_area, rollout,
};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::progress::Progress;

/// Spots run at a time.
const BATCH: usize = 64;

/// How receptive fields are mapped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RfRecipe {
    pub area: String,
    pub units: Units,
    /// Distance between spots, image pixels.
    pub step: usize,
    /// Side of a spot, image pixels.
    pub spot: usize,
    /// Luminance of the background and of the spot, 0 to 1.
    pub background: f64,
    pub luminance: f64,
    /// Timestep whose end is read, from 0; the first is the bottom-up field, before any gain.
    pub timestep: usize,
    /// Task for networks that need one: its index.
    pub task: usize,
}

impl Default for RfRecipe {
    fn default() -> Self {
        Self {
            area: String::new(),
            units: Units::all(),
            step: 2,
            spot: 3,
            background: 0.0,
            luminance: 1.0,
            timestep: 0,
            task: 0,
        }
    }
}

/// Where in the image a unit responds, in image pixels, x right and y down, from the outer corner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReceptiveField {
    /// Flat index into the area.
    pub unit: usize,
    /// Centre of mass of the absolute response change; `None` for a unit that no spot moves.
    pub center_px: Option<[f64; 2]>,
    /// Full width at half maximum of a Gaussian with the same variance, across and down.
    pub size_px: Option<[f64; 2]>,
    /// Response to a spot minus the response to the background, `[rows, columns]`, row-major.
    pub map: Vec<f32>,
    pub columns: usize,
    /// Image pixels per column and row of the map.
    pub step_px: usize,
}

/// Maps the receptive fields of the recipe's units.
///
/// # Errors
/// [`Error::Config`] or [`Error::Unknown`] for a recipe the model cannot serve, [`Error::Cancelled`].
pub fn receptive_fields(
    recipe: &RfRecipe,
    model: &Model,
    workspace: &mut Workspace,
    progress: &mut dyn Progress,
) -> Result<Vec<ReceptiveField>> {
    let dynamics = model.dynamics.as_ref();
    let area = find_area(dynamics.areas(), &recipe.area)?;
    let units = recipe.units.indices(&dynamics.areas()[area])?;
    let [channels, height, width] = dynamics.input_shape();
    let largest = height.min(width);
    for (field, value) in [("step", recipe.step), ("spot", recipe.spot)] {
        if !(1..=largest).contains(&value) {
            return Err(Error::config(field, format!("1 to {largest} pixels"), value));
        }
    }
    let (rows, columns) = (height.div_ceil(recipe.step), width.div_ceil(recipe.step));
    let n_units = dynamics.areas()[area].n_units();
    let tensor = model.weights.iter().map(|(_, weight)| weight.tensor()).next();
    let place = tensor.map(|tensor| (tensor.dtype(), tensor.device().clone()));
    let (dtype, device) = place.unwrap_or((DType::F32, candle_core::Device::Cpu));

    // Index 0 is the background alone.
    let n_pictures = 1 + rows * columns;
    let mut responses: Vec<Vec<f32>> = vec![Vec::with_capacity(n_pictures); units.len()];
    let what = format!("receptive fields of {}", recipe.area);
    let pictures: Vec<usize> = (0..n_pictures).collect();
    for (done, batch) in pictures.chunks(BATCH).enumerate() {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        progress.report(&what, done * BATCH, n_pictures);
        let mut pixels = vec![recipe.background as f32; batch.len() * channels * height * width];
        for (picture, plane) in pixels.chunks_mut(channels * height * width).enumerate() {
            if let Some(spot) = batch[picture].checked_sub(1) {
                let middle = [spot / columns, spot % columns].map(|k| k * recipe.step + recipe.step / 2);
                draw_spot(plane, [channels, height, width], middle, recipe.spot, recipe.luminance as f32);
            }
        }
        let x = Tensor::from_vec(pixels, (batch.len(), channels, height, width), &device)?.to_dtype(dtype)?;
        let task = (!dynamics.tasks().is_empty()).then_some(recipe.task);
        let presentation = Presentation {
            instructions: vec![task.map(|task| Instruction { task: Some(task), prompt: None })],
            ..Presentation::held(x)
        };
        let schedule = dynamics.schedule(&presentation, &ProtocolOptions::default())?;
        let controls = Controls::defaults(dynamics.controls());
        let run = Run::plain(dynamics, &schedule, &controls);
        let end = recipe.timestep + 1;
        let state = rollout(&run, dynamics.rest(batch.len())?, 0..end, workspace, |_, _, _| {
            Ok(ControlFlow::Continue(()))
        })?;
        let values = state.values(area)?;
        for trial in values.chunks(n_units) {
            for (unit, responses) in units.iter().zip(&mut responses) {
                responses.push(trial[*unit]);
            }
        }
    }
    progress.report(&what, n_pictures, n_pictures);
    let field = |(unit, responses): (&usize, Vec<f32>)| {
        let map: Vec<f32> = responses[1..].iter().map(|response| response - responses[0]).collect();
        field_of(*unit, map, columns, recipe.step)
    };
    Ok(units.iter().zip(responses).map(field).collect())
}

fn draw_spot(
    plane: &mut [f32],
    [channels, height, width]: [usize; 3],
    [row, col]: [usize; 2],
    side: usize,
    luminance: f32,
) {
    let from = |middle: usize| middle.saturating_sub(side / 2);
    for channel in 0..channels {
        for i in from(row)..(from(row) + side).min(height) {
            for j in from(col)..(from(col) + side).min(width) {
                plane[(channel * height + i) * width + j] = luminance;
            }
        }
    }
}

/// Centre and size from the first two moments of the absolute change.
fn field_of(unit: usize, map: Vec<f32>, columns: usize, step: usize) -> ReceptiveField {
    let weight = |index: usize| f64::from(map[index].abs());
    let total: f64 = (0..map.len()).map(weight).sum();
    let (mut center_px, mut size_px) = (None, None);
    if total > 0.0 {
        // A spot stands for the middle of its cell.
        let at = |index: usize| [index % columns, index / columns].map(|k| (k as f64 + 0.5) * step as f64);
        let mean = |axis: usize| (0..map.len()).map(|i| weight(i) * at(i)[axis]).sum::<f64>() / total;
        let center = [mean(0), mean(1)];
        let variance = |axis: usize| {
            (0..map.len()).map(|i| weight(i) * (at(i)[axis] - center[axis]).powi(2)).sum::<f64>() / total
        };
        center_px = Some(center);
        size_px = Some([0, 1].map(|axis| 2.0 * (2.0 * 2.0_f64.ln()).sqrt() * variance(axis).sqrt()));
    }
    ReceptiveField { unit, center_px, size_px, map, columns, step_px: step }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_single_spot_are_its_cell() {
        let mut map = vec![0.0; 12];
        map[6] = -2.0;
        let field = field_of(0, map, 4, 2);
        assert_eq!(field.center_px, Some([5.0, 3.0]));
        assert_eq!(field.size_px, Some([0.0, 0.0]));
        assert_eq!(field_of(0, vec![0.0; 12], 4, 2).center_px, None);
    }

    #[test]
    fn spots_are_cut_off_at_the_edge() {
        let mut plane = vec![0.0; 12];
        draw_spot(&mut plane, [1, 3, 4], [0, 3], 3, 1.0);
        assert_eq!(plane.iter().sum::<f32>(), 6.0);
    }
}
