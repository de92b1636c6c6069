//! What the tables of a run folder say, read whole or followed while they grow.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::run_folder::{EVALUATION_COLUMNS, EVALUATIONS, METRICS, UPDATE_COLUMNS};
use super::{Evaluation, Metric, UpdateReport};
use crate::error::{Error, Result};

/// Updates and evaluations of a run, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunHistory {
    pub updates: Vec<UpdateReport>,
    pub evaluations: Vec<Evaluation>,
}

/// What a run has written since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Growth {
    /// What was read before no longer holds: the run went back to a checkpoint.
    pub starts_over: bool,
    pub rows: RunHistory,
}

impl Growth {
    pub fn is_empty(&self) -> bool {
        !self.starts_over && self.rows.updates.is_empty() && self.rows.evaluations.is_empty()
    }
}

impl RunHistory {
    /// Reads what a run folder holds, finished or not. A row that is still being written is left out.
    ///
    /// # Errors
    /// [`Error::File`] naming the first row that is not readable.
    pub fn read(folder: &Path) -> Result<Self> {
        Ok(Follower::new(folder).poll()?.rows)
    }

    /// Takes in what came after.
    pub fn grow(&mut self, growth: Growth) {
        if growth.starts_over {
            *self = Self::default();
        }
        self.updates.extend(growth.rows.updates);
        self.evaluations.extend(growth.rows.evaluations);
    }
}

/// Reads a run folder again and again; every look costs what was written since the last.
#[derive(Clone, Debug)]
pub struct Follower {
    metrics: Tail,
    evaluations: Tail,
}

impl Follower {
    /// Of the run in `folder`, from its beginning.
    pub fn new(folder: &Path) -> Self {
        Self { metrics: Tail::new(folder.join(METRICS)), evaluations: Tail::new(folder.join(EVALUATIONS)) }
    }

    /// The rows since the last look; all of them where the run has gone back to a checkpoint.
    ///
    /// # Errors
    /// As [`RunHistory::read`].
    pub fn poll(&mut self) -> Result<Growth> {
        let starts_over = self.metrics.is_replaced()? | self.evaluations.is_replaced()?;
        if starts_over {
            self.metrics.rewind();
            self.evaluations.rewind();
        }
        let mut rows = RunHistory::default();
        for row in self.metrics.rows()? {
            rows.updates.push(row.update()?);
        }
        for row in self.evaluations.rows()? {
            row.evaluation(&mut rows.evaluations)?;
        }
        Ok(Growth { starts_over, rows })
    }
}

/// The end of a table that another process may be writing.
#[derive(Clone, Debug)]
struct Tail {
    path: PathBuf,
    /// Bytes read, up to the end of a row.
    read: u64,
    /// The last row read, to see whether it is still there.
    last: Vec<u8>,
    names: Vec<String>,
    n_rows: usize,
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        Self { path, read: 0, last: Vec::new(), names: Vec::new(), n_rows: 0 }
    }

    fn rewind(&mut self) {
        *self = Self::new(std::mem::take(&mut self.path));
    }

    /// Has what was read gone from the file?
    fn is_replaced(&self) -> Result<bool> {
        if self.read == 0 {
            return Ok(false);
        }
        let from = self.read - self.last.len() as u64;
        let found = self.bytes(from, Some(self.last.len()))?;
        Ok(found != self.last)
    }

    /// The bytes from `from` on, at most `n` of them; none where there is no file.
    fn bytes(&self, from: u64, n: Option<usize>) -> Result<Vec<u8>> {
        let mut found = Vec::new();
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(err) => return Err(Error::io("open", &self.path)(err)),
        };
        let limit = n.map_or(u64::MAX, |n| n as u64);
        let read = file.seek(SeekFrom::Start(from)).and_then(|_| file.take(limit).read_to_end(&mut found));
        read.map_err(Error::io("read", &self.path))?;
        Ok(found)
    }

    /// Whole rows that were not read before.
    fn rows(&mut self) -> Result<Vec<Row<'_>>> {
        let mut bytes = self.bytes(self.read, None)?;
        // The rest is a row that is still being written.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole);
        if whole == 0 {
            return Ok(Vec::new());
        }
        let begin = bytes[..whole - 1].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        self.last = bytes[begin..].to_vec();
        self.read += whole as u64;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&bytes[..]);
        let mut records = Vec::new();
        for record in reader.records() {
            records.push(record.map_err(|err| unreadable(&self.path, &err))?);
        }
        if self.names.is_empty() && !records.is_empty() {
            self.names = records.remove(0).iter().map(str::to_owned).collect();
        }
        let first = self.n_rows;
        self.n_rows += records.len();
        let (path, names) = (&self.path, &self.names);
        let rows = records.into_iter().enumerate();
        rows.map(|(i, record)| Row::new(path, names, first + i, record)).collect()
    }
}

/// A row with what it takes to say where it is wrong.
struct Row<'t> {
    path: &'t Path,
    names: &'t [String],
    number: usize,
    record: csv::StringRecord,
}

impl<'t> Row<'t> {
    fn new(path: &'t Path, names: &'t [String], number: usize, record: csv::StringRecord) -> Result<Self> {
        if record.len() == names.len() {
            return Ok(Self { path, names, number, record });
        }
        let found = format!("{} in row {number}", record.len());
        Err(Error::file(path, format!("{} columns", names.len()), found, MEND))
    }

