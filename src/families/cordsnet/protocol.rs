//! The published protocol: spontaneous timesteps, then the pictures; labels; how pictures are prepared.

use std::sync::Arc;

use super::config::{Config, STEPS};
use super::dataset::Dataset;
use crate::dynamics::{
    Drive, Frame, LabelSet, Pass, Presentation, ProtocolOptions, Schedule, Segment, SegmentKind, State,
};
use crate::error::{Error, Result};
use crate::stimulus::{Preparation, Resizing};

/// Side that ImageNet pictures are cut to, and the shorter side they are resized to before that.
const CROP: usize = 224;
const BEFORE_CROP: usize = 256;

/// `warm_up` timesteps without a picture, then `timesteps` with what is shown, or as many as there
/// are frames; [`ProtocolOptions::timesteps`] counts from onset. A stretch of one frame is a phase.
pub(super) fn schedule(
    config: &Config,
    presentation: &Presentation,
    options: &ProtocolOptions,
) -> Result<Schedule> {
    let Some(last) = presentation.frames.len().checked_sub(1) else {
        return Err(Error::config("presentation", "at least one frame", 0));
    };
    let n_shown = options.timesteps.unwrap_or(config.timesteps.max(last + 1));
    let mut frames: Vec<Arc<Frame>> = Vec::with_capacity(config.warm_up + n_shown);
    let mut passes = Vec::with_capacity(config.warm_up + n_shown);
    if config.warm_up > 0 {
        let shape = [config.image_channels, config.image_side, config.image_side];
        let blank = Arc::new(Frame::blank(presentation.frames[0].batch(), shape)?);
        frames.extend(std::iter::repeat_n(blank, config.warm_up));
        passes.extend(std::iter::repeat_n(Pass::WarmUp, config.warm_up));
    }
    frames.extend((0..n_shown).map(|t| presentation.frames[t.min(last)].clone()));
    let pass = if config.stage.is_feed_forward() { Pass::FeedForward } else { Pass::Sweep };
    passes.extend(std::iter::repeat_n(pass, n_shown));

    let mut segments: Vec<Segment> = (presentation.segments.iter())
        .map(|segment| Segment {
            from: segment.from + config.warm_up,
            to: segment.to + config.warm_up,
            ..segment.clone()
        })
        .collect();
    let mut drives = Vec::with_capacity(frames.len());
    let steps: Vec<(&Arc<Frame>, Pass)> = frames.iter().zip(passes).collect();
    for (phase, stretch) in steps.chunk_by(|a, b| Arc::ptr_eq(a.0, b.0) && a.1 == b.1).enumerate() {
        let (from, to) = (drives.len(), drives.len() + stretch.len());
        drives.extend(stretch.iter().enumerate().map(|(pass_index, &(frame, pass))| Drive {
            frame: frame.clone(),
            instruction: None,
            target: None,
            pass,
            phase,
            pass_index,
            n_passes: stretch.len(),
        }));
        let (kind, name) = match (stretch[0].1, stretch[0].0.is_blank()) {
            (Pass::WarmUp, _) => (SegmentKind::Blank, "spontaneous"),
            (_, true) => (SegmentKind::Blank, "blank"),
            _ => (SegmentKind::Stimulus, "picture"),
        };
        segments.push(Segment { kind, name: name.to_owned(), from, to });
    }
    let published = config.stage.warm_up() + if config.stage.is_feed_forward() { 1 } else { STEPS };
    Ok(Schedule { drives, segments, published: Some(published) })
}

/// The class of the picture, at the end of each stretch of timesteps that shows one.
pub(super) fn scored_labels(
    config: &Config,
    labels: &LabelSet,
    drive: &Drive,
    state: &State,
) -> Option<Vec<i64>> {
    if drive.pass == Pass::WarmUp || drive.frame.is_blank() || drive.pass_index + 1 != drive.n_passes {
        return None;
    }
    let LabelSet::PerTimestep(labels) = labels else { return None };
    let shown = state.t.saturating_sub(config.warm_up + 1);
    labels.get(shown.min(labels.len().checked_sub(1)?)).cloned()
}

/// How the source brings pictures of the data set to the network's input, in proportion where the
/// input is smaller than the published one.
pub(super) fn preparation(config: &Config) -> Preparation {
    let side = config.image_side;
    let resizing = match config.dataset {
        Dataset::Imagenet => Resizing::Shorter((side * BEFORE_CROP).div_ceil(CROP)),
        _ => Resizing::Exact,
    };
    Preparation { resizing, side }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::super::Stage;
    use super::*;

    fn frame() -> Arc<Frame> {
        Arc::new(Frame::new(Tensor::zeros((2, 1, 32, 32), DType::F32, &Device::Cpu).unwrap()))
    }

    fn config() -> Config {
        Config::new(Stage::Final, Dataset::Mnist, 2, 4, 32)
    }

    fn shown(frames: Vec<Arc<Frame>>) -> Presentation {
        Presentation { frames, instructions: Vec::new(), target: None, segments: Vec::new() }
    }

    #[test]
    fn a_held_picture_follows_the_spontaneous_phase() {
        let schedule = schedule(&config(), &shown(vec![frame()]), &ProtocolOptions::default()).unwrap();
        assert_eq!((schedule.len(), schedule.batch(), schedule.is_off_protocol()), (200, 2, false));
        assert_eq!(schedule.drives[99].pass, Pass::WarmUp);
        let onset = &schedule.drives[100];
        assert_eq!((onset.pass, onset.pass_index, onset.n_passes), (Pass::Sweep, 0, 100));
        let names: Vec<_> = schedule.segments.iter().map(|s| (s.name.as_str(), s.from, s.to)).collect();
        assert_eq!(names, [("spontaneous", 0, 100), ("picture", 100, 200)]);
    }

    #[test]
    fn pictures_switch_and_go_off_in_the_middle() {
        let (a, b) = (frame(), frame());
        let blank = Arc::new(Frame::blank(2, [1, 32, 32]).unwrap());
        let frames = vec![a.clone(), a, blank.clone(), b.clone(), b];
        let options = ProtocolOptions { timesteps: Some(6), ..Default::default() };
        let schedule = schedule(&config(), &shown(frames), &options).unwrap();
        assert!(schedule.is_off_protocol());
        let kinds: Vec<_> = schedule.segments.iter().map(|s| (s.kind, s.to - s.from)).collect();
        assert_eq!(
            kinds,
            [
                (SegmentKind::Blank, 100),
                (SegmentKind::Stimulus, 2),
                (SegmentKind::Blank, 1),
                (SegmentKind::Stimulus, 3)
            ]
        );
        let labels = LabelSet::PerTimestep((0..5).map(|t| vec![t, t]).collect());
        let scored: Vec<_> = (0..schedule.len())
            .filter_map(|t| {
                let state = State { t: t + 1, areas: Vec::new(), memory: Vec::new(), readout: None };
                let labels = scored_labels(&config(), &labels, &schedule.drives[t], &state)?;
                Some((t, labels[0]))
            })
            .collect();
        assert_eq!(scored, [(101, 1), (105, 4)]);
    }

    #[test]
    fn photographs_are_cut_and_other_pictures_resized() {
        let imagenet = Config::new(Stage::Final, Dataset::Imagenet, 8, 64, 224);
        let resizing = Resizing::Shorter(256);
        assert_eq!(preparation(&imagenet), Preparation { resizing, side: 224 });
        assert_eq!(preparation(&config()), Preparation { resizing: Resizing::Exact, side: 32 });
    }
}
