//! The folder of a training run: recipe, manifest, metrics, evaluations, log, checkpoints.
//!
//! Everything in it is plain text but the weights, appended line by line, so that a killed run
//! leaves a folder that opens. A resumed run first cuts off what came after its checkpoint.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use super::tensorboard::EventFile;
use super::{Evaluation, Metric, UpdateReport};
use crate::analysis::statistics::wilson;
use crate::error::{Error, Result};
use crate::files;

/// Resolved settings, as `gainfield train` reads them.
pub const RECIPE: &str = "recipe.toml";
/// Version, command, device, data hashes.
pub const MANIFEST: &str = "manifest.json";
const METRICS: &str = "metrics.csv";
const EVALUATIONS: &str = "evaluations.csv";
const LOG: &str = "log.txt";

/// A run folder being written.
pub struct RunFolder {
    path: PathBuf,
    metrics: File,
    /// Names of the metric columns; empty until the first update.
    columns: Vec<String>,
    evaluations: File,
    /// Names of further numbers of an evaluation; `None` until the first.
    further: Option<Vec<String>>,
    events: EventFile,
    log: File,
}

/// Columns of `metrics.csv` before those of the metrics.
const UPDATE_COLUMNS: [&str; 4] = ["update", "n_stimuli", "learning_rate", "gradient_norm"];
/// Columns of `evaluations.csv` before those of the metrics.
const EVALUATION_COLUMNS: [&str; 10] =
    ["update", "split", "phase", "pass", "n", "accuracy", "low", "high", "score", "is_best"];

/// Updates and evaluations read back from a run folder.
#[derive(Clone, Debug, Default)]
pub struct RunHistory {
    pub updates: Vec<UpdateReport>,
    pub evaluations: Vec<Evaluation>,
}

impl RunFolder {
    /// Starts a new run in `path`.
    ///
    /// # Errors
    /// [`Error::Config`] if the folder already holds a run.
    pub fn create(path: &Path, recipe: &str, manifest: &serde_json::Value) -> Result<Self> {
        if path.join(RECIPE).exists() {
            let requirement = "a folder without a run; give another one, or --resume to go on with this one";
            return Err(Error::config("out", requirement, path.display()));
        }
        files::create_folder(path)?;
        files::write_atomic(path.join(RECIPE), recipe)?;
        let manifest = format!("{manifest:#}\n");
        files::write_atomic(path.join(MANIFEST), manifest)?;
        Self::open_for_append(path, None)
    }

    /// Goes on with the run in `path` from its checkpoint of `update`; whatever was written later goes,
    /// and so does the evaluation of that update where it `is_due` again.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or written.
    pub fn resume(path: &Path, update: u64, is_due: bool) -> Result<Self> {
        cut_after(&path.join(METRICS), |row| row <= update)?;
        cut_after(&path.join(EVALUATIONS), |row| row < update || (row == update && !is_due))?;
        let mut folder = Self::open_for_append(path, Some(update))?;
        folder.columns = header(&path.join(METRICS))?.into_iter().skip(UPDATE_COLUMNS.len()).collect();
        let further = header(&path.join(EVALUATIONS))?;
        folder.further =
            (!further.is_empty()).then(|| further.into_iter().skip(EVALUATION_COLUMNS.len()).collect());
        folder.log(&format!("resumed from update {update}"))?;
        Ok(folder)
    }

