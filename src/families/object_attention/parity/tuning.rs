//! Kinds `mnist_tuning`, `mnist_tuning_grid` and `published_tuning`: bars beside a distractor.

use std::ops::ControlFlow;

use super::super::analysis::{AreaMaxima, ConditionMaxima, reference_tuning};
use super::Network;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::Image;
use crate::stimulus::bars::{BarGrid, rotated_bar};

/// One condition of an area's maxima.
type Condition = fn(&AreaMaxima) -> &[f32];

const CONDITIONS: [(&str, Condition); 3] = [
    ("attended", |maxima| &maxima.attended),
    ("unattended", |maxima| &maxima.unattended),
    ("feedforward", |maxima| &maxima.feedforward),
];

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let grid = grid(inputs)?;
    let mut recomputed = Recomputed::new();
    stimuli(inputs, &grid, &mut recomputed)?;
    let all: Vec<usize> = (0..grid.orientations_deg.len()).collect();
    let maxima = maxima(inputs, &grid, inputs, &all)?;
    for (name, curve) in curves(inputs, &maxima)? {
        recomputed.insert(name, curve);
    }
    let Some(shown) = maxima.get(inputs.count("maps_deg_index")?) else {
        return Err(Error::config("maps_deg_index", format!("below {}", maxima.len()), "another"));
    };
    for (k, area) in shown.areas.iter().enumerate() {
        for (condition, values) in CONDITIONS {
            let map = Array::f32(&area.shape, values(area).to_vec())?;
            let name = format!("{}.map.{condition}", area.area);
            // The file keeps the maps of the last convolution, except before any gate.
            if k + 1 == shown.areas.len() && condition != "feedforward" {
                recomputed.insert(name, map);
            } else {
                recomputed.insert_if_stored(name, map);
            }
        }
    }
    Ok(recomputed)
}

pub(super) fn recompute_grid(inputs: &GoldenInputs) -> Result<Recomputed> {
    let grid = grid(inputs)?;
    let chosen = inputs.array("degree_index")?;
    let chosen = chosen.to_i64().unwrap_or_default().into_iter();
    let chosen: Vec<usize> = chosen.map(|index| usize::try_from(index).unwrap_or(usize::MAX)).collect();
    let maxima = maxima(inputs, &grid, inputs, &chosen)?;
    only_attention(curves(inputs, &maxima)?)
}

pub(super) fn recompute_published(inputs: &GoldenInputs) -> Result<Recomputed> {
    let grid = grid(inputs)?;
    // The published distractor is not at hand: "tensor NAME of FILE (…)" says which one stands in.
    let substitute = inputs.parameter::<Substitute>("substitute")?.digit;
    let mut words = substitute.split_whitespace();
    let (Some("tensor"), Some(name), Some("of"), Some(file)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Error::config("substitute", "\"tensor NAME of FILE\"", substitute));
    };
    let sibling = inputs.sibling(file)?;
    if name != DISTRACTOR {
        return Err(Error::config("substitute", format!("the tensor {DISTRACTOR:?}"), name));
    }
    let all: Vec<usize> = (0..grid.orientations_deg.len()).collect();
    let maxima = maxima(inputs, &grid, &sibling, &all)?;
    only_attention(curves(inputs, &maxima)?)
}

/// Name of the tensor that holds the distractor on its canvas.
const DISTRACTOR: &str = "digit";

#[derive(serde::Deserialize)]
struct Substitute {
    digit: String,
}

fn grid(inputs: &GoldenInputs) -> Result<BarGrid> {
    Ok(BarGrid {
        orientations_deg: inputs.parameter("degrees")?,
        sigmas: inputs.parameter("sigmas")?,
        xs: inputs.parameter("xs")?,
        ys: inputs.parameter("ys")?,
    })
}

