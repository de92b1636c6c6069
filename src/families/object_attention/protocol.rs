//! The published protocol: phases of passes, each attending one object; and its labels.

use super::areas::MemoryIndex;
use super::attention::NO_PICK;
use super::config::{Config, PUBLISHED_PASSES};
use crate::dynamics::{
    Drive, LabelSet, Pass, Presentation, ProtocolOptions, Schedule, Segment, SegmentKind, State,
};
use crate::error::{Error, Result};

/// `phases` phases of `passes` passes; further timesteps open further phases.
pub(super) fn schedule(
    config: &Config,
    presentation: &Presentation,
    options: &ProtocolOptions,
) -> Result<Schedule> {
    presentation.check()?;
    let n_timesteps = options.n_timesteps(config.phases * config.passes)?;
    // The one answer of each trial, which other families are told, is no picture to attend to.
    let target = presentation.target.as_ref().filter(|target| target.rank() > 1);
    let drives = (0..n_timesteps)
        .map(|t| Drive {
            frame: presentation.frame_at(t).clone(),
            instruction: None,
            target: target.cloned(),
            pass: Pass::Sweep,
            phase: t / config.passes,
            pass_index: t % config.passes,
            n_passes: config.passes,
            shown: t,
        })
        .collect();
    Ok(Schedule {
        drives,
        segments: segments(config, presentation, n_timesteps),
        published: Some(config.objects * PUBLISHED_PASSES),
    })
}

/// What the presentation names, then the phases and the passes that are scored.
fn segments(config: &Config, presentation: &Presentation, n_timesteps: usize) -> Vec<Segment> {
    let mut segments = presentation.segments.clone();
    for from in (0..n_timesteps).step_by(config.passes) {
        let (end, to) = (from + config.passes, (from + config.passes).min(n_timesteps));
        let name = format!("phase {}", from / config.passes + 1);
        segments.push(Segment { kind: SegmentKind::Phase, name, from, to });
        if end == to {
            let name = "pick".to_owned();
            segments.push(Segment { kind: SegmentKind::Scored, name, from: to - 1, to });
        }
    }
    segments
}

/// The class of the object that each trial picked, in the last pass of a phase.
pub(super) fn scored_labels(
    labels: &LabelSet,
    drive: &Drive,
    state: &State,
    n_stages: usize,
) -> Result<Option<Vec<i64>>> {
    if drive.pass_index + 1 != drive.n_passes {
        return Ok(None);
    }
    match labels {
        LabelSet::PerObject(labels) => {
            let pick: Vec<i64> = state.memory[MemoryIndex::new(n_stages).pick()].to_vec1()?;
            if pick.contains(&NO_PICK) {
                return Ok(None);
            }
            picked(labels, &pick).map(Some)
        }
        LabelSet::PerTimestep(labels) => {
            let shown = state.t.saturating_sub(1).min(labels.len().saturating_sub(1));
            Ok(labels.get(shown).cloned())
        }
    }
}

/// The mean squared difference of the gated picture to the picked target, per trial; `None` where a trial
/// picked nothing. `n_values`: of a picture.
pub(super) fn mask_losses(state: &State, n_stages: usize, n_values: usize) -> Result<Option<Vec<f64>>> {
    let memory = MemoryIndex::new(n_stages);
    let pick: Vec<i64> = state.memory[memory.pick()].to_vec1()?;
    let distances: Vec<Vec<f32>> = state.memory[memory.distance()].to_vec2()?;
    let loss = |(&object, distances): (&i64, &Vec<f32>)| {
        let squares = distances.get(usize::try_from(object).ok()?)?;
        Some(f64::from(*squares) / n_values as f64)
    };
    Ok(pick.iter().zip(&distances).map(loss).collect())
}

/// `labels[pick[trial]][trial]`.
pub(super) fn picked(labels: &[Vec<i64>], pick: &[i64]) -> Result<Vec<i64>> {
    let label = |(trial, &object): (usize, &i64)| {
        let found = usize::try_from(object).ok().and_then(|object| labels.get(object)?.get(trial));
        found.copied().ok_or_else(|| {
            let found = [labels.len(), labels.first().map_or(0, Vec::len)];
            Error::shape("labels (objects, trials)", format!("object {object}, trial {trial}"), &found)
        })
    };
    pick.iter().enumerate().map(label).collect()
}
