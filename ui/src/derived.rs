//! What the views draw of a recording, worked out once beside the run and never while painting.

use std::sync::Arc;

use egui::{Color32, ColorImage};
use gainfield::dynamics::{Drive, Segment, SegmentKind, TimeUnit};
use gainfield::recording::{Recording, Reduce};

/// The frames as they were shown.
#[derive(Debug, Default)]
pub struct Shown {
    /// The distinct frames, of the first trial.
    pub images: Vec<Arc<ColorImage>>,
    /// Brightness in 0 to 1 of the same, `[channels, height, width]`, for gating on screen.
    pub values: Vec<Arc<[f32]>>,
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
    /// Per image, whether it stands for no picture at all.
    pub blank: Vec<bool>,
    /// Per timestep, which of `images`.
    pub of: Vec<usize>,
    /// Per timestep, row and column (fractions of the image) of the cue shown last, if there was one.
    pub cue: Vec<Option<[f32; 2]>>,
}

impl Shown {
    /// The frames of `drives`; cues are what the segments of that kind show.
    pub fn of(drives: &[Drive], segments: &[Segment]) -> Self {
        let mut shown = Self::default();
        let mut ids: Vec<u64> = Vec::new();
        for drive in drives {
            let id = drive.frame.id();
            let at = ids.iter().position(|&known| known == id).unwrap_or_else(|| {
                ids.push(id);
                let (values, shape) = first_trial(drive);
                shown.images.push(Arc::new(color_image(&values, shape)));
                shown.blank.push(drive.frame.is_blank());
                shown.values.push(values.into());
                shown.shape = shape;
                ids.len() - 1
            });
            shown.of.push(at);
        }
        let mut cue = None;
        for (t, &image) in shown.of.iter().enumerate() {
            let is_cue = |s: &Segment| s.kind == SegmentKind::Cue && (s.from..s.to).contains(&t);
            if segments.iter().any(is_cue) {
                cue = bright_spot(&shown.values[image], shown.shape).or(cue);
            }
            shown.cue.push(cue);
        }
        shown
    }

    /// Is nothing shown in image `image`?
    pub fn is_blank(&self, image: usize) -> bool {
        self.blank.get(image).copied().unwrap_or(false)
    }

    /// Index of the frame of timestep `t`.
    pub fn at(&self, t: usize) -> Option<usize> {
        self.of.get(t).copied()
    }
}

/// Values and shape of the first trial's image; empty if the tensor cannot be read.
fn first_trial(drive: &Drive) -> (Vec<f32>, [usize; 3]) {
    let image = drive.frame.image();
    let read = || -> gainfield::Result<(Vec<f32>, [usize; 3])> {
        let (_, channels, height, width) = image.dims4()?;
        let first = image.narrow(0, 0, 1)?;
        Ok((gainfield::dynamics::flat(&first)?, [channels, height, width]))
    };
    read().unwrap_or_default()
}

/// Grey or RGB picture of values in 0 to 1.
pub fn color_image(values: &[f32], [channels, height, width]: [usize; 3]) -> ColorImage {
    let plane = height * width;
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    let pixel = |i: usize| {
        let at = |c: usize| byte(values.get(c * plane + i).copied().unwrap_or(0.0));
        if channels >= 3 { Color32::from_rgb(at(0), at(1), at(2)) } else { Color32::from_gray(at(0)) }
    };
    ColorImage::new([width, height], (0..plane).map(pixel).collect())
}

/// Centre of what is lit, if that is a small part of the image.
fn bright_spot(values: &[f32], [channels, height, width]: [usize; 3]) -> Option<[f32; 2]> {
    let plane = height * width;
    let (mut n, mut row, mut col) = (0_usize, 0.0, 0.0);
    for i in 0..plane {
        let lit = (0..channels).any(|c| values.get(c * plane + i).is_some_and(|&v| v > 0.5));
        if lit {
            n += 1;
            row += (i / width) as f32 + 0.5;
            col += (i % width) as f32 + 0.5;
        }
    }
    (n > 0 && n * 50 < plane).then(|| [row / n as f32 / height as f32, col / n as f32 / width as f32])
}

