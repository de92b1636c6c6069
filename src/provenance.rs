//! Where a result comes from: written beside every export.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;

/// The data behind a set of stimuli, as provenance records it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataIdentity {
    /// What it is, for people: `mnist, test`, `procedural digits, seed 0, train`.
    pub name: String,
    /// Made by this program from a seed, without data files.
    pub procedural: bool,
    /// The files that were read, in reading order.
    pub files: Vec<DataFile>,
    /// Files that were left out because they are missing or broken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedFile>,
}

/// One file that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// With its folder.
    pub name: String,
    /// One sentence that names the file.
    pub reason: String,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// File name without its folder.
    pub name: String,
    /// SHA-256 of the bytes on disk, hexadecimal.
    pub sha256: String,
}

impl DataIdentity {
    /// Data made from a seed or from parameters alone.
    pub fn procedural(name: impl Into<String>) -> Self {
        Self { name: name.into(), procedural: true, ..Self::default() }
    }
}

impl DataFile {
    /// Identity of a file that holds `bytes`.
    pub fn new(path: &Path, bytes: &[u8]) -> Self {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self { name, sha256: files::sha256_bytes(bytes) }
    }
}

/// Everything that a result follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Of Gainfield.
    pub version: String,
    /// A command that makes the result again.
    pub command: String,
    pub config: serde_json::Value,
    pub seed: Option<u64>,
    /// The file that the weights are from.
    pub checkpoint: Option<DataFile>,
    /// What the stimuli were made of.
    pub data: Vec<DataIdentity>,
    /// `cpu`, `cuda:0` or `metal:0`.
    pub device: String,
    pub threads: usize,
    /// Precision and kernels, where they matter to the last digits.
    pub numerics: String,
    /// UTC, RFC 3339.
    pub created: String,
    pub notes: Vec<String>,
}

impl Provenance {
    /// Of something made now by `command`; the other fields are public and start empty.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.into(),
            config: serde_json::Value::Null,
            seed: None,
            checkpoint: None,
            data: Vec::new(),
            device: "cpu".to_owned(),
            threads: rayon::current_num_threads(),
            numerics: "f32".to_owned(),
            created: rfc3339(SystemTime::now()),
            notes: Vec::new(),
        }
    }

    /// Writes this beside an export: `figure.svg` and `figure.csv` share `figure.provenance.json`.
    pub fn write_beside(&self, export: impl AsRef<Path>) -> Result<PathBuf> {
        let path = files::beside(export, ".provenance.json");
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|err| Error::Unsupported(format!("the provenance cannot be written as JSON: {err}")))?;
        json.push(b'\n');
        files::write_atomic(&path, json)?;
        Ok(path)
    }
}

/// `2026-03-01T12:00:00Z`
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date of the Gregorian calendar, counted from 1 March of the year 0, when leap days come last.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `text` as one word of a POSIX shell.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(at(1_798_761_599), "2026-12-31T23:59:59Z");
    }

    #[test]
    fn it_is_written_beside_the_export_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut provenance = Provenance::new("gainfield run net.safetensors --seed 1");
        provenance.seed = Some(1);
        provenance.checkpoint =
            Some(DataFile { name: "net.safetensors".to_owned(), sha256: files::sha256_bytes(b"") });
        provenance.data = vec![DataIdentity::procedural("bars")];
        let path = provenance.write_beside(folder.path().join("figure.svg")).unwrap();
        assert!(path.ends_with("figure.provenance.json"));
        let text = files::read_text(&path, 10_000).unwrap();
        assert_eq!(serde_json::from_str::<Provenance>(&text).unwrap(), provenance);
    }
}
