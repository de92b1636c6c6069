//! Lists of trials: a CSV file beside the pictures that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::DataFile;
use crate::error::{Error, Result};
use crate::files;

/// Largest list that is read.
const MAX_LIST_BYTES: u64 = 64 << 20;
/// File that is looked for in a folder.
const FILE_NAME: &str = "trials.csv";

/// Columns with a meaning of their own; every other is a condition.
const FILE: &str = "file";
const ONSET: &str = "onset";
const DURATION: &str = "duration";
const LABEL: &str = "label";
const TRIAL: &str = "trial";

/// Trials as a CSV file describes them, times in the unit that its author meant.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialList {
    pub path: PathBuf,
    pub identity: DataFile,
    /// Names of the conditions, in the order of their columns.
    pub conditions: Vec<String>,
    pub has_labels: bool,
    pub trials: Vec<ListedTrial>,
}

/// One trial of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedTrial {
    /// By onset; none begins before the one before has ended.
    pub pictures: Vec<ListedPicture>,
    /// One value per condition.
    pub conditions: Vec<String>,
}

/// One line of a list: a picture and when it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedPicture {
    pub path: PathBuf,
    /// 0 or more.
    pub onset: f64,
    /// Above 0; `None` until the next picture, or for as long as the model looks.
    pub duration: Option<f64>,
    /// A class by number or by name; empty without such a column.
    pub label: String,
    /// In the file, from 1.
    pub line: u64,
}

impl TrialList {
    /// Reads a CSV file with a header, or the `trials.csv` of a folder. `file` (from the folder of the
    /// list) is needed; `onset`, `duration`, `label` and `trial` (lines of one value are one trial) may be
    /// there; every other column is a condition.
    ///
    /// # Errors
    /// [`Error::File`] naming the line and the column that do not fit, [`Error::Io`].
    pub fn read(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let text = files::read_text(&path, MAX_LIST_BYTES)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let unreadable = |err: csv::Error| {
            let place = err.position().map_or_else(String::new, |at| format!("line {}: ", at.line()));
            let found = match err.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("{place}{len} cells under a header of {expected_len}")
                }
                _ => format!("{place}{err}"),
            };
            Error::file(&path, "a table of comma-separated values", found, "repair that line")
        };
        let header = reader.headers().map_err(unreadable)?.clone();
        let columns = Columns::of(&path, &header)?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let mut trials: Vec<ListedTrial> = Vec::new();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(unreadable)?;
            let line = Line { path: &path, columns: &columns, record: &record };
            let picture = line.picture(&folder)?;
            let conditions = line.conditions();
            let name = columns.trial.map(|at| line.cell(at).to_owned());
            match name.as_ref().and_then(|name| known.get(name)) {
                Some(&trial) => {
                    line.same_conditions(&trials[trial], &conditions)?;
                    trials[trial].pictures.push(picture);
                }
                None => {
                    known.extend(name.map(|name| (name, trials.len())));
                    trials.push(ListedTrial { pictures: vec![picture], conditions });
                }
            }
        }
        if trials.is_empty() {
            return Err(Error::file(
                &path,
                "at least one trial below the header",
                "none",
                "add a line per trial",
            ));
        }
        for trial in &mut trials {
            in_turn(&path, &mut trial.pictures)?;
        }
        Ok(Self {
            identity: DataFile::new(&path, text.as_bytes()),
            conditions: columns.conditions.iter().map(|&at| header[at].to_owned()).collect(),
            has_labels: columns.label.is_some(),
            trials,
            path,
        })
    }

    /// What is wrong with a cell of this list, for those who find out later.
    pub fn misfit(&self, line: u64, column: &str, expected: impl Into<String>, found: &str) -> Error {
        misfit(&self.path, line, column, expected, found)
    }
}

fn misfit(path: &Path, line: u64, column: &str, expected: impl Into<String>, found: &str) -> Error {
    let found = format!("{found:?} in line {line}, column {column:?}");
    Error::file(path, expected, found, "correct that cell")
}

/// Where the columns with a meaning are.
struct Columns {
    file: usize,
    onset: Option<usize>,
    duration: Option<usize>,
    label: Option<usize>,
    trial: Option<usize>,
    conditions: Vec<usize>,
}

impl Columns {
    fn of(path: &Path, header: &csv::StringRecord) -> Result<Self> {
        let names: Vec<String> = header.iter().map(str::to_lowercase).collect();
        for (at, name) in names.iter().enumerate() {
            let problem = match name.is_empty() {
                true => Some(format!("none over column {}", at + 1)),
                false => names[..at].contains(name).then(|| format!("{name:?} twice")),
            };
            if let Some(found) = problem {
                return Err(Error::file(
                    path,
                    "a header with one name per column",
                    found,
                    "name it in line 1",
                ));
            }
        }
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        let Some(file) = find(FILE) else {
            let found = format!("only {}", header.iter().collect::<Vec<_>>().join(", "));
            let hint = "name it in line 1";
            return Err(Error::file(
                path,
                format!("a column {FILE:?} with the pictures' names"),
                found,
                hint,
            ));
        };
        let own = [FILE, ONSET, DURATION, LABEL, TRIAL];
        Ok(Self {
            file,
            onset: find(ONSET),
            duration: find(DURATION),
            label: find(LABEL),
            trial: find(TRIAL),
            conditions: (0..names.len()).filter(|&at| !own.contains(&names[at].as_str())).collect(),
        })
    }
}

