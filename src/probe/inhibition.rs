//! Inhibition of return and gating over many stimuli (object attention on digits).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::analysis::statistics::mean;
use crate::dynamics::{Controls, Dynamics as _, Workspace};
use crate::error::{Error, Result};
use crate::families::object_attention::analysis::{
    GatingSummary, InhibitionPhase, attend, gating, inhibition as phases_of,
};
use crate::families::object_attention::{Batch, Config, ObjectAttention};
use crate::figure::number::{count, fixed, significant};
use crate::figure::{Axis, Bars, Figure, Ink, Line, Panel, Plot, Points, Role, Series, Width};
use crate::model::{Family, Model};
use crate::progress::Progress;
use crate::stimulus::procedural_digits::procedural_digits;
use crate::stimulus::{Split, idx};
use crate::task::digit_pairs::DigitPairs;

/// Stimuli run at a time.
const BATCH: usize = 32;
/// Bins of the histogram of gates.
const BINS: usize = 40;

/// Which stimuli are attended, one object after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InhibitionRecipe {
    /// Number of stimuli.
    pub n: usize,
    /// Upper end of the uniform noise on black pixels, 0 to 1.
    pub noise: f64,
    /// Folder with IDX digits; absent takes drawn ones.
    pub data: Option<PathBuf>,
    pub seed: u64,
}

impl Default for InhibitionRecipe {
    fn default() -> Self {
        Self { n: 256, noise: 0.3, data: None, seed: 0 }
    }
}

impl InhibitionRecipe {
    /// The command that makes this result of the model at `path`.
    pub fn command(&self, path: &str) -> String {
        let quoted = crate::provenance::quoted;
        let mut line = format!("gainfield probe {} --probe inhibition", quoted(path));
        if let Some(data) = &self.data {
            line += &format!(" --data {}", quoted(&data.to_string_lossy()));
        }
        let default = Self::default();
        if self.n != default.n {
            line += &format!(" --set n={}", self.n);
        }
        if (self.noise - default.noise).abs() > f64::EPSILON {
            line += &format!(" --set noise={}", self.noise);
        }
        if self.seed != default.seed {
            line += &format!(" --seed {}", self.seed);
        }
        line + " --out probe"
    }
}

/// How the gate treats the attended object, and how inhibition moves attention on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InhibitionResult {
    pub n_stimuli: usize,
    pub phases: Vec<InhibitionPhase>,
    pub gating: GatingSummary,
}

/// Runs the whole protocol on composed digits (`analysis/graphs.py`).
///
/// # Errors
/// [`Error::Unsupported`] for a network without inhibition of return on digits, [`Error::Config`] for
/// a recipe out of range, those of reading data, [`Error::Cancelled`].
pub fn inhibition(
    recipe: &InhibitionRecipe,
    model: &Model,
    workspace: &mut Workspace,
    progress: &mut dyn Progress,
) -> Result<InhibitionResult> {
    if model.info.family != Family::ObjectAttention || model.info.variant != "digits" {
        let message = "inhibition of return is measured on object-attention networks for digits; \
                       this network has none";
        return Err(Error::Unsupported(message.to_owned()));
    }
    if !(1..=100_000).contains(&recipe.n) {
        return Err(Error::config("n", "1 to 100000 stimuli", recipe.n));
    }
    let config: Config = model.info.config.parse()?;
    let network = ObjectAttention::new(&config, &model.weights)?;
    let strength = model.info.config.get("strength").and_then(|entry| entry.value.as_f64());
    let strength = strength.ok_or_else(|| Error::config("strength", "in the configuration", "nothing"))?;
    let composer = DigitPairs { n: config.phases, noise: recipe.noise, strength, resample: true };
    composer.validate()?;
    let digits = match &recipe.data {
        Some(folder) => idx::load_digits(folder, Split::Test)?,
        None => procedural_digits(recipe.seed, Split::Test, 1000),
    };
    let device = model.weights.iter().next().map(|(_, weight)| weight.tensor().device().clone());
    let device = device.unwrap_or(candle_core::Device::Cpu);
    let controls = Controls::defaults(network.controls());
    let what = "inhibition of return";
    let mut trials = Vec::with_capacity(recipe.n);
    let firsts: Vec<usize> = (0..recipe.n).map(|trial| trial % digits.len()).collect();
    for (index, first) in firsts.chunks(BATCH).enumerate() {
        if progress.is_cancelled() {
            return Err(Error::Cancelled);
        }
        progress.report(what, trials.len(), recipe.n);
        let composed = composer.batch(&digits, first, recipe.seed, index as u64)?;
        let batch = Batch::from_digits(&composed, strength, &device)?;
        trials.extend(attend(&network, &batch, &controls, workspace)?);
    }
    progress.report(what, recipe.n, recipe.n);
    Ok(InhibitionResult { n_stimuli: recipe.n, phases: phases_of(&trials), gating: gating(&trials) })
}