    fn open_for_append(path: &Path, update: Option<u64>) -> Result<Self> {
        let open = |name: &str| {
            let path = path.join(name);
            OpenOptions::new().create(true).append(true).open(&path).map_err(Error::io("write", path))
        };
        Ok(Self {
            path: path.to_owned(),
            metrics: open(METRICS)?,
            columns: Vec::new(),
            evaluations: open(EVALUATIONS)?,
            further: None,
            events: EventFile::open(path, update)?,
            log: open(LOG)?,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one row to `metrics.csv`.
    pub fn update(&mut self, report: &UpdateReport) -> Result<()> {
        if self.columns.is_empty() {
            self.columns = report.metrics.iter().map(|metric| metric.name.clone()).collect();
            let fixed = UPDATE_COLUMNS.map(str::to_owned);
            append(&mut self.metrics, &self.path, fixed.iter().chain(&self.columns))?;
        }
        let fixed = [
            report.update.to_string(),
            report.n_stimuli.to_string(),
            report.learning_rate.to_string(),
            report.gradient_norm.to_string(),
        ];
        let metrics = in_columns(&self.columns, &report.metrics);
        append(&mut self.metrics, &self.path, fixed.iter().chain(&metrics))?;
        self.events.update(report)
    }

    /// Appends one row per phase and pass to `evaluations.csv`, with Wilson 95 % intervals.
    pub fn evaluation(&mut self, evaluation: &Evaluation) -> Result<()> {
        let further = match &self.further {
            Some(further) => further.clone(),
            None => {
                let further: Vec<String> =
                    evaluation.metrics.iter().map(|metric| metric.name.clone()).collect();
                let fixed = EVALUATION_COLUMNS.map(str::to_owned);
                append(&mut self.evaluations, &self.path, fixed.iter().chain(&further))?;
                self.further.insert(further).clone()
            }
        };
        let metrics = in_columns(&further, &evaluation.metrics);
        self.events.evaluation(evaluation)?;
        for (phase, passes) in evaluation.accuracy.iter().enumerate() {
            for (pass, accuracy) in passes.iter().enumerate() {
                let n = evaluation.n_stimuli as u64;
                let interval = wilson((accuracy * n as f64).round() as u64, n);
                let row = [
                    evaluation.update.to_string(),
                    evaluation.split.clone(),
                    phase.to_string(),
                    pass.to_string(),
                    n.to_string(),
                    accuracy.to_string(),
                    interval.low.to_string(),
                    interval.high.to_string(),
                    evaluation.score.to_string(),
                    evaluation.is_best.to_string(),
                ];
                append(&mut self.evaluations, &self.path, row.iter().chain(&metrics))?;
            }
        }
        Ok(())
    }

    /// Appends a line to `log.txt`.
    pub fn log(&mut self, message: &str) -> Result<()> {
        writeln!(self.log, "{message}").map_err(Error::io("write", self.path.join(LOG)))
    }
}

impl RunHistory {
    /// Reads what a run folder holds, finished or not.
    ///
    /// # Errors
    /// [`Error::File`] naming the first row that is not readable.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut history = Self::default();
        let path = folder.join(METRICS);
        let names = header(&path)?;
        for (row, record) in records(&path)?.into_iter().enumerate() {
            let number = |column: usize| parse::<f64>(&path, row, &record, column);
            history.updates.push(UpdateReport {
                update: parse(&path, row, &record, 0)?,
                n_stimuli: parse(&path, row, &record, 1)?,
                learning_rate: number(2)?,
                gradient_norm: number(3)?,
                metrics: further(&path, row, &record, &names, UPDATE_COLUMNS.len())?,
            });
        }
        let path = folder.join(EVALUATIONS);
        let names = header(&path)?;
        for (row, record) in records(&path)?.into_iter().enumerate() {
            let update: u64 = parse(&path, row, &record, 0)?;
            let is_new = !history
                .evaluations
                .last()
                .is_some_and(|last: &Evaluation| last.update == update && last.split == record[1]);
            if is_new {
                history.evaluations.push(Evaluation {
                    update,
                    split: record[1].to_owned(),
                    n_stimuli: parse(&path, row, &record, 4)?,
                    accuracy: Vec::new(),
                    score: parse(&path, row, &record, 8)?,
                    is_best: parse(&path, row, &record, 9)?,
                    metrics: further(&path, row, &record, &names, EVALUATION_COLUMNS.len())?,
                });
            }
            let phase: usize = parse(&path, row, &record, 2)?;
            let accuracy = parse(&path, row, &record, 5)?;
            if let Some(evaluation) = history.evaluations.last_mut() {
                if evaluation.accuracy.len() <= phase {
                    evaluation.accuracy.push(Vec::new());
                }
                if let Some(passes) = evaluation.accuracy.last_mut() {
                    passes.push(accuracy);
                }
            }
        }
        Ok(history)
    }
}

/// Values of metrics under the names of columns; empty where there is none.
fn in_columns(columns: &[String], metrics: &[Metric]) -> Vec<String> {
    let value = |name: &String| {
        let metric = metrics.iter().find(|metric| metric.name == *name);
        metric.map_or_else(String::new, |metric| metric.value.to_string())
    };
    columns.iter().map(value).collect()
}

/// Metrics in the columns of a row from `first` on; empty ones are left out.
fn further(
    path: &Path,
    row: usize,
    record: &csv::StringRecord,
    names: &[String],
    first: usize,
) -> Result<Vec<Metric>> {
    let filled = names.iter().enumerate().skip(first);
    let filled = filled.filter(|(column, _)| record.get(*column).is_some_and(|text| !text.is_empty()));
    filled
        .map(|(column, name)| Ok(Metric { name: name.clone(), value: parse(path, row, record, column)? }))
        .collect()
}

fn append<S: AsRef<[u8]>>(file: &mut File, folder: &Path, row: impl IntoIterator<Item = S>) -> Result<()> {
    let io = |err: std::io::Error| Error::Io { action: "write", path: folder.to_owned(), source: err };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(row).map_err(|err| io(err.into()))?;
    let line = writer.into_inner().map_err(|err| io(err.into_error()))?;
    // One write per row, so that a reader never sees half of one.
    file.write_all(&line).map_err(io)
}

/// Column names; empty if the file is.
fn header(path: &Path) -> Result<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).map_err(|err| unreadable(path, &err))?;
    let names = reader.headers().map_err(|err| unreadable(path, &err))?;
    Ok(names.iter().map(str::to_owned).collect())
}