    fn parse<T: std::str::FromStr>(&self, column: usize) -> Result<T> {
        let text = self.record.get(column).unwrap_or_default();
        text.parse().map_err(|_not_a_number| {
            let found = format!("{text:?} in row {}, column {column} (counted from 0)", self.number);
            Error::file(self.path, "a number", found, MEND)
        })
    }

    /// Metrics in the columns from `first` on; empty ones are left out.
    fn metrics(&self, first: usize) -> Result<Vec<Metric>> {
        let filled = self.names.iter().enumerate().skip(first);
        let filled =
            filled.filter(|(column, _)| self.record.get(*column).is_some_and(|text| !text.is_empty()));
        let metric =
            |(column, name): (usize, &String)| Ok(Metric { name: name.clone(), value: self.parse(column)? });
        filled.map(metric).collect()
    }

    fn update(&self) -> Result<UpdateReport> {
        Ok(UpdateReport {
            update: self.parse(0)?,
            n_stimuli: self.parse(1)?,
            learning_rate: self.parse(2)?,
            gradient_norm: self.parse(3)?,
            metrics: self.metrics(UPDATE_COLUMNS.len())?,
        })
    }

    /// Adds a pass to the evaluation it belongs to, or a new evaluation; they are written in one go.
    fn evaluation(&self, evaluations: &mut Vec<Evaluation>) -> Result<()> {
        let update: u64 = self.parse(0)?;
        let split = self.record.get(1).unwrap_or_default();
        let is_new = evaluations.last().is_none_or(|last| last.update != update || last.split != split);
        if is_new {
            evaluations.push(Evaluation {
                update,
                split: split.to_owned(),
                n_stimuli: self.parse(4)?,
                accuracy: Vec::new(),
                score: self.parse(8)?,
                is_best: self.parse(9)?,
                metrics: self.metrics(EVALUATION_COLUMNS.len())?,
            });
        }
        let phase: usize = self.parse(2)?;
        let accuracy = self.parse(5)?;
        if let Some(evaluation) = evaluations.last_mut() {
            if evaluation.accuracy.len() <= phase {
                evaluation.accuracy.push(Vec::new());
            }
            if let Some(passes) = evaluation.accuracy.last_mut() {
                passes.push(accuracy);
            }
        }
        Ok(())
    }
}

const MEND: &str = "restore the row from a copy, or delete it";

fn unreadable(path: &Path, err: &csv::Error) -> Error {
    let hint = "the run's other files may still open";
    Error::file(path, "a table written by a training run", err.to_string(), hint)
}

/// Column names of a table; empty if there is none yet.
pub(super) fn header(path: &Path) -> Result<Vec<String>> {
    let mut tail = Tail::new(path.to_owned());
    tail.rows()?;
    Ok(tail.names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::RunFolder;

    fn report(update: u64) -> UpdateReport {
        let metrics = vec![Metric { name: "loss".to_owned(), value: 1.0 / update as f64 }];
        UpdateReport { update, metrics, learning_rate: 1e-3, gradient_norm: 2.5, n_stimuli: 64 }
    }

    fn evaluation(update: u64) -> Evaluation {
        Evaluation {
            update,
            split: "validation".to_owned(),
            n_stimuli: 100,
            accuracy: vec![vec![0.25, 0.5]],
            score: 0.5,
            is_best: false,
            metrics: Vec::new(),
        }
    }

    fn updates(growth: &Growth) -> Vec<u64> {
        growth.rows.updates.iter().map(|report| report.update).collect()
    }

    #[test]
    fn a_growing_run_is_followed_row_by_row_and_through_a_resume() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut follower = Follower::new(&path);
        assert!(follower.poll().unwrap().is_empty());
        let mut run = RunFolder::create(&path, "", &serde_json::Value::Null).unwrap();
        assert!(follower.poll().unwrap().is_empty());
        (1..=3).for_each(|update| run.update(&report(update)).unwrap());
        assert_eq!(updates(&follower.poll().unwrap()), [1, 2, 3]);
        (4..=6).for_each(|update| run.update(&report(update)).unwrap());
        run.evaluation(&evaluation(6)).unwrap();
        let growth = follower.poll().unwrap();
        assert_eq!((updates(&growth), growth.rows.evaluations), (vec![4, 5, 6], vec![evaluation(6)]));
        assert!(follower.poll().unwrap().is_empty());
        drop(run);

        // Back to the checkpoint of update 4, and further than before by the next look.
        let mut run = RunFolder::resume(&path, 4, false).unwrap();
        (5..=9).for_each(|update| run.update(&report(update)).unwrap());
        let growth = follower.poll().unwrap();
        assert!(growth.starts_over && growth.rows.evaluations.is_empty());
        let mut history = RunHistory { updates: vec![report(99)], evaluations: Vec::new() };
        history.grow(growth);
        assert_eq!(history, RunHistory::read(&path).unwrap());
        assert_eq!(history.updates.len(), 9);
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(&folder.path().join("run"), "", &serde_json::Value::Null).unwrap();
        run.update(&report(1)).unwrap();
        let path = run.path().join(METRICS);
        let text = std::fs::read_to_string(&path).unwrap();
        for (wrong, said) in [("2,64,x,1,1\n", "row 1"), ("2,64\n", "5 columns")] {
            std::fs::write(&path, format!("{text}{wrong}")).unwrap();
            let message = RunHistory::read(run.path()).unwrap_err().to_string();
            assert!(message.contains("metrics.csv") && message.contains(said), "{message}");
        }
    }
}
