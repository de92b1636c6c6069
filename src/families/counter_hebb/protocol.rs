//! The passes as timesteps: instruction top-down, guided bottom-up, error top-down; and their labels.

use crate::dynamics::{Drive, LabelSet, Pass, Presentation, ProtocolOptions, Schedule, Segment, SegmentKind};
use crate::error::Result;

/// The passes of one cycle.
pub(super) fn cycle(has_instructions: bool) -> &'static [Pass] {
    if has_instructions {
        &[Pass::Instruction, Pass::Sweep, Pass::Error]
    } else {
        &[Pass::FeedForward, Pass::Error]
    }
}

/// One cycle of passes per picture and instruction; more timesteps begin further cycles, which show
/// the next picture and hold the last.
pub(super) fn schedule(
    has_instructions: bool,
    presentation: &Presentation,
    options: &ProtocolOptions,
) -> Result<Schedule> {
    presentation.check()?;
    let passes = cycle(has_instructions);
    let published = presentation.frames.len().saturating_mul(passes.len());
    let n = options.n_timesteps(published)?;
    let drives = (0..n).map(|t| {
        let (phase, pass_index) = (t / passes.len(), t % passes.len());
        Drive {
            frame: presentation.frame_at(phase).clone(),
            instruction: presentation.instruction_at(phase),
            target: presentation.target.clone(),
            pass: passes[pass_index],
            phase,
            pass_index,
            n_passes: passes.len(),
            shown: phase,
        }
    });
    let drives: Vec<Drive> = drives.collect();
    let segments = drives.iter().enumerate().flat_map(|(t, drive)| segments_at(t, drive.pass)).collect();
    Ok(Schedule { drives, segments, published: Some(published) })
}

fn segments_at(t: usize, pass: Pass) -> Vec<Segment> {
    let segment = |kind, name: &str| Segment { kind, name: name.to_owned(), from: t, to: t + 1 };
    match pass {
        Pass::Instruction => vec![segment(SegmentKind::Phase, "instruction, top-down")],
        Pass::Error => vec![segment(SegmentKind::Phase, "error, top-down")],
        Pass::Sweep => {
            vec![segment(SegmentKind::Phase, "guided, bottom-up"), segment(SegmentKind::Scored, "answer")]
        }
        _ => vec![segment(SegmentKind::Phase, "bottom-up"), segment(SegmentKind::Scored, "answer")],
    }
}

/// The answer of the picture that this pass shows; only passes that predict are scored.
pub(super) fn scored_labels(labels: &LabelSet, drive: &Drive) -> Option<Vec<i64>> {
    let rows = match labels {
        LabelSet::PerTimestep(rows) => rows,
        // Several objects have no one answer unless an instruction picks it.
        LabelSet::PerObject(rows) if rows.len() == 1 => rows,
        LabelSet::PerObject(_) => return None,
    };
    match drive.pass {
        Pass::Sweep | Pass::SingleSweep | Pass::FeedForward | Pass::ReadOut => {
            rows.get(drive.phase).or(rows.last()).cloned()
        }
        Pass::WarmUp | Pass::Instruction | Pass::Error => None,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    #[test]
    fn cycles_repeat_and_only_predictions_are_scored() {
        let shown = Presentation::held(Tensor::zeros((2, 1, 4, 4), DType::F32, &Device::Cpu).unwrap());
        let five = ProtocolOptions { timesteps: Some(5), ..ProtocolOptions::default() };
        let schedule = schedule(true, &shown, &five).unwrap();
        let passes: Vec<Pass> = schedule.drives.iter().map(|drive| drive.pass).collect();
        assert_eq!(passes, [Pass::Instruction, Pass::Sweep, Pass::Error, Pass::Instruction, Pass::Sweep]);
        assert!(schedule.is_off_protocol() && schedule.published == Some(3));
        let labels = LabelSet::PerTimestep(vec![vec![4, 2]]);
        let scored: Vec<usize> =
            (0..5).filter(|&t| scored_labels(&labels, &schedule.drives[t]).is_some()).collect();
        assert_eq!(scored, [1, 4]);
        let two = LabelSet::PerObject(vec![vec![4, 2], vec![1, 1]]);
        assert!(scored_labels(&two, &schedule.drives[1]).is_none());
    }
}
