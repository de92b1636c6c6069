//! The published protocol: one picture, held for the timesteps of the network.

use std::sync::Arc;

use candle_core::Tensor;

use super::config::{Config, Normalisation};
use crate::dynamics::{Drive, LabelSet, Pass, Prepared, Presentation, Schedule, Segment, SegmentKind, State};
use crate::error::Result;
use crate::stimulus::{Preparation, Resizing};

/// `n_timesteps`; those beyond the last frame hold it. A network that sweeps through its areas in
/// `period` timesteps begins anew after them.
pub(super) fn schedule(
    config: &Config,
    presentation: &Presentation,
    n_timesteps: usize,
    period: usize,
) -> Result<Schedule> {
    presentation.check()?;
    let published = config.n_timesteps();
    let drives: Vec<Drive> = (0..n_timesteps)
        .map(|t| Drive {
            frame: presentation.frame_at(t).clone(),
            instruction: None,
            target: None,
            pass: Pass::Sweep,
            phase: t / period,
            pass_index: t % period,
            n_passes: period,
            shown: t,
        })
        .collect();
    let mut segments = presentation.segments.clone();
    if segments.is_empty() {
        segments = shown(&drives);
    }
    Ok(Schedule { drives, segments, published: Some(published) })
}

/// Stretches of timesteps that show one frame.
fn shown(drives: &[Drive]) -> Vec<Segment> {
    let mut from = 0;
    let stretches = drives.chunk_by(|a, b| Arc::ptr_eq(&a.frame, &b.frame));
    let segment = |stretch: &[Drive]| {
        let (kind, name) = match stretch[0].frame.is_blank() {
            true => (SegmentKind::Blank, "blank"),
            false => (SegmentKind::Stimulus, "picture"),
        };
        let to = from + stretch.len();
        let segment = Segment { kind, name: name.to_owned(), from, to };
        from = to;
        segment
    };
    stretches.map(segment).collect()
}

/// The labels of the frame that was shown, wherever the network answers.
pub(super) fn scored_labels(labels: &LabelSet, state: &State) -> Option<Vec<i64>> {
    state.readout.as_ref()?;
    match labels {
        LabelSet::PerTimestep(labels) => {
            let shown = state.t.saturating_sub(1).min(labels.len().saturating_sub(1));
            labels.get(shown).cloned()
        }
        LabelSet::PerObject(_) => None,
    }
}

/// How the source's loaders bring a picture to the input: the shorter side of ImageNet's to 256 of 224
/// pixels, that of faces to the input's own, then the middle.
pub(super) fn preparation(config: &Config) -> Preparation {
    let side = config.image_size();
    let shorter = match config.normalisation() {
        Normalisation::Vggface2 => side,
        Normalisation::Imagenet | Normalisation::None => side * 256 / 224,
    };
    Preparation { resizing: Resizing::Shorter(shorter), side }
}

/// One prepared tensor, checked against the state it meets.
pub(super) fn input<'a>(prepared: &'a Prepared, state: &State, n_areas: usize) -> Result<&'a Tensor> {
    let input = &prepared.0[0];
    state.check(n_areas, input.dims()[0])?;
    Ok(input)
}
