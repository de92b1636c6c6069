//! The first minute without a display: the bundled network is run and probed, and its figures written.

use std::path::{Path, PathBuf};

use gainfield::dynamics::{Units, Workspace};
use gainfield::figure::style::DEFAULT_DPI;
use gainfield::figure::{ColourMap, ColourScale, Figure, Format, Maps, Panel, Raster, Width, export};
use gainfield::model::Model;
use gainfield::probe::figures::Measure;
use gainfield::probe::{self, ProbeRecipe, Statistic, figures};
use gainfield::progress::Progress;
use gainfield::provenance::Provenance;
use gainfield::recipe::{Execution, RunOutcome, RunRecipe, execute, write};
use gainfield::{Result, pretrained};
use indicatif::{ProgressBar, ProgressStyle};

/// Area and position whose units are probed: the middle of the left digit in the second stage.
const AREA: &str = "conv2_out";
const POSITION: [usize; 2] = [4, 3];

/// Runs the demonstration and gives the files it wrote.
///
/// # Errors
/// Those of running, probing and writing.
pub fn run_into(folder: &Path, progress: &mut dyn Progress) -> Result<Vec<PathBuf>> {
    let recipe = RunRecipe { record: vec!["all".to_owned()], ..RunRecipe::new(pretrained::NAME) };
    let (model, outcome) = execute(&recipe, &Execution::default(), progress)?;
    let mut written = write(&model, &outcome, folder)?;
    let figure = |figure: &Figure, stem: &str, command: &str| -> Result<Vec<PathBuf>> {
        export(figure, folder, stem, &Format::ALL, DEFAULT_DPI, &Provenance::new(command))
    };
    let command = format!("gainfield run {} --record all", pretrained::NAME);
    written.extend(figure(&gain_maps(&model, &outcome)?, "gain_maps", &command)?);

    let units = Units::position(POSITION[0], POSITION[1]);
    let recipe = ProbeRecipe { area: AREA.to_owned(), units, ..ProbeRecipe::default() };
    let result = probe::run(&recipe, &model, &mut Workspace::new(), progress)?;
    let command = recipe.command(pretrained::NAME);
    if let Some(&unit) = result.units_by_peak(Statistic::Mean).first() {
        let areas = result.scaling_by_area(Statistic::Mean);
        let summary = figures::summary(&result, unit, Statistic::Mean, None, &areas, Measure::Ratio)?;
        written.extend(figure(&summary, "tuning_and_scaling", &command)?);
        let population = figures::population(&areas, None, Measure::Ratio)?;
        written.extend(figure(&population, "population", &command)?);
    }
    Ok(written)
}

/// As [`run_into`], with a progress bar.
///
/// # Errors
/// As [`run_into`].
pub fn run(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut bar = Bar(ProgressBar::new(0));
    let style = ProgressStyle::with_template("{msg:32} {wide_bar} {pos}/{len} {eta}");
    bar.0.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let written = run_into(folder, &mut bar);
    bar.0.finish_and_clear();
    written
}

struct Bar(ProgressBar);

impl Progress for Bar {
    fn report(&mut self, what: &str, done: usize, total: usize) {
        self.0.set_message(what.to_owned());
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }
}

/// The gain of the image after every pass: the attention map moving from object to object.
fn gain_maps(model: &Model, outcome: &RunOutcome) -> Result<Figure> {
    let areas = model.dynamics.areas();
    let gate = areas.iter().position(|area| area.is_gain()).unwrap_or(0);
    let strength = model.info.config.get("strength").and_then(|entry| entry.value.as_f64()).unwrap_or(0.0);
    let (low, high) = (1.0 - strength, 1.0 + strength);
    let scale = ColourScale::new(ColourMap::Gain, [low, high], "gain")?.ticks(vec![low, 1.0, high]);
    let mut maps = Vec::new();
    let mut titles = Vec::new();
    for recording in outcome.recordings.iter().take(1) {
        for (step, recorded) in recording.steps.iter().enumerate() {
            let values = recording.trial(step, gate, 0);
            let gains = values.iter().map(|gate| 1.0 - strength as f32 * gate).collect();
            maps.push(Raster::new(gains, areas[gate].map_shape()[2], scale.clone())?);
            titles.push(format!("{}.{}", recorded.phase + 1, recorded.pass_index + 1));
        }
    }
    let maps = Maps::new(vec![maps])?.column_titles(titles)?;
    let caption = "Gain 1 − s·g of the image after every pass (phase.pass).";
    Ok(Figure::single(Width::TwoColumns, Panel::new("gain maps", maps))?.caption(caption))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gainfield::progress::Silent;

    #[test]
    fn the_demonstration_writes_figures_numbers_and_where_they_come_from() {
        let folder = tempfile::tempdir().unwrap();
        let written = run_into(folder.path(), &mut Silent).unwrap();
        let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_string_lossy()).collect();
        for name in ["recording.safetensors", "gain_maps.svg", "tuning_and_scaling.png", "population.csv"] {
            assert!(names.iter().any(|written| written == name), "{name} is not among {names:?}");
        }
        assert!(names.iter().any(|name| name.ends_with(".provenance.json")));
    }
}
