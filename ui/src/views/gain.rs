//! Gain maps as multipliers: which area multiplies what, by how much, in force at a timestep.

use std::sync::Arc;

use gainfield::dynamics::{Action, Area, AreaKind, GainRule, Pass};
use gainfield::figure::{ColourMap, ColourScale, Maps, Raster};

use crate::item::{Content, Group, ItemId, ModelInfo};
use crate::store::RunData;
use crate::timeline::unit_title;
use crate::view::View;

/// Stimuli, and columns of maps, in a figure at most.
const FIGURE_ROWS: usize = 3;
const FIGURE_COLUMNS: usize = 4;

/// How a map multiplies: by `at_zero + slope * map`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multiplier<'a> {
    /// What is multiplied: an area's name, or `input`.
    pub target: &'a str,
    pub at_zero: f32,
    pub slope: f32,
}

impl Multiplier<'_> {
    pub fn of(&self, map: f32) -> f32 {
        self.at_zero + self.slope * map
    }

    /// How far from 1 it goes for entries of the map in -1 to 1, or of 0 and 1 for gates.
    pub fn reach(&self) -> f32 {
        self.slope.abs().max((1.0 - self.at_zero).abs())
    }
}

/// The areas of a recording that multiply something at timestep `t`, by position.
pub fn gain_areas<'a>(view: &View<'_>, run: &'a RunData, t: usize) -> Vec<(usize, Multiplier<'a>)> {
    let areas = run.recording.areas.iter().enumerate();
    let multiplier = |(i, area): (usize, &'a Area)| match &area.kind {
        AreaKind::Gain(rule) => {
            let slope = slope(view, run, rule, t);
            Some((i, Multiplier { target: &rule.target, at_zero: 1.0, slope }))
        }
        AreaKind::Gate { target } => Some((i, Multiplier { target, at_zero: 0.0, slope: 1.0 })),
        AreaKind::Activity | AreaKind::Hidden => None,
    };
    areas.filter_map(multiplier).collect()
}

/// The value of a control at timestep `t` of a run: default, the run's own, then interventions.
pub fn control_at(model: &ModelInfo, run: &RunData, name: &str, t: usize) -> f64 {
    let default = model.controls.iter().find(|c| c.name == name).map_or(1.0, |control| control.default);
    let mut value = run.origin.spec.controls.get(name).copied().unwrap_or(default);
    for intervention in &run.recording.interventions {
        let active =
            intervention.enabled && t >= intervention.from && intervention.to.is_none_or(|to| t < to);
        if let Action::Set { control, value: set } = &intervention.action
            && active
            && control == name
        {
            value = *set;
        }
    }
    value
}

/// What a map entry of 1 adds to the multiplier: sign times control.
fn slope(view: &View<'_>, run: &RunData, rule: &GainRule, t: usize) -> f32 {
    let Some(recording) = view.document.current_recording() else { return rule.sign as f32 };
    let Some(model) = view.document.model_info(recording.model) else { return rule.sign as f32 };
    (rule.sign * control_at(model, run, &rule.control, t)) as f32
}

/// The multiplier of the input at recorded step `step`, one channel: mean over the map's channels.
pub struct InputGain<'a> {
    pub map: &'a Arc<[f32]>,
    pub height: usize,
    pub width: usize,
    pub slope: f32,
}

impl<'a> InputGain<'a> {
    /// `None` for a model without a gain on its input, or where it was not recorded.
    pub fn of(view: &View<'_>, run: &'a RunData, step: usize) -> Option<Self> {
        let t = run.recording.steps.get(step)?.t;
        let gains = gain_areas(view, run, t);
        let &(area, multiplier) = gains.iter().find(|(_, multiplier)| multiplier.target == "input")?;
        let map = run.derived.channel_means.get(step)?.get(area)?;
        let [_, height, width] = run.recording.areas[area].map_shape();
        if map.is_empty() {
            return None;
        }
        Some(Self { map, height, width, slope: multiplier.slope })
    }

