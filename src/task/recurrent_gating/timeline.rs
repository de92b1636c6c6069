//! The stretches of a task's trials, and what its published loss reads of them.

use super::{AnimalGrouping, Change, Contrast, Discrimination, GatingTask, Scoring, TileCue, Timesteps};
use crate::dynamics::{Segment, SegmentKind};

impl GatingTask {
    /// The published loss; inhibition of return matches objects to timesteps first.
    pub fn scoring(&self) -> Scoring {
        use Timesteps::{All, From, Only};
        match self {
            Self::Ior(task) => {
                let last: Vec<usize> = (1..=task.n_digits).map(|k| k * task.n_attend - 1).collect();
                Scoring::new(Only(last.clone()), Only(last), [1.0, 1.0, 0.0])
            }
            Self::Arrow(_) | Self::Popout(_) | Self::ArrowThenDigits(_) => {
                Scoring::new(All, All, [0.0, 0.0, 1.0])
            }
            Self::Cue(task) => Scoring::new(Only(vec![task.timesteps() - 1]), From(1), [0.0, 1.0, 1.0]),
            Self::Tracking(_) => Scoring::new(From(1), From(1), [1.0, 1.0, 1.0]),
            Self::Recognition(_) | Self::Lattice(_) | Self::Stripes(_) => {
                Scoring::new(From(1), All, [1.0, 0.0, 2.0])
            }
            Self::Search(_) => Scoring::new(All, From(1), [0.0, 1.0, 0.0]),
            Self::Curves(task) => {
                let shown = task.n_fixate + task.n_attend;
                let masks = vec![task.n_fixate - 1, shown - 1, task.timesteps() - 1];
                Scoring::new(All, Only(masks), [0.0, 1.0, 0.0])
            }
            Self::Contrast(Contrast { episodes, .. })
            | Self::Discrimination(Discrimination { episodes, .. })
            | Self::Change(Change { episodes, .. }) => {
                let [cue, _] = episodes.bounds();
                let t = episodes.timesteps();
                let last = (t.saturating_sub(2)..t).collect();
                Scoring::new(Only(last), Only((cue[0]..cue[1]).collect()), [1.0, 1.0, 0.0])
            }
            Self::Shapes(_) | Self::Stl10Recognition(_) => Scoring::new(All, All, [0.0, 0.0, 1.0]),
            Self::CocoRecognition(_) => Scoring::new(From(1), All, [0.1, 0.0, 0.5]),
            Self::CocoGrouping(_) => Scoring::new(All, From(1), [0.0, 1.0, 0.1]),
            Self::CocoSearch(_) | Self::CocoGrid(_) => Scoring::new(All, From(1), [0.0, 1.0, 0.0]),
            Self::Stl10Cue(task) => Scoring::new(Only(vec![task.n_fixate]), All, [0.5, 0.0, 1.0]),
            Self::Stl10Search(_) => Scoring::new(All, All, [0.0, 10.0, 0.0]),
            Self::CelebaSex(_) => Scoring::new(Only(vec![0]), All, [0.0, 0.0, 1.0]),
        }
    }

    /// What the stretches of a trial show, and where its sweeps are scored.
    pub fn segments(&self) -> Vec<Segment> {
        let t = self.timesteps();
        let segment = |kind, name: &str, from, to| Segment { kind, name: name.to_owned(), from, to };
        let mut segments = match self {
            Self::Cue(task) => (0..t)
                .step_by(task.n_fixate + task.n_attend)
                .flat_map(|from| {
                    let shown = from + task.n_fixate;
                    [
                        segment(SegmentKind::Cue, "dot", from, shown),
                        segment(SegmentKind::Stimulus, "digits", shown, shown + task.n_attend),
                    ]
                })
                .collect(),
            Self::Tracking(task) => vec![
                segment(SegmentKind::Cue, "target alone", 0, task.n_fixate),
                segment(SegmentKind::Stimulus, "movement", task.n_fixate, t),
            ],
            Self::CocoGrouping(AnimalGrouping { n_fixate, .. })
            | Self::Stl10Cue(TileCue { n_fixate, .. }) => {
                let shown = if matches!(self, Self::Stl10Cue(_)) { "tiles" } else { "photograph" };
                vec![
                    segment(SegmentKind::Cue, "dot", 0, *n_fixate),
                    segment(SegmentKind::Stimulus, shown, *n_fixate, t),
                ]
            }
            Self::ArrowThenDigits(_) => vec![
                segment(SegmentKind::Cue, "arrow", 0, 1),
                segment(SegmentKind::Stimulus, "arrow and digits", 1, t - 1),
                segment(SegmentKind::Stimulus, "digits", t - 1, t),
            ],
            Self::Curves(task) => vec![
                segment(SegmentKind::Cue, "dot", 0, task.n_fixate),
                segment(SegmentKind::Stimulus, "curves", task.n_fixate, task.n_fixate + task.n_attend),
                segment(SegmentKind::Stimulus, "ends", task.n_fixate + task.n_attend, t),
            ],
            Self::Contrast(Contrast { episodes, .. })
            | Self::Discrimination(Discrimination { episodes, .. })
            | Self::Change(Change { episodes, .. }) => {
                let [cue, stimulus] = episodes.bounds();
                let parts = [
                    (SegmentKind::Blank, "noise", 0, cue[0]),
                    (SegmentKind::Cue, "cue", cue[0], cue[1]),
                    (SegmentKind::Blank, "noise", cue[1], stimulus[0]),
                    (SegmentKind::Stimulus, "patches", stimulus[0], stimulus[1]),
                ];
                let shown = parts.into_iter().filter(|(_, _, from, to)| from < to);
                shown.map(|(kind, name, from, to)| segment(kind, name, from, to)).collect()
            }
            Self::Ior(task) => (0..task.n_digits)
                .map(|k| {
                    let from = k * task.n_attend;
                    segment(SegmentKind::Stimulus, &format!("saccade {}", k + 1), from, from + task.n_attend)
                })
                .collect(),
            _ => vec![segment(SegmentKind::Stimulus, "scene", 0, t)],
        };
        let scoring = self.scoring();
        let scored = [
            ("class", scoring.class_weight, &scoring.class_timesteps),
            ("mask", scoring.mask_weight, &scoring.mask_timesteps),
        ];
        for (name, _, timesteps) in scored.into_iter().filter(|(_, weight, _)| *weight > 0.0) {
            for run in timesteps.indices(t).chunk_by(|a, b| a + 1 == *b) {
                segments.push(segment(SegmentKind::Scored, name, run[0], run[run.len() - 1] + 1));
            }
        }
        segments
    }
}
