//! Writes what an evaluation found: a tidy table, a figure over time, the recipe and the provenance.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::output::{pass_name, provenance_of};
use super::super::{Share, to_toml};
use super::{Estimate, EvaluateRecipe, Evaluation, Row};
use crate::dynamics::{Pass, TimeUnit};
use crate::error::{Error, Result};
use crate::figure::style::DEFAULT_DPI;
use crate::figure::{Axis, Band, Figure, Format, Ink, Line, Panel, Plot, Role, Series, Width, export};
use crate::files;
use crate::model::Model;

/// Name of the table and of its provenance.
const TABLE: &str = "evaluation";
/// Name of the figure.
const FIGURE: &str = "accuracy_over_time";

impl Evaluation {
    /// The recipe that evaluates the same again.
    pub fn again(&self) -> EvaluateRecipe {
        EvaluateRecipe { n: Some(self.recipe.n), run: self.recipe.clone() }
    }

    /// The command that evaluates the same again, with the recipe as the file `recipe` where flags
    /// cannot say it.
    pub fn command_line(&self, recipe: &Path) -> String {
        self.recipe.line_of("evaluate", recipe)
    }

    /// The rows of one moment and group, in order.
    pub fn rows_of<'a>(&'a self, moment: &'a str, group: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.moment == moment && row.group == group)
    }

    /// What the command line prints as JSON.
    pub fn results(&self) -> serde_json::Value {
        json!({
            "trials": self.recipe.n,
            "timesteps": self.n_timesteps,
            "published_timesteps": self.published,
            "off_protocol": self.departures,
            "rows": self.rows,
            "decision": self.decision,
            "data": self.data,
        })
    }
}

/// Writes `evaluation.csv`, `evaluation.provenance.json`, `recipe.toml` and, for answers at more than one
/// timestep, `accuracy_over_time` as SVG, PNG and CSV into `folder`; returns their paths.
///
/// # Errors
/// [`Error::Io`] if a file cannot be written.
pub fn write(model: &Model, evaluation: &Evaluation, folder: &Path) -> Result<Vec<PathBuf>> {
    files::create_folder(folder)?;
    let table = folder.join(format!("{TABLE}.csv"));
    files::write_atomic(&table, csv(evaluation)?)?;
    let recipe = folder.join("recipe.toml");
    files::write_atomic(&recipe, to_toml(&evaluation.again())?)?;
    let config = json!({
        "recipe": evaluation.again(),
        "model": model.info.config,
        "off_protocol": evaluation.departures,
    });
    let command = evaluation.command_line(&recipe);
    let provenance = provenance_of(model, command, config, evaluation.recipe.seed, &evaluation.data);
    let mut written = vec![table.clone(), recipe, provenance.write_beside(&table)?];
    if let Some(figure) = figure(evaluation)? {
        written.extend(export(&figure, folder, FIGURE, &Format::ALL, DEFAULT_DPI, &provenance)?);
    }
    Ok(written)
}