    /// The multiplier at a place given as fractions of the image.
    pub fn at(&self, row: f32, col: f32) -> f32 {
        let r = ((row * self.height as f32) as usize).min(self.height - 1);
        let c = ((col * self.width as f32) as usize).min(self.width - 1);
        1.0 + self.slope * self.map[r * self.width + c]
    }

    /// Lowest and highest multiplier of this map.
    pub fn bounds(&self) -> [f32; 2] {
        let ends = self.map.iter().map(|m| 1.0 + self.slope * m);
        ends.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)])
    }
}

/// The input and its gain at a few timesteps, one row per recording of `model`, with a caption;
/// `None` for a model without a gain on its input, or before anything was recorded.
pub fn attention_maps(view: &View<'_>, model: ItemId) -> gainfield::Result<Option<(Maps, String)>> {
    let mut rows = Vec::new();
    let mut titles = Vec::new();
    let mut brackets: Vec<(usize, usize, usize)> = Vec::new();
    for item in view.document.group(Group::Recordings) {
        let Content::Recording(recording) = &item.content else { continue };
        let run = view.document.run_key(item.id).and_then(|key| view.store.run(key));
        let Some(run) = run.filter(|_| recording.model == model && recording.parent.is_none()) else {
            continue;
        };
        let steps = telling_steps(run);
        if rows.len() == FIGURE_ROWS
            || rows.first().is_some_and(|row: &Vec<Raster>| row.len() != steps.len() + 1)
        {
            continue;
        }
        let Some(row) = map_row(view, run, &steps)? else { continue };
        if rows.is_empty() {
            let unit = unit_title(run.recording.time_unit);
            titles.push("Input".to_owned());
            for (column, &step) in (1..).zip(&steps) {
                let recorded = &run.recording.steps[step];
                titles.push(match recorded.pass {
                    Pass::ReadOut => "Read-out".to_owned(),
                    _ => format!("{unit} {}", crate::derived::time_text(run.recording.time_unit, recorded.t)),
                });
                match brackets.last_mut() {
                    Some((phase, _, last)) if *phase == recorded.phase => *last = column,
                    _ => brackets.push((recorded.phase, column, column)),
                }
            }
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let mut maps = Maps::new(rows)?.column_titles(titles)?;
    if brackets.len() > 1 {
        for (phase, first, last) in brackets {
            maps = maps.bracket(first, last, format!("phase {}", phase + 1))?;
        }
    }
    Ok(Some((maps, "Gain of the input over time, one stimulus per row.".to_owned())))
}

/// The recorded steps that tell how attention moves: where phases are, one early and the last of each.
fn telling_steps(run: &RunData) -> Vec<usize> {
    let steps = &run.recording.steps;
    let mut chosen: Vec<usize> = Vec::new();
    let phases = steps.last().map_or(0, |step| step.phase + 1);
    if phases > 1 && phases * 2 <= FIGURE_COLUMNS {
        for phase in 0..phases {
            let own: Vec<usize> = (0..steps.len()).filter(|&i| steps[i].phase == phase).collect();
            // The first pass of a later phase has nothing yet but its inhibition.
            chosen.extend(own.get(usize::from(phase > 0)).or(own.first()).copied());
            chosen.extend(own.last().copied());
        }
    } else {
        let n = steps.len().min(FIGURE_COLUMNS);
        chosen.extend((0..n).map(|k| (k + 1) * steps.len() / n - 1));
    }
    chosen.dedup();
    chosen
}

fn map_row(view: &View<'_>, run: &RunData, steps: &[usize]) -> gainfield::Result<Option<Vec<Raster>>> {
    let Some(&last) = steps.last() else { return Ok(None) };
    let Some(frame) = run.shown.at(run.recording.steps[last].t) else { return Ok(None) };
    let [channels, height, width] = run.shown.shape;
    let input = if channels >= 3 {
        let image = &run.shown.images[frame];
        Raster::rgb(image.pixels.iter().map(|p| [p.r(), p.g(), p.b()]).collect(), width)?
    } else {
        Raster::grey(run.shown.values[frame].iter().take(height * width).copied().collect(), width)?
    };
    let mut row = vec![input];
    for &step in steps {
        let Some(gain) = InputGain::of(view, run, step) else { return Ok(None) };
        let ends = f64::from(gain.slope.abs().max(1e-6));
        let scale = ColourScale::new(ColourMap::Gain, [1.0 - ends, 1.0 + ends], "gain")?;
        let values = gain.map.iter().map(|m| 1.0 + gain.slope * m).collect();
        row.push(Raster::new(values, gain.width, scale)?);
    }
    Ok(Some(row))
}

/// The level that a contour is drawn at: a gain of 1 where maps enhance, half of the largest
/// suppression where they suppress; `None` where the map does not reach both sides.
pub fn contour_level(slope: f32, [low, high]: [f32; 2]) -> Option<f32> {
    let level = if slope < 0.0 { 1.0 + slope / 2.0 } else { 1.0 };
    let margin = 1e-3;
    (low < level - margin && high > level + margin).then_some(level)
}

/// Line segments where `value(row, col)` crosses `level`, in fractions of the image (marching squares).
pub fn contour(
    height: usize,
    width: usize,
    level: f32,
    value: impl Fn(usize, usize) -> f32,
) -> Vec<[[f32; 2]; 2]> {
    let mut segments = Vec::new();
    // One cell of outside around the map closes the lines at its border.
    let outside = f32::NEG_INFINITY;
    let at = |row: isize, col: isize| {
        let inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&col);
        if inside { value(row as usize, col as usize) } else { outside }
    };
    let place = |row: f32, col: f32| [(col + 0.5) / width as f32, (row + 0.5) / height as f32];
    for row in -1..height as isize {
        for col in -1..width as isize {
            let corners = [at(row, col), at(row, col + 1), at(row + 1, col + 1), at(row + 1, col)];
            let above = corners.map(|v| v > level);
            let code = above.iter().enumerate().fold(0, |code, (i, &a)| code | usize::from(a) << i);
            if code == 0 || code == 15 {
                continue;
            }
            let (r, c) = (row as f32, col as f32);
            let fraction = |a: f32, b: f32| {
                let (a, b) = (a.max(level - 1.0), b.max(level - 1.0));
                if (b - a).abs() < 1e-12 { 0.5 } else { ((level - a) / (b - a)).clamp(0.0, 1.0) }
            };
            let edges = [
                place(r, c + fraction(corners[0], corners[1])),
                place(r + fraction(corners[1], corners[2]), c + 1.0),
                place(r + 1.0, c + fraction(corners[3], corners[2])),
                place(r + fraction(corners[0], corners[3]), c),
            ];
            let pairs: &[[usize; 2]] = match code {
                1 | 14 => &[[3, 0]],
                2 | 13 => &[[0, 1]],
                3 | 12 => &[[3, 1]],
                4 | 11 => &[[1, 2]],
                6 | 9 => &[[0, 2]],
                7 | 8 => &[[3, 2]],
                5 => &[[3, 0], [1, 2]],
                _ => &[[0, 1], [3, 2]],
            };
            segments.extend(pairs.iter().map(|&[a, b]| [edges[a], edges[b]]));
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contour_goes_around_what_lies_above() {
        let inside = |row: usize, col: usize| if (row, col) == (2, 3) { 2.0 } else { 0.0 };
        let segments = contour(5, 8, 1.0, inside);
        assert_eq!(segments.len(), 4);
        for [x, y] in segments.iter().flatten() {
            let (col, row) = (x * 8.0 - 0.5, y * 5.0 - 0.5);
            assert!((col - 3.0).abs() <= 0.51 && (row - 2.0).abs() <= 0.51, "{col} {row}");
        }
        assert!(contour(4, 4, 1.0, |_, _| 0.5).is_empty());
    }

    #[test]
    fn the_level_follows_the_sign_of_the_rule() {
        assert_eq!(contour_level(0.5, [0.5, 1.5]), Some(1.0));
        assert_eq!(contour_level(-0.2, [0.8, 1.0]), Some(0.9));
        assert_eq!(contour_level(0.5, [1.0, 1.0]), None);
    }
}