/// Curves, ranges and means of a recording.
#[derive(Debug, Default)]
pub struct Derived {
    /// Per recorded area.
    pub lanes: Vec<Lane>,
    /// Stretches with one winning class.
    pub readout: Vec<ReadoutSpan>,
    /// Per recorded step and area, the mean over channels as a map; empty for vectors.
    pub channel_means: Vec<Vec<Arc<[f32]>>>,
    /// Per recorded area, the shared range of its maps.
    pub ranges: Vec<[f32; 2]>,
    /// Per recorded area, the shared range of its channel means.
    pub mean_ranges: Vec<[f32; 2]>,
    /// Probabilities of the classes, per recorded step; empty where the pass reports none.
    pub probabilities: Vec<Vec<f32>>,
    /// Timesteps at which something begins, ascending.
    pub events: Vec<usize>,
    pub bytes: u64,
}

/// One area over time.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    pub points: Vec<LanePoint>,
    /// Lowest and highest mean; the lane is normalised by them.
    pub range: [f32; 2],
}

/// Population activity at one recorded timestep.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LanePoint {
    pub t: usize,
    pub mean: f32,
    pub lower_quartile: f32,
    pub upper_quartile: f32,
}

/// A stretch of timesteps `from..to` with one winning class.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadoutSpan {
    pub from: usize,
    pub to: usize,
    pub class: usize,
    /// Mean probability of that class over the stretch.
    pub probability: f32,
}

impl Derived {
    /// Works out everything; steps that `earlier` has already are taken from there.
    pub fn of(recording: &Recording, earlier: Option<(&Recording, &Self)>) -> Self {
        let shared = earlier.map_or(0, |(before, derived)| {
            let same =
                before.steps.iter().zip(&recording.steps).take_while(|(a, b)| Arc::ptr_eq(a, b)).count();
            same.min(derived.channel_means.len())
        });
        let mut means: Vec<Vec<Arc<[f32]>>> =
            earlier.map_or_else(Vec::new, |(_, derived)| derived.channel_means[..shared].to_vec());
        for step in shared..recording.steps.len() {
            means.push((0..recording.areas.len()).map(|area| channel_mean(recording, step, area)).collect());
        }
        let probabilities: Vec<Vec<f32>> = (0..recording.steps.len())
            .map(|step| recording.probabilities(step, 0).unwrap_or_default())
            .collect();
        let n_areas = recording.areas.len();
        Self {
            lanes: (0..n_areas).map(|area| lane(recording, area)).collect(),
            readout: readout_spans(recording, &probabilities),
            ranges: (0..n_areas).map(|area| map_range(recording, area)).collect(),
            mean_ranges: (0..n_areas).map(|area| mean_range(&means, area)).collect(),
            channel_means: means,
            probabilities,
            events: events(recording),
            bytes: recording.size_bytes(),
        }
    }
}

/// Mean over channels of the first trial's maps; empty where there is no map.
fn channel_mean(recording: &Recording, step: usize, area: usize) -> Arc<[f32]> {
    let [channels, height, width] = recording.areas[area].map_shape();
    if recording.plan.reduce != Reduce::Nothing || height * width <= 1 {
        return Arc::from(Vec::new());
    }
    let values = recording.trial(step, area, 0);
    let plane = height * width;
    let mut mean = vec![0.0_f32; plane];
    for map in values.chunks_exact(plane) {
        for (sum, value) in mean.iter_mut().zip(map) {
            *sum += value;
        }
    }
    for sum in &mut mean {
        *sum /= channels.max(1) as f32;
    }
    mean.into()
}

fn lane(recording: &Recording, area: usize) -> Lane {
    let points: Vec<LanePoint> = recording
        .steps
        .iter()
        .map(|step| {
            let summary = &step.summaries[area];
            LanePoint {
                t: step.t,
                mean: summary.mean,
                lower_quartile: summary.lower_quartile,
                upper_quartile: summary.upper_quartile,
            }
        })
        .collect();
    Lane { range: bounds_of(points.iter().map(|p| p.mean)), points }
}

