//! Tracking: a digit shown alone is followed while four move along curves.

use serde::{Deserialize, Serialize};

use super::scene::{CANVAS, Colour, add_coloured, check_count, check_sources, on_canvas, raw_colour, scaled};
use super::{Timed, Trial};
use crate::{
    error::Result,
    rng::{self, Rng},
    stimulus::{DIGIT_SIZE, Digits, Image, bezier},
};

/// Points of a path.
const RESOLUTION: usize = 96;

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tracking {
    /// Number of digits, at most 8: each starts in a zone of its own.
    pub n_digits: usize,
    /// Timesteps that show the target alone.
    pub n_fixate: usize,
    /// Timesteps of movement.
    pub n_attend: usize,
}

impl Default for Tracking {
    fn default() -> Self {
        Self { n_digits: 4, n_fixate: 2, n_attend: 5 }
    }
}

/// The path of a digit's top-left corner; rows before columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// Pixels.
    pub start: [usize; 2],
    /// Shares of the canvas.
    pub control: [f64; 2],
    /// Pixels.
    pub end: [usize; 2],
}

/// The random choices of one trial; the target comes first.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackingDraws {
    pub sources: Vec<usize>,
    pub paths: Vec<Path>,
    /// Raw colours.
    pub colours: Vec<Colour>,
    /// Raw colour.
    pub background: Colour,
}

/// Where paths start and end: row band, column band (0, 1, 2), and the zones a path may lead to.
///
/// In the order of the sorted names ee, ne, nn, nw, se, ss, sw, ww.
const ZONES: [([usize; 2], &[usize]); 8] = [
    ([1, 2], &[NW, WW, SW]),
    ([0, 2], &[NW, WW, SW, SS, SE]),
    ([0, 1], &[SW, SS, SE]),
    ([0, 0], &[NE, EE, SW, SS, SE]),
    ([2, 2], &[NW, NN, NE, WW, SW]),
    ([2, 1], &[NW, NN, NE]),
    ([2, 0], &[NW, NN, NE, EE, SE]),
    ([1, 0], &[NE, EE, SE]),
];
const EE: usize = 0;
const NE: usize = 1;
const NN: usize = 2;
const NW: usize = 3;
const SE: usize = 4;
const SS: usize = 5;
const SW: usize = 6;
const WW: usize = 7;
/// First and one past the last coordinate of each band.
const BANDS: [[usize; 2]; 3] = [[0, 23], [23, 56], [56, 69]];

fn point_in(zone: usize, rng: &mut Rng) -> [usize; 2] {
    ZONES[zone].0.map(|band| rng::index(rng, BANDS[band][0], BANDS[band][1]))
}

impl Path {
    /// The top-left corner at timestep `k` of `n`, kept inside the canvas.
    fn corner(&self, k: usize, n: usize) -> [usize; 2] {
        let share = |pixel: usize| pixel as f64 / CANVAS as f64;
        let points = [self.start.map(share), self.control, self.end.map(share)];
        let point = (k * (RESOLUTION - 1)) / (n.max(2) - 1);
        let t = point as f64 / (RESOLUTION - 1) as f64;
        bezier(&points, t).map(|at| ((CANVAS as f64 * at) as usize).min(CANVAS - DIGIT_SIZE))
    }
}

impl Tracking {
    pub fn timesteps(&self) -> usize {
        self.n_fixate + self.n_attend
    }

    /// Draws distractors, colours and paths for the digit `target`.
    pub fn draw(&self, digits: &Digits, target: usize, rng: &mut Rng) -> Result<TrackingDraws> {
        let mut draws = TrackingDraws {
            sources: vec![target],
            paths: Vec::new(),
            colours: Vec::new(),
            background: raw_colour(rng),
        };
        for _ in 1..self.n_digits {
            draws.sources.push(digits.draw(rng)?);
        }
        for &zone in &rng::permutation(rng, ZONES.len())[..self.n_digits.min(ZONES.len())] {
            let ends = ZONES[zone].1;
            let start = point_in(zone, rng);
            let end = point_in(ends[rng::index(rng, 0, ends.len())], rng);
            draws.paths.push(Path { start, control: [rng::uniform(rng), rng::uniform(rng)], end });
            draws.colours.push(raw_colour(rng));
        }
        Ok(draws)
    }

    /// The target at its start, then all digits on their paths; masks are the target's silhouette.
    pub fn compose(&self, digits: &Digits, draws: &TrackingDraws) -> Result<Trial> {
        check_count("drawn digits", draws.sources.len(), self.n_digits)?;
        check_count("drawn paths", draws.paths.len(), self.n_digits)?;
        check_count("drawn colours", draws.colours.len(), self.n_digits)?;
        check_sources(digits, &draws.sources)?;
        let colours: Vec<Colour> = draws
            .colours
            .iter()
            .map(|raw| scaled(*raw, 1.0 / raw.iter().map(|v| v * v).sum::<f32>().sqrt()))
            .collect();
        let glyphs: Vec<Image> = draws.sources.iter().map(|&source| digits.image(source)).collect();
        let placed = |k: usize, t: usize| on_canvas(&glyphs[k], draws.paths[k].corner(t, self.n_attend));
        let background = scaled(draws.background, 0.5);
        let frame = |t: usize, shown: usize| {
            let mut sum = Image::zeros(3, CANVAS, CANVAS);
            for (k, colour) in colours.iter().enumerate().take(shown) {
                add_coloured(&mut sum, &placed(k, t), *colour);
            }
            for (plane, background) in sum.planes_mut().zip(background) {
                for value in plane {
                    *value += (1.0 - *value) * background;
                }
            }
            sum
        };
        let visible = colours[0].iter().any(|&value| value > 0.0);
        let mask = |t: usize| placed(0, t).map(|x| f32::from(x > 0.0 && visible));
        let moving = |t: usize| (frame(t, self.n_digits), 1);
        // The target rests until the first step of the movement, where the others appear.
        let masks = std::iter::once((mask(0), self.n_fixate + self.n_attend.min(1)))
            .chain((1..self.n_attend).map(|t| (mask(t), 1)));
        Ok(Trial {
            frames: Timed::sequence(
                std::iter::once((frame(0, 1), self.n_fixate)).chain((0..self.n_attend).map(moving)),
            ),
            masks: Timed::sequence(masks),
            labels: vec![digits.label(draws.sources[0]); self.timesteps()],
            prompt: None,
            components: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_lie_where_their_names_say_and_paths_cross_the_canvas() {
        let names = ["ee", "ne", "nn", "nw", "se", "ss", "sw", "ww"];
        for (name, ([row, column], ends)) in names.iter().zip(ZONES) {
            let vertical = if name.contains('n') {
                0
            } else if name.contains('s') {
                2
            } else {
                1
            };
            let horizontal = if name.contains('w') {
                0
            } else if name.contains('e') {
                2
            } else {
                1
            };
            assert_eq!((row, column), (vertical, horizontal), "{name}");
            // No path stays on its own side.
            assert!(ends.iter().all(|&end| ZONES[end].0 != [row, column]));
        }
    }

    #[test]
    fn a_path_starts_and_ends_on_its_points() {
        for pixel in 0..=68 {
            let path = Path { start: [pixel, 0], control: [0.5, 0.5], end: [0, pixel] };
            assert_eq!((path.corner(0, 5), path.corner(4, 5)), ([pixel, 0], [0, pixel]));
        }
    }
}
