//! Writes a graph: picture, numbers and provenance side by side.

use std::path::{Path, PathBuf};

use super::diagram::Diagram;
use super::numbers::{About, areas_csv, connections_csv, description};
use super::{svg, tikz};
use crate::dynamics::Graph;
use crate::error::{Error, Result};
use crate::figure::{checked_stem, png};
use crate::files;
use crate::provenance::Provenance;

/// A kind of file that a graph is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Svg,
    /// LaTeX.
    Tikz,
    Png,
    /// Totals, areas and connections.
    Json,
    /// A table of connections, and one of areas beside it.
    Csv,
}

impl Format {
    /// All formats, in the order in which they are written.
    pub const ALL: [Self; 5] = [Self::Svg, Self::Tikz, Self::Png, Self::Json, Self::Csv];
}

/// A graph with the picture of it that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub graph: Graph,
    pub about: About,
    pub diagram: Diagram,
}

/// Writes `<stem>.svg`, `.tex`, `.png` (at `dpi`), `.json`, `.csv` with `.areas.csv` as asked for, and
/// `<stem>.provenance.json`; returns their paths in that order. Everything is drawn before the first
/// file is touched, and every file is replaced whole.
///
/// # Errors
/// [`Error::Config`] for no format, a stem that is not a file name, or an impossible resolution;
/// [`Error::Io`] if a file cannot be written.
pub fn export(
    drawing: &Drawing,
    folder: &Path,
    stem: &str,
    formats: &[Format],
    dpi: u32,
    provenance: &Provenance,
) -> Result<Vec<PathBuf>> {
    checked_stem(stem)?;
    if formats.is_empty() {
        return Err(Error::config(
            "formats of the graph",
            "at least one of svg, tex, png, json, csv",
            "none",
        ));
    }
    let picture = svg(&drawing.diagram);
    let mut contents: Vec<(String, Vec<u8>)> = Vec::new();
    for format in Format::ALL.into_iter().filter(|format| formats.contains(format)) {
        match format {
            Format::Svg => contents.push((format!("{stem}.svg"), picture.clone().into_bytes())),
            Format::Tikz => contents.push((format!("{stem}.tex"), tikz(&drawing.diagram).into_bytes())),
            Format::Png => contents.push((format!("{stem}.png"), png::rasterise(&picture, dpi)?)),
            Format::Json => {
                let numbers = serde_json::to_string_pretty(&description(&drawing.graph, &drawing.about));
                let numbers = numbers.map_err(|err| {
                    Error::Unsupported(format!("the graph cannot be written as JSON: {err}"))
                })?;
                contents.push((format!("{stem}.json"), (numbers + "\n").into_bytes()));
            }
            Format::Csv => {
                contents.push((format!("{stem}.csv"), connections_csv(&drawing.graph)?));
                contents.push((format!("{stem}.areas.csv"), areas_csv(&drawing.graph)?));
            }
        }
    }
    let mut written = Vec::new();
    for (name, bytes) in contents {
        let path = folder.join(name);
        files::write_atomic(&path, bytes)?;
        written.push(path);
    }
    // Any extension: the stem itself may hold a dot.
    written.push(provenance.write_beside(folder.join(format!("{stem}.svg")))?);
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::super::{FoldedOptions, folded};
    use super::*;
    use crate::dynamics::{Area, Graph};

    #[test]
    fn picture_and_numbers_lie_side_by_side() {
        let areas = [Area::activity("V1", &[2, 4, 4]), Area::activity("V2", &[3])];
        let graph = Graph::default_of(&[1, 8, 8], &areas, 2, |area| (area == 0).then_some(0));
        let diagram = folded(&graph, &FoldedOptions::default());
        let about = About { variant: "small".to_owned(), n_parameters: 7, ..About::default() };
        let drawing = Drawing { graph, about, diagram };
        let folder = tempfile::tempdir().unwrap();
        let provenance = Provenance::new("gainfield connectivity net.pth");
        let written = export(&drawing, folder.path(), "net.v2", &Format::ALL, 72, &provenance).unwrap();
        let endings = ["svg", "tex", "png", "json", "csv", "areas.csv", "provenance.json"];
        assert_eq!(written, endings.map(|ending| folder.path().join(format!("net.v2.{ending}"))));
        let text = |index: usize| std::fs::read_to_string(&written[index]).unwrap();
        let numbers: serde_json::Value = serde_json::from_str(&text(3)).unwrap();
        assert_eq!((&numbers["parameters"], &numbers["state_bytes"]), (&7.into(), &148.into()));
        assert_eq!(text(4).lines().count(), 1 + 3);
        assert!(text(5).contains("V1,area,2x4x4,32,128,0\n") && text(5).contains("V2,area,3,3,12,never\n"));
        assert!(export(&drawing, folder.path(), "a/b", &Format::ALL, 72, &provenance).is_err());
        assert!(export(&drawing, folder.path(), "a", &[], 72, &provenance).is_err());
    }
}
