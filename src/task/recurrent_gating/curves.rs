//! Curve tracing: a dot marks one end of a curve; after both curves were shown, the other end is meant.

use serde::{Deserialize, Serialize};

use super::scene::check_count;
use super::{Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{Image, bezier, dilated, rotated},
};

/// Which of the two curves the first dot belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cued {
    #[default]
    Target,
    /// The curve that is the distractor of the masks: the control version of an analysis.
    Distractor,
}

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Curves {
    /// Timesteps that show the first dot.
    pub n_fixate: usize,
    /// Timesteps that show the curves.
    pub n_attend: usize,
    /// Timesteps that show the dots at the other ends.
    pub n_saccade: usize,
    /// Rows and columns that the curves are drawn on.
    pub size: usize,
    /// Zeros around them.
    pub padding: usize,
    /// Points of a curve.
    pub points: usize,
    /// Whose dot comes first.
    pub cued: Cued,
}

impl Default for Curves {
    fn default() -> Self {
        Self {
            n_fixate: 2,
            n_attend: 3,
            n_saccade: 2,
            size: 96,
            padding: 16,
            points: 100,
            cued: Cued::Target,
        }
    }
}

/// One curve: three control points (row, column) as shares of the side, a turn, and its fixated end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CurveDraw {
    pub control: [[f64; 2]; 3],
    /// Counter-clockwise quarter turns.
    pub quarter_turns: usize,
    /// Is the fixation dot at the end of the curve instead of its start?
    pub from_end: bool,
}

/// The random choices of one trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvesDraws {
    pub target: CurveDraw,
    pub distractor: CurveDraw,
}

/// A drawn curve: the line, and the dots at its two ends, each `[1, side, side]`, 0 or 1.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveParts {
    pub line: Image,
    /// At the first and the last control point.
    pub ends: [Image; 2],
}

impl CurveParts {
    /// Draws a Bézier curve of any degree on `size` x `size` pixels and pads it.
    pub fn drawn(control: &[[f64; 2]], size: usize, padding: usize, points: usize) -> Self {
        let mut line = Image::zeros(1, size, size);
        let pixel = |k: usize| {
            let t = k as f64 / (points.max(2) - 1) as f64;
            bezier(control, t).map(|at| ((size as f64 * at).max(0.0) as usize).min(size - 1))
        };
        let dot = |[row, column]: [usize; 2]| {
            let point = Image::from_fn(size, size, |r, c| f32::from(r == row && c == column));
            dilated(&point, 2).padded(padding)
        };
        for [row, column] in (0..points).map(pixel) {
            line.set(0, row, column, 1.0);
        }
        Self { line: dilated(&line, 1).padded(padding), ends: [dot(pixel(0)), dot(pixel(points - 1))] }
    }

    fn of(draw: &CurveDraw, task: &Curves) -> [Image; 3] {
        let parts = Self::drawn(&draw.control, task.size, task.padding, task.points);
        let turned = |image: &Image| rotated(image, 90.0 * (draw.quarter_turns % 4) as f64);
        let [start, end] = &parts.ends;
        let (fixation, saccade) = if draw.from_end { (end, start) } else { (start, end) };
        [turned(fixation), turned(&parts.line), turned(saccade)]
    }
}

/// `a` or `b`, value by value.
fn either(a: &Image, b: &Image) -> Image {
    let mut sum = a.clone();
    sum.add(b);
    sum.map(|value| value.clamp(0.0, 1.0))
}

impl Curves {
    pub fn timesteps(&self) -> usize {
        self.n_fixate + self.n_attend + self.n_saccade
    }

    /// Rows and columns of a frame.
    pub fn side(&self) -> usize {
        self.size + 2 * self.padding
    }

    /// Draws both curves, their turns and which end is fixated.
    pub fn draw(&self, rng: &mut Rng) -> CurvesDraws {
        let mut curve = || CurveDraw {
            control: std::array::from_fn(|_| [rng::uniform(rng), rng::uniform(rng)]),
            quarter_turns: rng::index(rng, 0, 4),
            from_end: rng::index(rng, 0, 2) == 1,
        };
        CurvesDraws { target: curve(), distractor: curve() }
    }

    /// Dot, curves, dots. The masks are the target's dot, curve and other dot; the components are
    /// fixation dot, curve and saccade dot of the target, then of the distractor.
    pub fn compose(&self, draws: &CurvesDraws) -> Trial {
        let [fixation, line, saccade] = CurveParts::of(&draws.target, self);
        let [other_fixation, other_line, other_saccade] = CurveParts::of(&draws.distractor, self);
        let first = match self.cued {
            Cued::Target => &fixation,
            Cued::Distractor => &other_fixation,
        };
        let durations = [self.n_fixate, self.n_attend, self.n_saccade];
        let timed = |images: [Image; 3]| Timed::sequence(images.into_iter().zip(durations));
        Trial {
            frames: timed([first.clone(), either(&line, &other_line), either(&saccade, &other_saccade)]),
            masks: timed([fixation.clone(), line.clone(), saccade.clone()]),
            labels: Vec::new(),
            prompt: None,
            components: vec![fixation, line, saccade, other_fixation, other_line, other_saccade],
        }
    }

