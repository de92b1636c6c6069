//! The folder of a training run: recipe, manifest, metrics, evaluations, log, checkpoints.
//!
//! Everything in it is plain text but the weights, appended line by line, so that a killed run
//! leaves a folder that opens. A resumed run first cuts off what came after its checkpoint.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::history::header;
use super::tensorboard::EventFile;
use super::{Evaluation, Metric, StopReason, UpdateReport};
use crate::analysis::statistics::wilson;
use crate::error::{Error, Result};
use crate::files;

/// Resolved settings, as `gainfield train` reads them.
pub const RECIPE: &str = "recipe.toml";
/// Version, command, device, data hashes.
pub const MANIFEST: &str = "manifest.json";
pub(super) const METRICS: &str = "metrics.csv";
pub(super) const EVALUATIONS: &str = "evaluations.csv";
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
pub(super) const UPDATE_COLUMNS: [&str; 4] = ["update", "n_stimuli", "learning_rate", "gradient_norm"];
/// Columns of `evaluations.csv` before those of the metrics.
pub(super) const EVALUATION_COLUMNS: [&str; 10] =
    ["update", "split", "phase", "pass", "n", "accuracy", "low", "high", "score", "is_best"];

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
        let log = claimed_log(path)?;
        let manifest = format!("{manifest:#}\n");
        files::write_atomic(path.join(MANIFEST), manifest)?;
        // Last, because a folder with a recipe is a run that goes on.
        files::write_atomic(path.join(RECIPE), recipe)?;
        Self::open_for_append(path, log, None)
    }

    /// Goes on with the run in `path` from its checkpoint of `update`; whatever was written later goes,
    /// and so does the evaluation of that update where it `is_due` again.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or written.
    pub fn resume(path: &Path, update: u64, is_due: bool) -> Result<Self> {
        let log = claimed_log(path)?;
        files::remove_partial(path)?;
        for checkpoint in std::fs::read_dir(path.join("checkpoints")).into_iter().flatten().flatten() {
            if checkpoint.path().is_dir() {
                files::remove_partial(checkpoint.path())?;
            }
        }
        cut_after(&path.join(METRICS), |row| row <= update)?;
        cut_after(&path.join(EVALUATIONS), |row| row < update || (row == update && !is_due))?;
        let mut folder = Self::open_for_append(path, log, Some((update, is_due)))?;
        folder.columns = header(&path.join(METRICS))?.into_iter().skip(UPDATE_COLUMNS.len()).collect();
        let further = header(&path.join(EVALUATIONS))?;
        folder.further =
            (!further.is_empty()).then(|| further.into_iter().skip(EVALUATION_COLUMNS.len()).collect());
        folder.log(&format!("resumed from update {update}"))?;
        Ok(folder)
    }

    fn open_for_append(path: &Path, log: File, resumed: Option<(u64, bool)>) -> Result<Self> {
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
            events: EventFile::open(path, resumed)?,
            log,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one row to `metrics.csv`.
    pub fn update(&mut self, report: &UpdateReport) -> Result<()> {
        let mut rows: Vec<Vec<String>> = Vec::new();
        if self.columns.is_empty() {
            self.columns = report.metrics.iter().map(|metric| metric.name.clone()).collect();
            let fixed = UPDATE_COLUMNS.map(str::to_owned);
            rows.push(fixed.into_iter().chain(self.columns.iter().cloned()).collect());
        }
        let fixed = [
            report.update.to_string(),
            report.n_stimuli.to_string(),
            report.learning_rate.to_string(),
            report.gradient_norm.to_string(),
        ];
        let metrics = in_columns(&self.columns, &report.metrics);
        rows.push(fixed.into_iter().chain(metrics).collect());
        append(&mut self.metrics, &self.path.join(METRICS), rows)?;
        self.events.update(report)
    }

    /// Appends one row per phase and pass to `evaluations.csv`, with Wilson 95 % intervals.
    pub fn evaluation(&mut self, evaluation: &Evaluation) -> Result<()> {
        let mut rows: Vec<Vec<String>> = Vec::new();
        let further = match &self.further {
            Some(further) => further.clone(),
            None => {
                let further: Vec<String> =
                    evaluation.metrics.iter().map(|metric| metric.name.clone()).collect();
                let fixed = EVALUATION_COLUMNS.map(str::to_owned);
                rows.push(fixed.into_iter().chain(further.iter().cloned()).collect());
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
                rows.push(row.into_iter().chain(metrics.iter().cloned()).collect());
            }
        }
        append(&mut self.evaluations, &self.path.join(EVALUATIONS), rows)
    }

    /// Appends a line to `log.txt`.
    pub fn log(&mut self, message: &str) -> Result<()> {
        writeln!(self.log, "{message}").map_err(Error::io("write", self.path.join(LOG)))
    }
}