/// Accuracy over the timesteps with its interval, a line per phase; `None` for answers at one timestep
/// only.
///
/// # Errors
/// Those of the figure description.
pub fn figure(evaluation: &Evaluation) -> Result<Option<Figure>> {
    let timesteps = evaluation.rows_of("timestep", "all").filter(|row| row.pass != Some(Pass::ReadOut));
    let sweeps: Vec<(&Row, Share)> = timesteps.filter_map(|row| Some((row, row.share?))).collect();
    if sweeps.len() < 2 {
        return Ok(None);
    }
    let (scale, x) = match evaluation.time_unit {
        TimeUnit::Ms { dt_ms } => (dt_ms, Axis::new("Time").unit("ms")),
        unit => {
            let name = unit.name();
            (1.0, Axis::new(name[..1].to_uppercase() + &name[1..]))
        }
    };
    // The end of the step, counted from 1, as everything that is looked at.
    let at = |row: &Row| (row.t.unwrap_or(0) + 1) as f64 * scale;
    let phases: Vec<&[(&Row, Share)]> = sweeps.chunk_by(|(a, _), (b, _)| a.phase == b.phase).collect();
    let mut plot = Plot::new(x, Axis::new("Accuracy").range(0.0, 1.0));
    for (number, phase) in phases.iter().enumerate() {
        let series = match phases.len() {
            // What the axis says needs no name.
            1 => Series::new("accuracy", Role::Recorded).quiet(),
            _ => Series::new(format!("phase {}", number + 1), Ink::Category(number)),
        };
        let times: Vec<f64> = phase.iter().map(|(row, _)| at(row)).collect();
        let ends = |end: usize| phase.iter().map(|(_, share)| share.interval[end]).collect::<Vec<_>>();
        let points = phase.iter().map(|(row, share)| [at(row), share.accuracy]).collect();
        let band = series.clone().quiet();
        plot = plot
            .with(Band::new(band, times, ends(0), ends(1), "95 % interval (Wilson)")?)
            .with(Line::new(series, points)?);
    }
    let caption = format!(
        "Share of right answers of {} trials over time; the band is the 95 % interval (Wilson).",
        evaluation.recipe.n
    );
    Ok(Some(Figure::single(Width::OneColumn, Panel::new("Accuracy", plot))?.caption(caption)))
}

/// One row per moment and group; empty cells for what does not apply.
fn csv(evaluation: &Evaluation) -> Result<Vec<u8>> {
    let failed = |err: &dyn std::fmt::Display| {
        Error::Unsupported(format!("the evaluation cannot be written as CSV: {err}"))
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let header = [
        "moment",
        "timestep",
        "pass",
        "phase",
        "group",
        "value",
        "n",
        "correct",
        "accuracy",
        "accuracy low",
        "accuracy high",
        "top-5 accuracy",
        "top-5 low",
        "top-5 high",
        "cross-entropy (nats)",
        "cross-entropy low",
        "cross-entropy high",
        "mask loss",
        "mask loss low",
        "mask loss high",
    ];
    csv.write_record(header).map_err(|err| failed(&err))?;
    let number = |value: f64| if value.is_finite() { value.to_string() } else { String::new() };
    let whole = |value: Option<usize>| value.map_or_else(String::new, |value| value.to_string());
    for row in &evaluation.rows {
        let of_share = |share: Option<Share>| match share {
            Some(share) => [share.accuracy, share.interval[0], share.interval[1]].map(number),
            None => [const { String::new() }; 3],
        };
        let of_estimate = |estimate: Option<Estimate>| match estimate {
            Some(loss) => [loss.mean, loss.interval[0], loss.interval[1]].map(number),
            None => [const { String::new() }; 3],
        };
        let own = [
            row.moment.to_owned(),
            whole(row.t),
            row.pass.map(pass_name).transpose()?.unwrap_or_default(),
            whole(row.phase),
            row.group.clone(),
            row.value.clone(),
            row.n().to_string(),
            row.share.map_or_else(String::new, |share| share.correct.to_string()),
        ];
        let rest =
            [of_share(row.share), of_share(row.top5), of_estimate(row.loss), of_estimate(row.mask_loss)];
        csv.write_record(own.iter().chain(rest.as_flattened())).map_err(|err| failed(&err))?;
    }
    if let Some(decision) = evaluation.decision {
        let mut cells = vec![String::new(); header.len()];
        (cells[0], cells[4]) = ("final".to_owned(), "decision".to_owned());
        (cells[6], cells[7]) = (decision.n.to_string(), decision.correct.to_string());
        let numbers = [decision.accuracy, decision.interval[0], decision.interval[1]];
        cells[8..11].clone_from_slice(&numbers.map(number));
        csv.write_record(&cells).map_err(|err| failed(&err))?;
    }
    csv.into_inner().map_err(|err| failed(&err.error()))
}
