//! The gate on the attended object against the gate elsewhere, over stimuli.
//!
//! Source: `analysis/graphs.py`, `inhibition_plot`. A high gate suppresses.

use serde::Serialize;

use super::Trial;
use crate::analysis::statistics::{self, PairedT};

/// Mean gate of the picture over two sets of pixels; NaN where a set is empty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GateContrast {
    /// Over the pixels of the picked object.
    pub attended: f64,
    /// Over all others, black pixels included.
    pub unattended: f64,
}

/// Gate of one picture, split by where the picked object is.
///
/// `q = ((x - target + 1e-6) / (x + 1e-6)) / strength` in `f32`; above one half is not the object.
/// All slices have one entry per channel and pixel; `strength` is that of the targets.
pub fn gate_contrast(x: &[f32], target: &[f32], gate: &[f32], strength: f32) -> GateContrast {
    let mut sums = [0.0; 2];
    let mut counts = [0_u32; 2];
    for ((&x, &target), &gate) in x.iter().zip(target).zip(gate) {
        let q = ((x - target + 1e-6) / (x + 1e-6)) / strength;
        let is_far = usize::from(q > 0.5);
        sums[is_far] += f64::from(gate);
        counts[is_far] += 1;
    }
    let mean = |side: usize| sums[side] / f64::from(counts[side]);
    GateContrast { attended: mean(0), unattended: mean(1) }
}

/// The contrast over stimuli, each averaged over its phases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GatingSummary {
    /// Per stimulus.
    pub attended: Vec<f64>,
    pub unattended: Vec<f64>,
    pub attended_mean: f64,
    /// Sample standard deviation, n - 1.
    pub attended_sd: f64,
    pub unattended_mean: f64,
    pub unattended_sd: f64,
    /// Unattended against attended.
    pub paired_t: Option<PairedT>,
}

/// Stimuli with an empty set of pixels, or a phase without a pick, are left out.
pub fn gating(trials: &[Trial]) -> GatingSummary {
    let mut attended = Vec::with_capacity(trials.len());
    let mut unattended = Vec::with_capacity(trials.len());
    for trial in trials {
        let gates: Option<Vec<GateContrast>> = trial.phases.iter().map(|phase| phase.gate).collect();
        let Some(gates) = gates else { continue };
        let mean = |side: fn(&GateContrast) -> f64| gates.iter().map(side).sum::<f64>() / gates.len() as f64;
        let (on, off) = (mean(|gate| gate.attended), mean(|gate| gate.unattended));
        if on.is_finite() && off.is_finite() {
            attended.push(on);
            unattended.push(off);
        }
    }
    GatingSummary {
        attended_mean: statistics::mean(&attended),
        attended_sd: statistics::standard_deviation(&attended),
        unattended_mean: statistics::mean(&unattended),
        unattended_sd: statistics::standard_deviation(&unattended),
        paired_t: statistics::paired_t(&unattended, &attended),
        attended,
        unattended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_pixels_and_other_objects_are_unattended() {
        // Black, another object, the attended object.
        let x = [0.0, 1.0, 1.0];
        let target = [0.0, 0.8, 1.0];
        let contrast = gate_contrast(&x, &target, &[0.9, 0.7, 0.1], 0.2);
        assert!((contrast.attended - 0.1).abs() < 1e-7 && (contrast.unattended - 0.8).abs() < 1e-7);
    }

    #[test]
    fn a_picture_without_the_object_is_left_out() {
        let contrast = gate_contrast(&[0.0], &[0.0], &[0.5], 0.2);
        assert!(contrast.attended.is_nan());
    }
}
