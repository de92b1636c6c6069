//! Writing to stdout and stderr.

use std::io::{self, Write as _};
use std::path::Path;

use gainfield::{Error, Result};
use serde::Serialize;

/// One line on stdout. A reader that has gone away (`| head`) ends the program quietly.
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(Error::io("write", Path::new("stdout"))),
    }
}

/// A result as one JSON document.
pub fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string_pretty(value).map_err(unwritable)?)
}

/// A result as one line of JSON.
pub fn json_line(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string(value).map_err(unwritable)?)
}

fn unwritable(err: serde_json::Error) -> Error {
    Error::Unsupported(format!("the result cannot be written as JSON: {err}"))
}

/// What went wrong, on stderr, in one line.
pub fn error(err: &Error) {
    let text = err.to_string();
    let text: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    remark(format_args!("gainfield: {}", text.join(" ")));
}

/// A remark on stderr.
pub fn remark(text: impl std::fmt::Display) {
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
