//! The stimuli of a probe: every value of the feature with everything that is averaged over.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::condition::Place;
use super::recipe::{Carrier, Feature, ProbeRecipe};
use crate::dynamics::{Frame, Instruction, Presentation};
use crate::error::{Error, Result};
use crate::figure::number::counted;
use crate::model::{Family, Model};
use crate::stimulus::procedural_digits::procedural_digits;
use crate::stimulus::{Aperture, Bar, Grating, Image, Split};

/// What shares the picture with the probed stimulus.
enum Layout {
    /// Nothing: the stimulus is in the middle.
    Alone,
    /// A digit on the right; the stimulus is on the left. Both are objects to attend.
    BesideDigit { digit: Image, strength: f64 },
}

/// All stimuli of a probe, made when they are needed.
pub(super) struct Design {
    recipe: ProbeRecipe,
    /// Values of the feature.
    pub values: Vec<f64>,
    canvas: [usize; 3],
    layout: Layout,
    /// Middle of the probed stimulus, pixels right of and below the middle of the canvas.
    middle: [f64; 2],
    task: Option<usize>,
    dtype: DType,
    device: Device,
}

/// What one pooled stimulus differs in from the others of the same value.
struct Pooled {
    width: f64,
    phase: f64,
    offset: [f64; 2],
}

impl Design {
    pub(super) fn new(recipe: &ProbeRecipe, model: &Model) -> Result<Self> {
        recipe.validate()?;
        let canvas @ [_, height, width] = model.dynamics.input_shape();
        let values = if recipe.values.is_empty() {
            recipe.feature.default_values(height.min(width))
        } else {
            recipe.values.clone()
        };
        let (layout, middle) = match model.info.family {
            Family::RecurrentGating | Family::CounterHebb | Family::Blt | Family::CordsNet => {
                (Layout::Alone, [0.0, 0.0])
            }
            Family::ObjectAttention => {
                // A third of the shorter side from either edge: the columns of a two-digit stimulus.
                let left = height as f64 / 2.0 - width as f64 / 2.0;
                let middle = [left.max(-(width as f64) / 4.0), 0.0];
                let strength = model.info.config.get("strength").and_then(|entry| entry.value.as_f64());
                let strength =
                    strength.ok_or_else(|| Error::config("strength", "in the configuration", "nothing"))?;
                let digit = distractor(recipe, canvas, -middle[0]);
                (Layout::BesideDigit { digit, strength }, middle)
            }
        };
        let tensor = model.weights.iter().map(|(_, weight)| weight.tensor()).next();
        let (dtype, device) = tensor.map_or((DType::F32, Device::Cpu), |t| (t.dtype(), t.device().clone()));
        let task = task(recipe, model)?;
        Ok(Self { recipe: recipe.clone(), values, canvas, layout, middle, task, dtype, device })
    }

    /// Where the stimulus is, for conditions that attend a place.
    pub(super) fn place(&self) -> Place {
        let [_, height, width] = self.canvas.map(|side| side as f64);
        let reach = self.recipe.size / 2.0 + self.recipe.spacing * (self.recipe.positions - 1) as f64 / 2.0;
        Place {
            row: 0.5 + self.middle[1] / height,
            col: 0.5 + self.middle[0] / width,
            radius: reach / height,
        }
    }

    /// Stimuli per value.
    pub(super) fn n_pooled(&self) -> usize {
        let [across, down] = self.grid();
        across * down * self.n_shapes()
    }

    /// In words, for captions: `3 widths × 4 × 4 positions`.
    pub(super) fn pooled_over(&self) -> String {
        let [across, down] = self.grid();
        let (one, many) = match self.recipe.carrier {
            Carrier::Bar => ("width", "widths"),
            Carrier::Grating => ("phase", "phases"),
        };
        let shapes = counted(self.n_shapes(), one, many);
        match across * down {
            1 => format!("{shapes} at 1 position"),
            _ => format!("{shapes} × {across} × {down} positions"),
        }
    }

    fn n_shapes(&self) -> usize {
        match self.recipe.carrier {
            Carrier::Bar => self.recipe.widths.len(),
            Carrier::Grating => self.recipe.phases.len(),
        }
    }

    /// Positions across and down; the one that varies along the axis is not pooled over.
    fn grid(&self) -> [usize; 2] {
        let n = self.recipe.positions;
        match self.recipe.feature {
            Feature::PositionX => [1, n],
            Feature::PositionY => [n, 1],
            Feature::Orientation | Feature::SpatialFrequency | Feature::Contrast | Feature::Size => [n, n],
        }
    }

    fn pooled(&self, index: usize) -> Pooled {
        let [across, down] = self.grid();
        let offset = |k: usize, n: usize| (k as f64 - (n - 1) as f64 / 2.0) * self.recipe.spacing;
        let (shape, place) = (index / (across * down), index % (across * down));
        let pick = |list: &[f64]| list[shape % list.len()];
        Pooled {
            width: pick(&self.recipe.widths),
            phase: pick(&self.recipe.phases),
            offset: [offset(place / down, across), offset(place % down, down)],
        }
    }