/// Gates on the attended object against gates elsewhere, one count per stimulus, and what every phase
/// inhibits.
///
/// # Errors
/// Those of the figure description, for a result without a finite gate.
pub fn inhibition_figure(result: &InhibitionResult) -> Result<Figure> {
    let panels = [gating_panel(result)?, phase_panel(result)?];
    let gating = &result.gating;
    let test = gating.paired_t.as_ref().map_or_else(String::new, |test| {
        format!(" Paired t({}) = {}.", test.degrees_of_freedom, significant(test.t, 3))
    });
    let caption = format!(
        "Mean gate of the picture on the attended object ({} ± {} s.d.) and elsewhere ({} ± {} s.d.), n = {} \
         stimuli, phases averaged.{test} Right: shares over stimuli after every phase.",
        fixed(gating.attended_mean, 3),
        fixed(gating.attended_sd, 3),
        fixed(gating.unattended_mean, 3),
        fixed(gating.unattended_sd, 3),
        count(gating.attended.len()),
    );
    Ok(Figure::row(Width::TwoColumns, panels)?.caption(caption))
}

/// Histograms of the gates.
///
/// # Errors
/// As [`inhibition_figure`].
pub fn gating_panel(result: &InhibitionResult) -> Result<Panel> {
    let edges: Vec<f64> = (0..=BINS).map(|bin| bin as f64 / BINS as f64).collect();
    let counted = |values: &[f64]| {
        let mut counts = vec![0.0; BINS];
        for &value in values {
            counts[((value * BINS as f64) as usize).min(BINS - 1)] += 1.0;
        }
        counts
    };
    let gating = &result.gating;
    let mut plot = Plot::new(Axis::new("Mean gate (1 suppresses)").range(0.0, 1.0), Axis::new("Stimuli"));
    for (name, role, values) in [
        ("attended object", Role::Attended, &gating.attended),
        ("elsewhere", Role::Unattended, &gating.unattended),
    ] {
        plot = plot.with(Bars::histogram(Series::new(name, Ink::from(role)), &edges, counted(values))?);
    }
    let difference = mean(&gating.unattended) - mean(&gating.attended);
    let headline = format!("difference {}, n = {}", fixed(difference, 3), count(gating.attended.len()));
    Ok(Panel::new("gates", plot).headline(headline))
}

/// Shares after every phase.
///
/// # Errors
/// As [`inhibition_figure`].
pub fn phase_panel(result: &InhibitionResult) -> Result<Panel> {
    let phases = (1..=result.phases.len()).map(|phase| (phase as f64, phase.to_string()));
    let last = result.phases.len().max(1) as f64;
    let x = Axis::new("Phase").range(0.75, last + 0.25).ticks_at(phases);
    let mut plot = Plot::new(x, Axis::new("Share").range(0.0, 1.0));
    type Share = fn(&InhibitionPhase) -> f64;
    let shares: [(&str, Share); 3] = [
        ("picked object inhibited", |phase| phase.overlap),
        ("picture inhibited", |phase| phase.inhibited.first().copied().unwrap_or(f64::NAN)),
        ("pick forced by the rule", |phase| phase.forced_pick),
    ];
    for (index, (name, share)) in shares.into_iter().enumerate() {
        let points: Vec<[f64; 2]> =
            result.phases.iter().enumerate().map(|(i, phase)| [(i + 1) as f64, share(phase)]).collect();
        if points.is_empty() {
            continue;
        }
        let series = Series::new(name, Ink::Category(index));
        plot = plot.with(Line::new(series.clone().quiet(), points.clone())?);
        plot = plot.with(Points::new(series, points)?);
    }
    Ok(Panel::new("inhibition", plot))
}
