//! What the numbers of a run are called and mean: said by its procedure, kept in its folder.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::run_folder::MANIFEST;
use super::{RunHistory, UpdateReport};
use crate::error::Result;
use crate::files;

/// How a metric is best drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// From 0 upwards.
    #[default]
    Linear,
    /// Over whole powers of ten.
    Logarithmic,
    /// From 0 to 1.
    Share,
}

/// One metric of an update.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// As in the tables; what follows a `/` there is one of several.
    pub name: String,
    /// On screen.
    pub label: String,
    /// Empty for a pure number.
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub definition: String,
    #[serde(default)]
    pub scale: Scale,
}

impl Measure {
    pub fn new(name: &str, label: &str, definition: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            definition: definition.to_owned(),
            ..Self::default()
        }
    }

    pub fn in_unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// A cross-entropy.
    pub fn nats(self) -> Self {
        self.in_unit("nats")
    }

    pub fn scaled(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Its value in an update, the mean where there are several.
    pub fn of(&self, report: &UpdateReport) -> Option<f64> {
        let is_own = |name: &str| name.split('/').next() == Some(self.name.as_str());
        let own = report.metrics.iter().filter(|metric| is_own(&metric.name));
        let (n, sum) = own.fold((0, 0.0), |(n, sum), metric| (n + 1, sum + metric.value));
        (n > 0).then(|| sum / f64::from(n)).filter(|mean| mean.is_finite())
    }
}

/// One row of the accuracies of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `Phase 1`, a task, an instruction.
    pub label: String,
    /// Share correct of a guess, where that is known.
    #[serde(default)]
    pub chance: Option<f64>,
}

/// The numbers of a procedure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The objective first.
    pub metrics: Vec<Measure>,
    /// Of an evaluation's accuracies.
    pub rows: Vec<Row>,
    /// What the accuracies of a row are of: `pass`, `timestep`; empty where there is one.
    #[serde(default)]
    pub columns: String,
    /// Said of the first of them: `no gain`.
    #[serde(default)]
    pub first_column: String,
    /// Of the whole run; 0 where it does not say.
    #[serde(default)]
    pub n_updates: u64,
}

impl Measures {
    /// A single row of accuracies.
    pub fn one_row(metrics: Vec<Measure>, label: &str, n_classes: usize, columns: &str) -> Self {
        let rows = vec![Row { label: label.to_owned(), chance: Some(1.0 / n_classes.max(1) as f64) }];
        Self { metrics, rows, columns: columns.to_owned(), ..Self::default() }
    }

    /// Those kept in the manifest of a run folder; for a run that keeps none, the plain names in its tables.
    ///
    /// # Errors
    /// Those of reading the manifest.
    pub fn read(folder: &Path, history: &RunHistory) -> Result<Self> {
        let manifest = files::read_document(folder.join(MANIFEST))?;
        let kept = serde_json::from_value(manifest["measures"].clone()).ok();
        Ok(kept.unwrap_or_else(|| Self::named_in(history)))
    }

    fn named_in(history: &RunHistory) -> Self {
        let mut metrics: Vec<Measure> = Vec::new();
        for metric in history.updates.first().into_iter().flat_map(|report| &report.metrics) {
            let name = metric.name.split('/').next().unwrap_or_default();
            if !metrics.iter().any(|known| known.name == name) {
                metrics.push(Measure::new(name, &name.replace('_', " "), ""));
            }
        }
        let n_rows = history.evaluations.first().map_or(0, |evaluation| evaluation.accuracy.len());
        let row = |k: usize| Row { label: format!("Row {}", k + 1), chance: None };
        Self { metrics, rows: (0..n_rows).map(row).collect(), ..Self::default() }
    }
}