struct Line<'a> {
    path: &'a Path,
    columns: &'a Columns,
    record: &'a csv::StringRecord,
}

impl Line<'_> {
    fn number(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn cell(&self, at: usize) -> &str {
        self.record.get(at).unwrap_or_default()
    }

    fn wrong(&self, column: &str, expected: &str, found: &str) -> Error {
        misfit(self.path, self.number(), column, expected, found)
    }

    fn picture(&self, folder: &Path) -> Result<ListedPicture> {
        let name = self.cell(self.columns.file);
        let path = folder.join(name);
        if name.is_empty() || !path.is_file() {
            let expected = format!("a picture in {}", folder.display());
            return Err(self.wrong(FILE, &expected, name));
        }
        let time = |column: Option<usize>, name: &str, least: f64, expected: &str| {
            let Some(text) = column.map(|at| self.cell(at)).filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            let time = text.parse::<f64>().ok().filter(|time| time.is_finite() && *time >= least);
            time.map(Some).ok_or_else(|| self.wrong(name, expected, text))
        };
        let onset = time(self.columns.onset, ONSET, 0.0, "a time of 0 or more")?.unwrap_or(0.0);
        let duration =
            time(self.columns.duration, DURATION, f64::MIN_POSITIVE, "a time above 0, or nothing")?;
        let label = self.columns.label.map_or("", |at| self.cell(at)).to_owned();
        if label.is_empty() && self.columns.label.is_some() {
            return Err(self.wrong(LABEL, "the number or the name of a class", ""));
        }
        Ok(ListedPicture { path, onset, duration, label, line: self.number() })
    }

    fn conditions(&self) -> Vec<String> {
        self.columns.conditions.iter().map(|&at| self.cell(at).to_owned()).collect()
    }

    fn same_conditions(&self, trial: &ListedTrial, conditions: &[String]) -> Result<()> {
        let mut all = trial.conditions.iter().zip(conditions).zip(&self.columns.conditions);
        match all.find(|((first, here), _)| first != here) {
            None => Ok(()),
            Some(((first, here), &at)) => {
                let expected = format!("{first:?}, as in the other lines of this trial");
                Err(self.wrong(&format!("{}", at + 1), &expected, here))
            }
        }
    }
}

/// Sorts the pictures of a trial by onset.
fn in_turn(path: &Path, pictures: &mut [ListedPicture]) -> Result<()> {
    pictures.sort_by(|a, b| a.onset.total_cmp(&b.onset));
    for pair in pictures.windows(2) {
        let end = pair[0].onset + pair[0].duration.unwrap_or(0.0);
        if pair[1].onset < end || pair[1].onset == pair[0].onset {
            let expected = format!("{end} or more, after the picture of line {} of this trial", pair[0].line);
            return Err(misfit(path, pair[1].line, ONSET, expected, &pair[1].onset.to_string()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<TrialList> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.png", "b.png"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        TrialList::read(folder.path())
    }

    #[test]
    fn columns_are_found_by_name_and_the_others_are_conditions() {
        let found =
            list("contrast,File,onset,duration,side\n0.5, a.png ,10,50,left\n1.0,b.png,,,\"r, far\"\n");
        let found = found.unwrap();
        assert_eq!((found.conditions.join(" "), found.has_labels), ("contrast side".to_owned(), false));
        assert_eq!(found.trials.len(), 2);
        let first = &found.trials[0].pictures[0];
        assert_eq!((first.onset, first.duration, first.line), (10.0, Some(50.0), 2));
        assert_eq!(found.trials[1].conditions, ["1.0", "r, far"]);
        assert_eq!(found.trials[1].pictures[0].duration, None);
    }

    #[test]
    fn lines_of_one_trial_are_joined_in_the_order_of_their_onsets() {
        let text =
            "trial,file,onset,duration,label,set\n7,b.png,20,5,1,x\n9,a.png,0,5,0,y\n7,a.png,0,20,0,x\n";
        let found = list(text).unwrap();
        let onsets: Vec<f64> = found.trials[0].pictures.iter().map(|picture| picture.onset).collect();
        assert_eq!((found.trials.len(), onsets, found.has_labels), (2, vec![0.0, 20.0], true));
    }

    #[test]
    fn what_does_not_fit_is_named_by_line_and_column() {
        let message = |text: &str| list(text).unwrap_err().to_string();
        for (text, said) in [
            ("picture\na.png\n", "\"file\""),
            ("file,onset\na.png,0\nb.png,early\n", "\"early\" in line 3, column \"onset\""),
            ("file,duration\na.png,0\n", "\"0\" in line 2, column \"duration\""),
            ("file\nc.png\n", "\"c.png\" in line 2, column \"file\""),
            ("file,label\na.png,\n", "line 2, column \"label\""),
            ("file,x\na.png\n", "line 2: 1 cells under a header of 2"),
            ("file,x,X\na.png,1,2\n", "\"x\" twice"),
            ("file\n", "at least one trial"),
            ("trial,file,onset,duration\n1,a.png,0,5\n1,b.png,4,5\n", "\"4\" in line 3, column \"onset\""),
            ("trial,file,onset,set\n1,a.png,0,x\n1,b.png,4,y\n", "as in the other lines of this trial"),
        ] {
            let said_so = message(text);
            assert!(said_so.contains(said) && said_so.contains("trials.csv"), "{said_so}");
        }
    }
}
