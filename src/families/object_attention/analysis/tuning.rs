//! Responses to a bar beside a distractor, attended and not: the reference's tuning curves.
//!
//! Source: `analysis/tuning_curves.py`. Per orientation every bar is shown with the distractor in
//! two phases; a stimulus counts as attended in the phase that picks the bar, as unattended in the
//! other. The curve is the maximum over stimuli.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::super::ObjectAttention;
use super::super::areas::{AreaIndex, MemoryIndex};
use crate::dynamics::{
    Controls, Dynamics as _, Presentation, ProtocolOptions, Run, State, Workspace, flat, rollout,
};
use crate::error::{Error, Result};
use crate::stimulus::Image;
use crate::stimulus::bars::BarGrid;

/// Stimuli run at a time: bounds the memory, and is fixed so that no result depends on threads.
const CHUNK: usize = 14;

/// Maxima over stimuli of every unit of one area.
#[derive(Clone, Debug, PartialEq)]
pub struct AreaMaxima {
    pub area: String,
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
    /// At the last pass of the phase that picked the bar.
    pub attended: Vec<f32>,
    /// At the last pass of the phase that picked the distractor.
    pub unattended: Vec<f32>,
    /// At the first pass, before any gate acts.
    pub feedforward: Vec<f32>,
}

/// The convolution areas of a network at one orientation (or any other set of bars).
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionMaxima {
    /// Of the convolutions, from the picture upwards.
    pub areas: Vec<AreaMaxima>,
    /// Stimuli whose first phase picked the bar.
    pub n_bar_first: usize,
    /// Different stimuli that were run; repeats change no maximum.
    pub n_distinct: usize,
}

impl AreaMaxima {
    /// Index of a unit into the maps.
    ///
    /// # Errors
    /// [`Error::Config`] if the area has no such unit.
    pub fn unit(&self, channel: usize, row: usize, column: usize) -> Result<usize> {
        let [channels, height, width] = self.shape;
        if channel >= channels || row >= height || column >= width {
            let requirement = format!("inside {channels} channels of {height} x {width}");
            return Err(Error::config(
                format!("unit of {}", self.area),
                requirement,
                format!("{channel}:{row}:{column}"),
            ));
        }
        Ok((channel * height + row) * width + column)
    }

    fn raise(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.attended, &other.attended),
            (&mut self.unattended, &other.unattended),
            (&mut self.feedforward, &other.feedforward),
        ] {
            raise(to, from);
        }
    }
}

