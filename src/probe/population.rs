//! The population of a probe: one number per unit and area, and who is left out.

use serde::{Deserialize, Serialize};

use crate::analysis::scaling::{AreaScaling, Excluded, UnitScaling};
use crate::error::Result;
use crate::figure::number::count;
use crate::figure::{Axis, Category, Figure, Ink, Panel, Plot, Reference, Role, Series, Strip, Width};

/// The number that stands for a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Mean response attended over mean response unattended.
    #[default]
    Ratio,
    /// Slope of the line of attended on unattended responses.
    Slope,
    /// Offset of that line.
    Offset,
    /// (attended − unattended) / (attended + unattended) of the means.
    Index,
}

impl Measure {
    pub const ALL: [Self; 4] = [Self::Ratio, Self::Slope, Self::Offset, Self::Index];

    /// On buttons.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ratio => "Ratio",
            Self::Slope => "Slope",
            Self::Offset => "Offset",
            Self::Index => "Index",
        }
    }

    /// On axes.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ratio => "Ratio of means, attended / unattended",
            Self::Slope => "Slope, attended / unattended",
            Self::Offset => "Offset, attended",
            Self::Index => "Modulation index, (A − U) / (A + U)",
        }
    }

    /// Of one unit; `None` where it is not defined.
    pub fn of(self, unit: &UnitScaling) -> Option<f64> {
        let value = match self {
            Self::Ratio => Some(unit.ratio_of_means),
            Self::Slope => unit.line.map(|line| line.slope),
            Self::Offset => unit.line.map(|line| line.offset),
            Self::Index => unit.attention_modulation_index,
        };
        value.filter(|value| value.is_finite())
    }

    /// Where attention changes nothing.
    fn neutral(self) -> f64 {
        match self {
            Self::Ratio | Self::Slope => 1.0,
            Self::Offset | Self::Index => 0.0,
        }
    }
}

/// One number per unit for several areas. `chosen` is an area and the position of a probed unit in it.
///
/// # Errors
/// Those of the figure description.
pub fn population(
    areas: &[(String, AreaScaling)],
    chosen: Option<(usize, usize)>,
    measure: Measure,
) -> Result<Figure> {
    let panel = population_panel(areas, chosen, measure)?;
    Ok(Figure::single(Width::OneColumn, panel)?.caption(population_caption(areas)))
}

/// Who is left out, area by area, for captions.
pub fn population_caption(areas: &[(String, AreaScaling)]) -> String {
    let excluded: Vec<String> =
        areas.iter().filter_map(|(name, scaling)| excluded_line(name, scaling)).collect();
    let words = "One dot per unit; line: median, box: quartiles.";
    std::iter::once(words.to_owned()).chain(excluded).collect::<Vec<_>>().join(" ")
}

/// The same as [`population`] as a panel.
///
/// # Errors
/// Those of the figure description.
pub fn population_panel(
    areas: &[(String, AreaScaling)],
    chosen: Option<(usize, usize)>,
    measure: Measure,
) -> Result<Panel> {
    let values = |scaling: &AreaScaling| -> Vec<(usize, f64)> {
        let of = |unit: &UnitScaling| Some((unit.unit, measure.of(unit)?));
        scaling.units.iter().filter_map(of).collect()
    };
    let categories = areas.iter().map(|(name, scaling)| {
        let n = scaling.units.len() + scaling.excluded.len();
        let note = format!("n = {}/{}", count(values(scaling).len()), count(n));
        Category::new(name.clone()).note(note)
    });
    let mut x = Axis::new(measure.label());
    // A ratio needs a logarithm; a slope may be negative, and is then shown at the edge and counted.
    if matches!(measure, Measure::Ratio | Measure::Slope) {
        x = x.log(2.0);
    }
    let mut plot =
        Plot::new(x, Axis::categories("Area", categories)).with(Reference::vertical(measure.neutral(), "")?);
    for (category, (name, scaling)) in areas.iter().enumerate() {
        let (units, shown): (Vec<usize>, Vec<f64>) = values(scaling).into_iter().unzip();
        if shown.is_empty() {
            continue;
        }
        let mut strip = Strip::new(Series::new(name.clone(), Ink::from(Role::Recorded)), category, shown)?;
        strip.chosen = chosen
            .filter(|(area, _)| *area == category)
            .and_then(|(_, unit)| units.iter().position(|one| *one == unit));
        plot = plot.with(strip);
    }
    Ok(Panel::new("attention scaling by area", plot))
}

/// `conv2: 31 of 50 excluded (28 silent in both conditions, 3 silent when unattended).`
pub fn excluded_line(name: &str, scaling: &AreaScaling) -> Option<String> {
    let kinds = [
        Excluded::SilentInBoth,
        Excluded::SilentAttended,
        Excluded::SilentUnattended,
        Excluded::BelowThreshold,
    ];
    let counts: Vec<String> = kinds
        .into_iter()
        .filter_map(|kind| {
            let n = scaling.excluded.iter().filter(|(_, why)| *why == kind).count();
            (n > 0).then(|| format!("{n} {}", kind.reason()))
        })
        .collect();
    let n = scaling.units.len() + scaling.excluded.len();
    (!counts.is_empty())
        .then(|| format!("{name}: {} of {n} excluded ({}).", scaling.excluded.len(), counts.join(", ")))
}