fn maxima(
    inputs: &GoldenInputs,
    grid: &BarGrid,
    distractor: &GoldenInputs,
    chosen: &[usize],
) -> Result<Vec<ConditionMaxima>> {
    let network = Network::load(inputs)?;
    let digit = distractor.array(DISTRACTOR)?;
    let &[channels, height, width] = digit.dims() else {
        return Err(Error::shape(DISTRACTOR, "[channels, height, width]", digit.dims()));
    };
    let digit = Image::new(channels, height, width, digit.to_f32())?;
    let go_on = |_, _| ControlFlow::Continue(());
    reference_tuning(&network.model, &network.controls(), grid, &digit, chosen, go_on)
}

/// Per area and condition, `[channels, orientations]` at the unit that the header names.
fn curves(inputs: &GoldenInputs, maxima: &[ConditionMaxima]) -> Result<Vec<(String, Array)>> {
    let mut curves = Vec::new();
    let n_areas = maxima.first().map_or(0, |maxima| maxima.areas.len());
    for k in 0..n_areas {
        let area = &maxima[0].areas[k];
        let place = inputs.text(&format!("conv{}_unit_row_col", k + 1))?;
        let place = place.split_once(',').and_then(|(row, column)| {
            Some((row.trim().parse::<usize>().ok()?, column.trim().parse::<usize>().ok()?))
        });
        let Some((row, column)) = place else {
            return Err(Error::config(format!("conv{}_unit_row_col", k + 1), "row,column", "another text"));
        };
        for (condition, values) in CONDITIONS {
            let mut curve = Vec::with_capacity(area.shape[0] * maxima.len());
            for channel in 0..area.shape[0] {
                let unit = area.unit(channel, row, column)?;
                curve.extend(maxima.iter().map(|maxima| values(&maxima.areas[k])[unit]));
            }
            let array = Array::f32(&[area.shape[0], maxima.len()], curve)?;
            curves.push((format!("{}.{condition}", area.area), array));
        }
    }
    Ok(curves)
}

/// Files of the full grid leave the curves before any gate out.
fn only_attention(curves: Vec<(String, Array)>) -> Result<Recomputed> {
    let mut recomputed = Recomputed::new();
    for (name, curve) in curves {
        if name.ends_with(".feedforward") {
            recomputed.insert_if_stored(name, curve);
        } else {
            recomputed.insert(name, curve);
        }
    }
    Ok(recomputed)
}

/// Which stimuli a file shows as a sample.
#[derive(serde::Deserialize)]
struct Sample {
    deg_index: usize,
    stimulus_index: Vec<usize>,
}

fn stimuli(inputs: &GoldenInputs, grid: &BarGrid, recomputed: &mut Recomputed) -> Result<()> {
    let mut rotated = Vec::new();
    let mut shape = [0; 3];
    for &orientation in &grid.orientations_deg {
        for &sigma in &grid.sigmas {
            let bar = rotated_bar(orientation, sigma);
            shape = bar.shape();
            rotated.extend(bar.into_data());
        }
    }
    let dims = [grid.orientations_deg.len(), grid.sigmas.len(), shape[1], shape[2]];
    recomputed.insert("rotated_bars", Array::f32(&dims, rotated)?);

    let sample: Sample = inputs.parameter("stimuli")?;
    let Some(&orientation) = grid.orientations_deg.get(sample.deg_index) else {
        return Err(Error::config("deg_index", "one of the orientations", sample.deg_index));
    };
    let bars = grid.bars(orientation);
    let mut shown = Vec::new();
    for &index in &sample.stimulus_index {
        let Some(bar) = bars.get(index) else {
            return Err(Error::config("stimulus_index", format!("below {}", bars.len()), index));
        };
        shape = bar.shape();
        shown.extend_from_slice(bar.data());
    }
    let dims = [&[sample.stimulus_index.len()], shape.as_slice()].concat();
    recomputed.insert("stimuli_sample", Array::f32(&dims, shown)?);
    Ok(())
}