fn bounds_of(values: impl Iterator<Item = f32>) -> [f32; 2] {
    let finite = values.filter(|value| value.is_finite());
    let [low, high] =
        finite.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)]);
    if low <= high { [low, high] } else { [0.0, 0.0] }
}

/// 0 (or the minimum, where negative) to the largest 99.8th percentile of any timestep.
fn map_range(recording: &Recording, area: usize) -> [f32; 2] {
    let summaries = || recording.steps.iter().map(|step| &step.summaries[area]);
    let low = summaries().map(|s| s.min).fold(0.0, f32::min);
    let mut high = summaries().map(|s| s.high).fold(low, f32::max);
    if high <= low {
        high = summaries().map(|s| s.max).fold(low, f32::max);
    }
    [low, if high > low { high } else { low + 1.0 }]
}

fn mean_range(means: &[Vec<Arc<[f32]>>], area: usize) -> [f32; 2] {
    let [low, high] = bounds_of(means.iter().flat_map(|step| step[area].iter().copied()));
    [low.min(0.0), if high > low { high } else { low + 1.0 }]
}

fn readout_spans(recording: &Recording, probabilities: &[Vec<f32>]) -> Vec<ReadoutSpan> {
    let every = recording.plan.every.get();
    let mut spans: Vec<(ReadoutSpan, usize)> = Vec::new();
    for (step, p) in recording.steps.iter().zip(probabilities) {
        let Some((class, &best)) = p.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) else { continue };
        let to = (step.t + every).min(recording.n_timesteps);
        match spans.last_mut() {
            Some((span, n)) if span.class == class && span.to == step.t => {
                span.probability += best;
                span.to = to;
                *n += 1;
            }
            _ => spans.push((ReadoutSpan { from: step.t, to, class, probability: best }, 1)),
        }
    }
    spans
        .into_iter()
        .map(|(span, n)| ReadoutSpan { probability: span.probability / n as f32, ..span })
        .collect()
}

fn events(recording: &Recording) -> Vec<usize> {
    let segments = recording.segments.iter().map(|segment| segment.from);
    let interventions = recording.interventions.iter().flat_map(|i| [Some(i.from), i.to]).flatten();
    let mut events: Vec<usize> = segments.chain(interventions).chain([0]).collect();
    events.retain(|&t| t < recording.n_timesteps);
    events.sort_unstable();
    events.dedup();
    events
}

/// Timestep `t` as the ruler writes it: counted from 1, or the milliseconds at its end.
pub fn time_text(unit: TimeUnit, t: usize) -> String {
    match unit {
        TimeUnit::Ms { dt_ms } => gainfield::figure::number::trimmed((t + 1) as f64 * dt_ms, dt_ms * 1e-3),
        TimeUnit::Sweep | TimeUnit::Pass | TimeUnit::Timestep => (t + 1).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_bright_dot_is_a_cue_and_a_picture_is_not() {
        let mut values = vec![0.0; 400];
        values[5 * 20 + 3] = 1.0;
        values[5 * 20 + 4] = 1.0;
        let at = bright_spot(&values, [1, 20, 20]).unwrap();
        assert!((at[0] - 5.5 / 20.0).abs() < 1e-6 && (at[1] - 0.2).abs() < 1e-6);
        assert_eq!(bright_spot(&vec![1.0; 400], [1, 20, 20]), None);
        assert_eq!(bright_spot(&vec![0.0; 400], [1, 20, 20]), None);
    }

    #[test]
    fn sweeps_count_from_one_and_milliseconds_are_those_of_the_end() {
        assert_eq!(time_text(TimeUnit::Sweep, 13), "14");
        assert_eq!(time_text(TimeUnit::Ms { dt_ms: 2.0 }, 161), "324");
        assert_eq!(time_text(TimeUnit::Ms { dt_ms: 0.5 }, 2), "1.5");
    }
}