fn records(path: &Path) -> Result<Vec<csv::StringRecord>> {
    let mut reader = csv::Reader::from_path(path).map_err(|err| unreadable(path, &err))?;
    reader.records().collect::<std::result::Result<_, _>>().map_err(|err| unreadable(path, &err))
}

fn unreadable(path: &Path, err: &csv::Error) -> Error {
    Error::file(
        path,
        "a table written by a training run",
        err.to_string(),
        "the run's other files may still open",
    )
}

fn parse<T: std::str::FromStr>(
    path: &Path,
    row: usize,
    record: &csv::StringRecord,
    column: usize,
) -> Result<T> {
    let text = record.get(column).unwrap_or_default();
    text.parse().map_err(|_not_a_number| {
        let found = format!("{text:?} in row {row}, column {column} (counted from 0)");
        Error::file(path, "a number", found, "restore the row from a copy, or delete it")
    })
}

/// Keeps the header and the rows whose first column is an update that `is_kept`. A run that was stopped
/// before its first row has no file yet.
fn cut_after(path: &Path, is_kept: impl Fn(u64) -> bool) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let file = File::open(path).map_err(Error::io("read", path))?;
    let mut kept = String::new();
    for (i, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(Error::io("read", path))?;
        let number = line.split(',').next().and_then(|first| first.parse::<u64>().ok());
        if i == 0 || number.is_some_and(&is_kept) {
            kept.push_str(&line);
            kept.push('\n');
        }
    }
    files::write_atomic(path, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(update: u64) -> UpdateReport {
        let metrics = vec![
            Metric { name: "loss/phase0".to_owned(), value: 0.1 + update as f64 },
            Metric { name: "acc, both".to_owned(), value: f64::NAN },
        ];
        UpdateReport { update, metrics, learning_rate: 1e-3, gradient_norm: 2.5, n_stimuli: 64 }
    }

    fn evaluation(update: u64) -> Evaluation {
        Evaluation {
            update,
            split: "validation".to_owned(),
            n_stimuli: 100,
            accuracy: vec![vec![0.25, 0.5], vec![0.75, 1.0]],
            score: 0.75,
            is_best: true,
            metrics: vec![Metric { name: "loss".to_owned(), value: 0.5 }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut run = RunFolder::create(&path, "seed = 1\n", &serde_json::json!({"version": "x"})).unwrap();
        for update in 1..=3 {
            run.update(&report(update)).unwrap();
        }
        run.evaluation(&evaluation(2)).unwrap();
        let history = RunHistory::read(&path).unwrap();
        assert_eq!(history.updates.len(), 3);
        assert_eq!(history.updates[2].metrics[0], report(3).metrics[0]);
        assert!(history.updates[2].metrics[1].value.is_nan());
        assert_eq!(history.evaluations, [evaluation(2)]);
        assert!(RunFolder::create(&path, "", &serde_json::Value::Null).is_err());
    }

    #[test]
    fn a_resumed_run_forgets_what_came_after_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut run = RunFolder::create(&path, "", &serde_json::Value::Null).unwrap();
        for update in 1..=5 {
            run.update(&report(update)).unwrap();
        }
        run.evaluation(&evaluation(5)).unwrap();
        drop(run);
        let mut run = RunFolder::resume(&path, 3, false).unwrap();
        run.update(&report(4)).unwrap();
        let history = RunHistory::read(&path).unwrap();
        let updates: Vec<u64> = history.updates.iter().map(|report| report.update).collect();
        assert_eq!(updates, [1, 2, 3, 4]);
        assert!(history.evaluations.is_empty());
        run.evaluation(&evaluation(4)).unwrap();
        assert_eq!(RunHistory::read(&path).unwrap().evaluations, [evaluation(4)]);
        drop(run);
        RunFolder::resume(&path, 4, false).unwrap();
        assert_eq!(RunHistory::read(&path).unwrap().evaluations.len(), 1);
        RunFolder::resume(&path, 4, true).unwrap();
        assert!(RunHistory::read(&path).unwrap().evaluations.is_empty());
    }
}