    /// Pixels of the target's curve that nothing else of the trial covers: where responses belong to
    /// that curve alone. `parts`: the components of a trial.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of components.
    pub fn receptive_field(parts: &[Image]) -> Result<Image> {
        check_count("components of a curve trial", parts.len(), 6)?;
        let mut field = parts[1].clone();
        for part in [0, 2, 3, 4, 5] {
            for (value, &other) in field.data_mut().iter_mut().zip(parts[part].data()) {
                *value *= f32::from(other == 0.0);
            }
        }
        Ok(field)
    }

    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        for (field, value, low, high) in [
            ("n_fixate", self.n_fixate, 1, 100),
            ("n_attend", self.n_attend, 1, 100),
            ("n_saccade", self.n_saccade, 1, 100),
            ("size", self.size, 8, 1024),
            ("padding", self.padding, 0, 512),
            ("points", self.points, 2, 10_000),
        ] {
            if !(low..=high).contains(&value) {
                return Err(Error::config(field, format!("{low} to {high}"), value));
            }
        }
        Ok(())
    }
}

/// Bars for the tuning of curve networks: a straight segment in one quadrant or in two opposite ones.
#[derive(Clone, Debug, PartialEq)]
pub struct QuadrantBars {
    /// Bar in the top-left quadrant alone.
    pub single: Image,
    /// Bar in the top-left and in the bottom-right quadrant.
    pub both: Image,
    /// Dot at the bar's first point, top-left.
    pub cue_target: Image,
    /// Dot at the bar's first point, bottom-right.
    pub cue_distractor: Image,
}

impl QuadrantBars {
    /// The bar at `angle_rad` on `side` x `side` pixels: from the middle of a quadrant `half_length` of
    /// its side to both ends; the first end lies at (row, column) = (1/2 + l cos, 1/2 + l sin).
    pub fn at(angle_rad: f64, side: usize, half_length: f64, points: usize) -> Self {
        let quadrant = side / 2;
        let (sin, cos) = angle_rad.sin_cos();
        let end = |sign: f64| [0.5 + sign * half_length * cos, 0.5 + sign * half_length * sin];
        let parts = CurveParts::drawn(&[end(1.0), end(-1.0)], quadrant, 0, points);
        let placed = |part: &Image, corners: &[usize]| {
            let mut canvas = Image::zeros(1, side, side);
            corners.iter().for_each(|&corner| canvas.paste(part, corner as isize, corner as isize));
            canvas
        };
        Self {
            single: placed(&parts.line, &[0]),
            both: placed(&parts.line, &[0, quadrant]),
            cue_target: placed(&parts.ends[0], &[0]),
            cue_distractor: placed(&parts.ends[0], &[quadrant]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_lie_on_the_ends_and_turns_keep_the_line() {
        let task = Curves::default();
        let control = [[0.2, 0.2], [0.5, 0.9], [0.8, 0.3]];
        let draw = CurveDraw { control, quarter_turns: 0, from_end: false };
        let other = CurveDraw { quarter_turns: 1, from_end: true, ..draw };
        let trial = task.compose(&CurvesDraws { target: draw, distractor: other });
        assert_eq!((trial.frames.len(), trial.frames.at(0).shape()), (7, [1, 128, 128]));
        assert_eq!(trial.components[0].at(0, 16 + 19, 16 + 19), 1.0);
        let ink = |image: &Image| image.data().iter().sum::<f32>();
        assert_eq!(ink(&trial.components[1]), ink(&trial.components[4]));
        assert_eq!(ink(&trial.components[2]), 25.0);
        let field = Curves::receptive_field(&trial.components).unwrap();
        assert!(ink(&field) > 0.0 && ink(&field) < ink(&trial.components[1]));
    }

    #[test]
    fn the_control_version_differs_in_the_first_dot_alone() {
        let draws = Curves::default().draw(&mut rng::stream(1, "t", &[]));
        let target = Curves::default().compose(&draws);
        let control = Curves { cued: Cued::Distractor, ..Curves::default() }.compose(&draws);
        assert_ne!(target.frames.distinct[0], control.frames.distinct[0]);
        assert_eq!(target.frames.distinct[1..], control.frames.distinct[1..]);
        assert_eq!(target.masks, control.masks);
    }
}
