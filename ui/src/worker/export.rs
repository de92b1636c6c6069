//! Writes figures with their numbers and provenance.

use std::path::PathBuf;

use crossbeam_channel::Receiver;
use gainfield::connectivity;
use gainfield::figure::style::DEFAULT_DPI;
use gainfield::figure::{Figure, export};
use gainfield::recipe::to_toml;
use gainfield::{Result, files};

use super::{Event, ExportRequest, Outbox, guarded};

/// What a view shows, for files.
#[derive(Debug)]
pub enum Exported {
    Figure(Box<Figure>),
    Graph(Box<connectivity::Drawing>),
}

pub(super) fn serve(requests: &Receiver<ExportRequest>, outbox: &Outbox) {
    for request in requests {
        match guarded(|| write(&request)) {
            Ok(files) => outbox.send(Event::Exported { files, command: request.provenance.command }),
            Err(message) => outbox.send(Event::ExportFailed { path: request.stem, message }),
        }
        outbox.send(Event::Ended { job: request.job });
    }
}

fn write(request: &ExportRequest) -> Result<Vec<PathBuf>> {
    let folder = request.stem.parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let stem = request.stem.file_name().unwrap_or_default().to_string_lossy();
    let provenance = &request.provenance;
    let mut written = match &request.content {
        Exported::Figure(figure) => {
            export(figure, &folder, &stem, request.format.formats(), DEFAULT_DPI, provenance)?
        }
        Exported::Graph(drawing) => {
            let formats = request.format.graph_formats();
            connectivity::export(drawing, &folder, &stem, formats, DEFAULT_DPI, provenance)?
        }
    };
    if let Some(recipe) = request.recipe.as_ref().filter(|_| request.provenance.command.contains("--recipe"))
    {
        let path = with_ending(&request.stem, "recipe.toml");
        files::write_atomic(&path, to_toml(recipe)?.into_bytes())?;
        written.push(path);
    }
    Ok(written)
}

/// `stem.ending`, also where the stem has dots of its own.
pub fn with_ending(stem: &std::path::Path, ending: &str) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    stem.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::ExportFormat;
    use crate::jobs::JobId;
    use gainfield::figure::{Axis, Line, Panel, Plot, Role, Series, Width};
    use gainfield::provenance::Provenance;

    #[test]
    fn all_four_files_lie_beside_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let line = Line::new(Series::new("a", Role::Attended), vec![[0.0, 1.0], [1.0, 2.0]]).unwrap();
        let plot = Plot::new(Axis::new("x"), Axis::new("y")).with(line);
        let figure = Figure::single(Width::OneColumn, Panel::new("p", plot)).unwrap();
        let request = ExportRequest {
            job: JobId(1),
            content: Exported::Figure(Box::new(figure.caption("n = 2"))),
            format: ExportFormat::All,
            stem: folder.path().join("unit.traces"),
            provenance: Provenance::new("gainfield run"),
            recipe: None,
        };
        let names: Vec<String> = write(&request)
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names[..3], ["unit.traces.svg", "unit.traces.png", "unit.traces.csv"]);
        assert!(names[3].ends_with(".provenance.json"));
        let only = ExportRequest { format: ExportFormat::Csv, ..request };
        assert_eq!(write(&only).unwrap().len(), 2);
    }
}