/// How the run in a folder ended last, by the last line of its log; `None` where it does not say so.
pub fn ending(path: &Path) -> Option<StopReason> {
    let mut log = File::open(path.join(LOG)).ok()?;
    let length = log.seek(SeekFrom::End(0)).ok()?;
    log.seek(SeekFrom::Start(length.saturating_sub(1024))).ok()?;
    let mut tail = Vec::new();
    log.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    let last = tail.lines().next_back()?;
    StopReason::ALL.into_iter().find(|reason| last.ends_with(reason.words()))
}

/// Is somebody training this run, on this machine or another that shares the disk and its locks?
pub fn is_claimed(path: &Path) -> bool {
    let log = File::open(path.join(LOG));
    log.is_ok_and(|log| matches!(log.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The log of a run, locked as long as it is open: two that train the same run would spoil it.
fn claimed_log(path: &Path) -> Result<File> {
    let name = path.join(LOG);
    let opened = OpenOptions::new().create(true).append(true).open(&name);
    let log = opened.map_err(Error::io("write", &name))?;
    // Disks without locks are written to all the same.
    if matches!(log.try_lock(), Err(TryLockError::WouldBlock)) {
        let hint = "wait for the other, stop it, or name another folder";
        return Err(Error::file(path, "a run that nobody is training", "one that is being trained", hint));
    }
    Ok(log)
}

/// Values of metrics under the names of columns; empty where there is none.
fn in_columns(columns: &[String], metrics: &[Metric]) -> Vec<String> {
    let value = |name: &String| {
        let metric = metrics.iter().find(|metric| metric.name == *name);
        metric.map_or_else(String::new, |metric| metric.value.to_string())
    };
    columns.iter().map(value).collect()
}

fn append(file: &mut File, path: &Path, rows: Vec<Vec<String>>) -> Result<()> {
    let io = |err: std::io::Error| Error::Io { action: "write", path: path.to_owned(), source: err };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|err| io(err.into()))?;
    }
    let lines = writer.into_inner().map_err(|err| io(err.into_error()))?;
    // In one write, so that a reader never sees half of an update or of an evaluation.
    file.write_all(&lines).map_err(io)
}

/// Cuts a table to its header and the rows whose update `is_kept`; a row that was being written when the
/// run was killed goes. A run that was stopped before its first row has no file yet.
fn cut_after(path: &Path, is_kept: impl Fn(u64) -> bool) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let mut text = String::new();
    File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map_err(Error::io("read", path))?;
    let mut kept = String::with_capacity(text.len());
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    for (i, line) in whole.enumerate() {
        let update = line.split(',').next().and_then(|first| first.parse::<u64>().ok());
        if i == 0 || update.is_some_and(&is_kept) {
            kept.push_str(line);
        }
    }
    files::write_atomic(path, kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::RunHistory;

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

    #[test]
    fn a_row_that_was_being_written_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut run = RunFolder::create(&path, "", &serde_json::Value::Null).unwrap();
        for update in 1..=12 {
            run.update(&report(update)).unwrap();
        }
        drop(run);
        let metrics = path.join(METRICS);
        let whole = std::fs::read_to_string(&metrics).unwrap();
        // "1" of "12", which is an update that came before.
        let torn = &whole[..whole.rfind("\n12,").unwrap() + 2];
        std::fs::write(&metrics, torn).unwrap();
        assert_eq!(RunHistory::read(&path).unwrap().updates.len(), 11);
        std::fs::write(path.join(".gainfield-abc.part"), "half").unwrap();
        let mut run = RunFolder::resume(&path, 11, false).unwrap();
        assert!(!path.join(".gainfield-abc.part").exists());
        assert!(is_claimed(&path));
        let twice = RunFolder::resume(&path, 11, false).err().unwrap().to_string();
        assert!(twice.contains("nobody is training"), "{twice}");
        run.update(&report(12)).unwrap();
        assert_eq!(std::fs::read_to_string(&metrics).unwrap(), whole);
    }
}
