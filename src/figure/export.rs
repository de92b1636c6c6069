//! Writes a figure: the one export path of the window and the command line.

use std::path::{Path, PathBuf};

use super::{Figure, csv, png, svg};
use crate::files;
use crate::provenance::Provenance;
use crate::{Error, Result};

/// A kind of file that a figure is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    Svg,
    Png,
    Csv,
}

impl Format {
    /// All formats, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Svg, Self::Png, Self::Csv];

    pub const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Csv => "csv",
        }
    }

    /// The format of that extension, in upper or lower case.
    ///
    /// # Errors
    /// [`Error::Unknown`] for any other.
    pub fn from_extension(extension: &str) -> Result<Self> {
        let known = |format: &Self| format.extension().eq_ignore_ascii_case(extension);
        let names = || Self::ALL.map(Self::extension);
        Self::ALL.into_iter().find(known).ok_or_else(|| Error::unknown("figure format", extension, names()))
    }
}

/// Writes `<stem>.svg`, `.png` (at `dpi`) and `.csv` as asked for, and `<stem>.provenance.json`, which
/// carries the caption as its first note; returns their paths in that order.
///
/// Everything is drawn before the first file is touched, and every file is replaced whole.
///
/// # Errors
/// [`Error::Config`] for no format, a stem that is not a file name, or an impossible resolution;
/// [`Error::Io`] if a file cannot be written.
pub fn export(
    figure: &Figure,
    folder: &Path,
    stem: &str,
    formats: &[Format],
    dpi: u32,
    provenance: &Provenance,
) -> Result<Vec<PathBuf>> {
    checked_stem(stem)?;
    if formats.is_empty() {
        return Err(Error::config("formats of the figure", "at least one of svg, png, csv", "none"));
    }
    let drawing = svg(figure);
    let mut contents = Vec::new();
    for format in Format::ALL.into_iter().filter(|format| formats.contains(format)) {
        let bytes = match format {
            Format::Svg => drawing.clone().into_bytes(),
            Format::Png => png::rasterise(&drawing, dpi)?,
            Format::Csv => csv(figure)?,
        };
        contents.push((folder.join(format!("{stem}.{}", format.extension())), bytes));
    }
    let mut provenance = provenance.clone();
    if !figure.caption.is_empty() {
        provenance.notes.insert(0, figure.caption.clone());
    }
    let mut written = Vec::new();
    for (path, bytes) in contents {
        files::write_atomic(&path, bytes)?;
        written.push(path);
    }
    // Any extension: the stem itself may hold a dot.
    written.push(provenance.write_beside(folder.join(format!("{stem}.svg")))?);
    Ok(written)
}

/// Is this the name of a file without its ending?
///
/// # Errors
/// [`Error::Config`] where it names a folder or nothing.
pub fn checked_stem(stem: &str) -> Result<()> {
    let is_name =
        Path::new(stem).file_name().is_some_and(|name| name == stem) && !stem.contains(['/', '\\', '\0']);
    if is_name {
        return Ok(());
    }
    Err(Error::config("name of the figure", "a file name without folders", format!("{stem:?}")))
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Line, Panel, Plot, Role, Series, Width};
    use super::*;

    fn figure() -> Figure {
        let line = Line::new(Series::new("attended", Role::Attended), vec![[0.0, 0.0], [1.0, 1.0]]).unwrap();
        let plot = Plot::new(Axis::new("x"), Axis::new("y")).with(line);
        Figure::single(Width::OneColumn, Panel::new("line", plot))
            .unwrap()
            .caption("Mean ± s.e.m., n = 48 bars.")
    }

    #[test]
    fn files_lie_side_by_side_with_their_provenance() {
        let folder = tempfile::tempdir().unwrap();
        let provenance = Provenance::new("gainfield probe net.pth");
        let written = export(&figure(), folder.path(), "tuning.v2", &Format::ALL, 72, &provenance).unwrap();
        let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["tuning.v2.svg", "tuning.v2.png", "tuning.v2.csv", "tuning.v2.provenance.json"]);
        assert!(std::fs::read_to_string(&written[0]).unwrap().contains(">attended</text>"));
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&written[3]).unwrap()).unwrap();
        assert_eq!(json["notes"][0], "Mean ± s.e.m., n = 48 bars.");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn nothing_is_written_when_something_cannot_be_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let provenance = Provenance::new("test");
        let to = |stem: &str, formats: &[Format], dpi| {
            export(&figure(), folder.path(), stem, formats, dpi, &provenance)
        };
        assert!(to("a", &Format::ALL, 0).is_err());
        assert!(to("a", &[], 300).is_err());
        for stem in ["", ".", "..", "a/b", "../a", "/a", "a\\b"] {
            assert!(to(stem, &Format::ALL, 72).is_err(), "{stem:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn formats_are_known_by_extension() {
        assert_eq!(Format::from_extension("PNG").unwrap(), Format::Png);
        assert!(Format::from_extension("pdf").unwrap_err().to_string().contains("svg, png, csv"));
    }
}
