//! The library's one error type: variants by what the reader can do about them.

use std::path::{Path, PathBuf};

/// Result of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. Every message is one sentence: what, where, expected, found, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor or array of another shape than the operation takes.
    #[error("{what}: expected shape {expected}, found {found:?}")]
    Shape { what: String, expected: String, found: Vec<usize> },

    /// A name that is not in the list of valid ones (area, task, probe, key …).
    #[error("no {kind} {name:?}; known: {}{}", .known.join(", "), nearest(.name, .known))]
    Unknown { kind: &'static str, name: String, known: Vec<String> },

    /// A configuration value, flag or recipe key out of its range.
    #[error("{field} must be {requirement}, found {value}")]
    Config { field: String, requirement: String, value: String },

    /// A file whose content is not what was expected.
    #[error("{}: expected {expected}, found {found}; {hint}", .path.display())]
    File { path: PathBuf, expected: String, found: String, hint: String },

    /// Weights and configuration do not belong together.
    #[error("{}: {message}", .path.display())]
    Weights { path: PathBuf, message: String },

    /// Activity or loss became NaN or infinite.
    #[error(
        "{what} became non-finite at timestep {t}; lower the gain or the learning rate, or look at the timestep before"
    )]
    Diverged { what: String, t: usize },

    /// Gradients or weights became NaN or infinite.
    #[error("{what} became non-finite; lower the learning rate or clip gradients")]
    NotFinite { what: String },

    /// A training run that could not go on, and how it does.
    #[error("{cause}; {remedy}")]
    Stopped { cause: Box<Error>, remedy: String },

    /// A run or recording that does not fit its memory budget.
    #[error("{what} needs {needed_mib} MiB of a budget of {budget_mib} MiB; {hint}")]
    Budget { what: String, needed_mib: u64, budget_mib: u64, hint: String },

    /// The work was stopped on request.
    #[error("stopped on request")]
    Cancelled,

    /// Something asked for is not offered by this model or device.
    #[error("{0}")]
    Unsupported(String),

    /// Reading or writing failed.
    #[error("cannot {action} {}: {source}{}", .path.display(), remedy(.source))]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },

    /// An error of the tensor library.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    pub fn shape(what: impl Into<String>, expected: impl std::fmt::Debug, found: &[usize]) -> Self {
        Self::Shape { what: what.into(), expected: format!("{expected:?}"), found: found.to_vec() }
    }

    pub fn config(
        field: impl Into<String>,
        requirement: impl Into<String>,
        value: impl std::fmt::Display,
    ) -> Self {
        Self::Config { field: field.into(), requirement: requirement.into(), value: value.to_string() }
    }

    pub fn file(
        path: impl AsRef<Path>,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::File {
            path: path.as_ref().to_owned(),
            expected: expected.into(),
            found: one_line(&found.into()),
            hint: hint.into(),
        }
    }

    /// For `map_err`: names the file an I/O error happened on.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub fn unknown(
        kind: &'static str,
        name: impl Into<String>,
        known: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self::Unknown { kind, name: name.into(), known: known.into_iter().map(Into::into).collect() }
    }
}

/// What to do about a file or a disk, where that is plain.
fn remedy(err: &std::io::Error) -> &'static str {
    use std::io::ErrorKind as Kind;
    match err.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => "; make room on that disk",
        Kind::FileTooLarge => "; raise the limit on the size of files",
        Kind::ReadOnlyFilesystem | Kind::PermissionDenied => {
            "; name another place or change what is permitted there"
        }
        Kind::NotFound => "; put it back or name the place where it is",
        _ => "",
    }
}

/// Messages of other crates may have line breaks; ours are one sentence.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// "; did you mean …?" for the known name within two thirds of an edit per letter, else nothing.
fn nearest(name: &str, known: &[String]) -> String {
    let best = known.iter().map(|candidate| (edit_distance(name, candidate), candidate)).min();
    match best {
        Some((distance, candidate)) if distance > 0 && distance * 3 <= name.chars().count().max(3) * 2 => {
            format!("; did you mean {candidate:?}?")
        }
        _ => String::new(),
    }
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let err = Error::unknown("key", "strenght", ["noise", "strength"]);
        assert_eq!(err.to_string(), r#"no key "strenght"; known: noise, strength; did you mean "strength"?"#);
        let far = Error::unknown("key", "zzz", ["noise"]);
        assert!(!far.to_string().contains("did you mean"));
    }

    #[test]
    fn a_file_error_is_one_line() {
        let err = Error::file("a.png", "a picture", "an error:\n  43 bytes\n", "convert it");
        assert_eq!(err.to_string(), "a.png: expected a picture, found an error: 43 bytes; convert it");
    }

    #[test]
    fn edit_distance_counts_edits() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "ab"), 2);
    }
}