/// The reference's procedure at the orientations `chosen` (indices) of `grid`, in their order.
///
/// `distractor`: the digit on the model's canvas, `[1, 28, 42]`. `progress(done, of)` is called
/// after every orientation and may stop the work.
///
/// # Errors
/// [`Error::Cancelled`] if stopped; those of [`condition_maxima`].
pub fn reference_tuning(
    model: &ObjectAttention,
    controls: &Controls,
    grid: &BarGrid,
    distractor: &Image,
    chosen: &[usize],
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<ConditionMaxima>> {
    grid.validate()?;
    let mut maxima = Vec::with_capacity(chosen.len());
    for (done, &index) in chosen.iter().enumerate() {
        let Some(&orientation) = grid.orientations_deg.get(index) else {
            let requirement = format!("below {}", grid.orientations_deg.len());
            return Err(Error::config("orientation index", requirement, index));
        };
        maxima.push(condition_maxima(model, controls, &grid.bars(orientation), distractor)?);
        if progress(done + 1, chosen.len()).is_break() {
            return Err(Error::Cancelled);
        }
    }
    Ok(maxima)
}

/// Maxima over `bars`, each shown with `distractor`; both are `[channels, height, width]` of the
/// model's picture. The picture is their sum, not clamped.
///
/// # Errors
/// [`Error::Shape`] for pictures of another size, [`Error::Config`] without bars or with fewer than
/// two phases.
pub fn condition_maxima(
    model: &ObjectAttention,
    controls: &Controls,
    bars: &[Image],
    distractor: &Image,
) -> Result<ConditionMaxima> {
    if model.config().phases < 2 {
        return Err(Error::config("phases", "2 or more", model.config().phases));
    }
    for image in bars.iter().chain([distractor]) {
        if image.shape() != model.input_shape() {
            return Err(Error::shape("bar or distractor", model.input_shape(), &image.shape()));
        }
    }
    let mut seen = BTreeSet::new();
    let bits = |bar: &Image| -> Vec<u32> { bar.data().iter().map(|value| value.to_bits()).collect() };
    let distinct: Vec<&Image> = bars.iter().filter(|bar| seen.insert(bits(bar))).collect();
    let parts: Vec<ConditionMaxima> = distinct
        .par_chunks(CHUNK)
        .map(|chunk| run_chunk(model, controls, chunk, distractor))
        .collect::<Result<_>>()?;
    let merged = parts.into_iter().reduce(|mut all, part| {
        all.areas.iter_mut().zip(&part.areas).for_each(|(all, part)| all.raise(part));
        all.n_bar_first += part.n_bar_first;
        all.n_distinct += part.n_distinct;
        all
    });
    merged.ok_or_else(|| Error::config("bars", "at least one", 0))
}

fn run_chunk(
    model: &ObjectAttention,
    controls: &Controls,
    bars: &[&Image],
    distractor: &Image,
) -> Result<ConditionMaxima> {
    let [channels, height, width] = model.input_shape();
    let n = bars.len();
    let strength = model.config().strength as f32;
    let target = |object: f32, x: f32| (1.0 - strength) * x + strength * object;
    let mut x = Vec::with_capacity(n * distractor.data().len());
    let mut targets = [Vec::with_capacity(x.capacity()), Vec::with_capacity(x.capacity())];
    for bar in bars {
        for (&bar, &other) in bar.data().iter().zip(distractor.data()) {
            x.push(bar + other);
            targets[0].push(target(bar, bar + other));
            targets[1].push(target(other, bar + other));
        }
    }
    let x = Tensor::from_vec(x, (n, channels, height, width), &Device::Cpu)?;
    let targets = Tensor::from_vec(targets.concat(), (2, n, channels, height, width), &Device::Cpu)?;
    let presentation = Presentation { target: Some(targets), ..Presentation::held(x) };
    let passes = model.config().passes;
    let options = ProtocolOptions { timesteps: Some(2 * passes), ..Default::default() };
    let schedule = model.schedule(&presentation, &options)?;
    let run = Run::plain(model, &schedule, controls);
    let mut found = empty(model);
    found.n_distinct = n;
    rollout(&run, model.rest(n)?, 0..schedule.len(), &mut Workspace::new(), |_, drive, state| {
        if drive.phase == 0 && drive.pass_index == 0 {
            found.see_feedforward(model, state)?;
        }
        if drive.pass_index + 1 == passes {
            found.see_picks(model, state, drive.phase)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

fn empty(model: &ObjectAttention) -> ConditionMaxima {
    let n_stages = model.config().variant.n_stages();
    let areas = (0..n_stages).map(|stage| {
        let area = &model.areas()[AreaIndex::new(n_stages).conv(stage)];
        let nothing = vec![f32::NEG_INFINITY; area.n_units()];
        AreaMaxima {
            area: area.name.clone(),
            shape: area.map_shape(),
            attended: nothing.clone(),
            unattended: nothing.clone(),
            feedforward: nothing,
        }
    });
    ConditionMaxima { areas: areas.collect(), n_bar_first: 0, n_distinct: 0 }
}

impl ConditionMaxima {
    fn see_feedforward(&mut self, model: &ObjectAttention, state: &State) -> Result<()> {
        let at = AreaIndex::new(model.config().variant.n_stages());
        for (stage, maxima) in self.areas.iter_mut().enumerate() {
            let responses = flat(&state.areas[at.conv(stage)])?;
            responses
                .chunks(maxima.feedforward.len())
                .for_each(|trial| raise(&mut maxima.feedforward, trial));
        }
        Ok(())
    }

    fn see_picks(&mut self, model: &ObjectAttention, state: &State, phase: usize) -> Result<()> {
        let n_stages = model.config().variant.n_stages();
        let pick: Vec<i64> = state.memory[MemoryIndex::new(n_stages).pick()].to_vec1()?;
        if phase == 0 {
            self.n_bar_first += pick.iter().filter(|&&object| object == 0).count();
        }
        for (stage, maxima) in self.areas.iter_mut().enumerate() {
            let responses = flat(&state.areas[AreaIndex::new(n_stages).conv(stage)])?;
            for (trial, &object) in responses.chunks(maxima.attended.len()).zip(&pick) {
                let condition = if object == 0 { &mut maxima.attended } else { &mut maxima.unattended };
                raise(condition, trial);
            }
        }
        Ok(())
    }
}

/// Entry-wise maximum.
fn raise(maxima: &mut [f32], values: &[f32]) {
    for (max, &value) in maxima.iter_mut().zip(values) {
        *max = max.max(value);
    }
}
