//! The published protocol: spontaneous timesteps, then the pictures; labels; how pictures are prepared.

use std::sync::Arc;

use super::config::Config;
use super::dataset::Dataset;
use crate::dynamics::{
    Departure, Drive, Frame, LabelSet, Pass, Presentation, ProtocolOptions, Schedule, Segment, SegmentKind,
};
use crate::error::{Error, Result};
use crate::stimulus::{Preparation, Resizing};

/// Side that ImageNet pictures are cut to, and the shorter side they are resized to before that.
const CROP: usize = 224;
const BEFORE_CROP: usize = 256;

/// Most spontaneous timesteps of one run.
const MAX_TIMESTEPS: usize = 1_000_000;

/// `warm_up` timesteps without a picture, then `timesteps` with what is shown, or as many as there
/// are frames; [`ProtocolOptions::timesteps`] counts from onset. A stretch of one frame is a phase.
pub(super) fn schedule(
    config: &Config,
    presentation: &Presentation,
    options: &ProtocolOptions,
) -> Result<Schedule> {
    presentation.check()?;
    let n_shown = options.n_timesteps(config.timesteps.max(presentation.frames.len()))?;
    let warm_up = options.warm_up.unwrap_or(config.warm_up);
    if warm_up > MAX_TIMESTEPS {
        return Err(Error::config("warm_up", format!("at most {MAX_TIMESTEPS}"), warm_up));
    }
    let mut frames: Vec<Arc<Frame>> = Vec::with_capacity(warm_up + n_shown);
    let mut passes = Vec::with_capacity(warm_up + n_shown);
    if warm_up > 0 {
        let blank = Arc::new(Frame::blank(presentation.frames[0].batch(), config.input_shape())?);
        frames.extend(std::iter::repeat_n(blank, warm_up));
        passes.extend(std::iter::repeat_n(Pass::WarmUp, warm_up));
    }
    frames.extend((0..n_shown).map(|t| presentation.frame_at(t).clone()));
    let pass = if config.stage.is_feed_forward() { Pass::FeedForward } else { Pass::Sweep };
    passes.extend(std::iter::repeat_n(pass, n_shown));

    let mut segments: Vec<Segment> = (presentation.segments.iter())
        .map(|segment| Segment { from: segment.from + warm_up, to: segment.to + warm_up, ..segment.clone() })
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
            shown: (from + pass_index).saturating_sub(warm_up),
        }));
        let (kind, name) = match (stretch[0].1, stretch[0].0.is_blank()) {
            (Pass::WarmUp, _) => (SegmentKind::Blank, "spontaneous"),
            (_, true) => (SegmentKind::Blank, "blank"),
            _ => (SegmentKind::Stimulus, "picture"),
        };
        segments.push(Segment { kind, name: name.to_owned(), from, to });
    }
    Ok(Schedule { drives, segments, published: Some(config.warm_up + config.timesteps) })
}

/// Spontaneous timesteps, timesteps from onset and pictures other than in training.
pub(super) fn departures(config: &Config, schedule: &Schedule) -> Vec<Departure> {
    let ms = |n: usize| match n {
        1 => format!("1 timestep ({} ms)", config.dt_ms),
        n => format!("{n} timesteps ({} ms)", n as f64 * config.dt_ms),
    };
    let warm_up = schedule.onset();
    let shown = &schedule.drives[warm_up..];
    let mut departures = Vec::new();
    let mut compare = |what: &str, published: usize, found: usize| {
        if published != found {
            departures.push(Departure::new(what, ms(published), ms(found)));
        }
    };
    compare("spontaneous activity before onset", config.warm_up, warm_up);
    compare("time from onset", config.timesteps, shown.len());
    let onsets = shown.iter().filter(|drive| drive.pass_index == 0);
    let (blanks, pictures): (Vec<&Drive>, Vec<&Drive>) = onsets.partition(|drive| drive.frame.is_blank());
    if pictures.len() != 1 || !blanks.is_empty() {
        let found = match (pictures.len(), blanks.len()) {
            (n, 0) => format!("{n} pictures in turn"),
            (1, _) => "a picture and blank stretches".to_owned(),
            (n, _) => format!("{n} pictures and blank stretches"),
        };
        departures.push(Departure::new("pictures of a trial", "one, held", found));
    }
    departures
}

/// The class of the picture, at the end of each stretch of timesteps that shows one.
pub(super) fn scored_labels(labels: &LabelSet, drive: &Drive) -> Option<Vec<i64>> {
    if drive.pass == Pass::WarmUp || drive.frame.is_blank() || drive.pass_index + 1 != drive.n_passes {
        return None;
    }
    let LabelSet::PerTimestep(labels) = labels else { return None };
    labels.get(drive.shown.min(labels.len().checked_sub(1)?)).cloned()
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
        Presentation { frames, beyond: None, instructions: Vec::new(), target: None, segments: Vec::new() }
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
        let said: Vec<String> = departures(&config(), &schedule).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "time from onset: 6 timesteps (12 ms), published 100 timesteps (200 ms)",
                "pictures of a trial: 2 pictures and blank stretches, published one, held"
            ]
        );
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
                let labels = scored_labels(&labels, &schedule.drives[t])?;
                Some((t, labels[0]))
            })
            .collect();
        assert_eq!(scored, [(101, 1), (105, 4)]);
    }

    #[test]
    fn the_spontaneous_phase_may_be_shortened_and_left_out() {
        let of = |warm_up| {
            let options = ProtocolOptions { warm_up: Some(warm_up), ..Default::default() };
            schedule(&config(), &shown(vec![frame()]), &options).unwrap()
        };
        let (short, none) = (of(30), of(0));
        assert_eq!((short.len(), short.drives[29].pass, short.drives[30].shown), (130, Pass::WarmUp, 0));
        assert_eq!((none.len(), none.drives[99].shown), (100, 99));
        assert!(departures(&config(), &of(100)).is_empty());
        assert!(departures(&config(), &none)[0].to_string().starts_with("spontaneous activity"));
        let labels = LabelSet::PerTimestep(vec![vec![7, 8]]);
        assert_eq!(scored_labels(&labels, &short.drives[129]), Some(vec![7, 8]));
    }

    #[test]
    fn photographs_are_cut_and_other_pictures_resized() {
        let imagenet = Config::new(Stage::Final, Dataset::Imagenet, 8, 64, 224);
        let resizing = Resizing::Shorter(256);
        assert_eq!(preparation(&imagenet), Preparation { resizing, side: 224 });
        assert_eq!(preparation(&config()), Preparation { resizing: Resizing::Exact, side: 32 });
    }
}