    /// The probed stimulus alone on the canvas.
    pub(super) fn stimulus(&self, value: usize, pooled: usize) -> Image {
        let recipe = &self.recipe;
        let pooled = self.pooled(pooled);
        let value = self.values[value];
        let or = |feature: Feature, otherwise: f64| if recipe.feature == feature { value } else { otherwise };
        let x = or(Feature::PositionX, pooled.offset[0]) + self.middle[0];
        let y = or(Feature::PositionY, pooled.offset[1]) + self.middle[1];
        let orientation = or(Feature::Orientation, recipe.orientation);
        let contrast = or(Feature::Contrast, recipe.contrast);
        let size = or(Feature::Size, recipe.size);
        let [channels, height, width] = self.canvas;
        match recipe.carrier {
            Carrier::Bar => {
                let background = recipe.background;
                let bar = Bar { orientation, width: pooled.width, length: size, x, y, contrast, background };
                bar.render(channels, height, width)
            }
            Carrier::Grating => Grating {
                orientation,
                sf: or(Feature::SpatialFrequency, recipe.spatial_frequency),
                phase: pooled.phase,
                contrast,
                size,
                x,
                y,
                aperture: Aperture::Gaussian,
                mean: 0.5,
                background: recipe.background,
            }
            .render(channels, height, width),
        }
    }

    /// The stimulus that stands for a value: the middle one of those pooled over, cut to where it lies.
    pub(super) fn picture(&self, value: usize) -> Image {
        let image = self.stimulus(value, self.n_pooled() / 2);
        let [_, height, width] = self.canvas;
        let half = (self.recipe.size * 0.7).max(8.0).min(height.min(width) as f64 / 2.0) as usize;
        let middle =
            |side: usize, offset: f64| ((side as f64 / 2.0 + offset) as usize).clamp(half, side - half);
        let (row, col) = (middle(height, self.middle[1]), middle(width, self.middle[0]));
        Image::from_fn(2 * half, 2 * half, |r, c| image.at(0, row + r - half, col + c - half))
    }

    /// A batch of stimuli `(value, pooled)` as shown, with the objects to attend where there are two.
    pub(super) fn presentation(&self, batch: &[(usize, usize)]) -> Result<Presentation> {
        let mut pictures = Vec::new();
        let mut targets = [Vec::new(), Vec::new()];
        for &(value, pooled) in batch {
            let stimulus = self.stimulus(value, pooled);
            match &self.layout {
                Layout::Alone => pictures.extend_from_slice(stimulus.data()),
                Layout::BesideDigit { digit, strength } => {
                    let (rest, kept) = ((1.0 - strength) as f32, *strength as f32);
                    // Not clamped: bar and digit may add up to 2 (analysis/tuning_curves.py).
                    let both: Vec<f32> =
                        stimulus.data().iter().zip(digit.data()).map(|(a, b)| a + b).collect();
                    for (target, object) in targets.iter_mut().zip([&stimulus, digit]) {
                        target.extend(both.iter().zip(object.data()).map(|(x, o)| rest * x + kept * o));
                    }
                    pictures.extend_from_slice(&both);
                }
            }
        }
        let [channels, height, width] = self.canvas;
        let tensor = |values: Vec<f32>, shape: &[usize]| -> Result<Tensor> {
            Ok(Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?)
        };
        let n = batch.len();
        let frame = Frame::new(tensor(pictures, &[n, channels, height, width])?);
        let target = match self.layout {
            Layout::Alone => None,
            Layout::BesideDigit { .. } => Some(tensor(targets.concat(), &[2, n, channels, height, width])?),
        };
        let instruction = self.task.map(|task| Instruction { task: Some(task), prompt: None });
        Ok(Presentation {
            frames: vec![Arc::new(frame)],
            beyond: None,
            instructions: vec![instruction],
            target,
            segments: Vec::new(),
        })
    }
}

/// A drawn digit of the recipe's class, `right` pixels right of the middle.
fn distractor(recipe: &ProbeRecipe, [channels, height, width]: [usize; 3], right: f64) -> Image {
    let digits = procedural_digits(recipe.seed, Split::Test, 10);
    let digit = digits.image(recipe.distractor as usize);
    let mut canvas = Image::zeros(channels, height, width);
    let top = (height as isize - digit.height() as isize) / 2;
    let left = ((width as f64 - digit.width() as f64) / 2.0 + right).round() as isize;
    canvas.paste(&digit.repeated(channels), top, left);
    canvas
}

/// The task in force, for networks that need one.
fn task(recipe: &ProbeRecipe, model: &Model) -> Result<Option<usize>> {
    let tasks = model.dynamics.tasks();
    if recipe.task.is_empty() {
        let recognition = tasks.iter().position(|task| task.eq_ignore_ascii_case("recognition"));
        return Ok(recognition.or((!tasks.is_empty()).then_some(0)));
    }
    let found = tasks.iter().position(|task| task.eq_ignore_ascii_case(&recipe.task));
    found.map(Some).ok_or_else(|| Error::unknown("task", &recipe.task, tasks.iter().cloned()))
}
