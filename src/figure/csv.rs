//! A figure as tidy CSV: one observation per row, units in the headers, everything that is needed to redraw it.

use super::Figure;
use super::annotation::{Image, ReferenceAt};
use super::axis::Axis;
use super::mark::Mark;
use super::panel::{Content, Direction, Plot};
use super::raster::{Maps, Pixels, Raster};
use crate::{Error, Result};

/// The table in UTF-8 with a header row, `.` as decimal point and empty cells for what is missing.
///
/// Columns: `panel` (its letter and name), `mark`, `series`, `spread` (what low and high are),
/// then one per measured quantity, named as on its axis with the unit, and where intervals exist
/// the same with `low` and `high`. Pixels of maps have `row` and `column`.
///
/// # Errors
/// [`Error::Unsupported`] if the writer fails, which memory does not.
pub fn csv(figure: &Figure) -> Result<Vec<u8>> {
    let mut table = Table::default();
    for (i, (_, panel)) in figure.panels.iter().enumerate() {
        table.panel = match figure.letter(i) {
            Some(letter) => format!("{letter} {}", panel.name),
            None => panel.name.clone(),
        };
        match &panel.content {
            Content::Plot(plot) => plot_rows(&mut table, plot),
            Content::Maps(maps) => maps_rows(&mut table, maps),
        }
    }
    table.write()
}

/// Rows that name only the columns they fill.
#[derive(Default)]
struct Table {
    panel: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Default)]
struct Row {
    panel: String,
    mark: &'static str,
    series: String,
    spread: String,
    cells: Vec<(usize, String)>,
}

impl Table {
    fn row(&mut self, mark: &'static str, series: &str, spread: &str) -> &mut Self {
        self.rows.push(Row {
            panel: self.panel.clone(),
            mark,
            series: series.to_owned(),
            spread: spread.to_owned(),
            cells: Vec::new(),
        });
        self
    }

    /// Fills a cell of the last row; an empty text leaves it empty but keeps the column.
    fn cell(&mut self, column: &str, text: String) -> &mut Self {
        let at = self.columns.iter().position(|known| known == column);
        let at = at.unwrap_or_else(|| {
            self.columns.push(column.to_owned());
            self.columns.len() - 1
        });
        if let Some(row) = self.rows.last_mut() {
            row.cells.push((at, text));
        }
        self
    }

    fn number(&mut self, column: &str, value: f64) -> &mut Self {
        self.cell(column, number(value))
    }

    fn interval(&mut self, column: &str, interval: Option<&[f64; 2]>) -> &mut Self {
        if let Some(&[low, high]) = interval {
            self.number(&format!("{column} low"), low).number(&format!("{column} high"), high);
        }
        self
    }

    fn write(&self) -> Result<Vec<u8>> {
        let failed = |error: ::csv::Error| {
            Error::Unsupported(format!("cannot write the table of the figure: {error}"))
        };
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let fixed = ["panel", "mark", "series", "spread"];
        writer
            .write_record(fixed.into_iter().chain(self.columns.iter().map(String::as_str)))
            .map_err(failed)?;
        for row in &self.rows {
            let mut cells = vec![""; self.columns.len()];
            for (column, text) in &row.cells {
                cells[*column] = text;
            }
            let fixed = [row.panel.as_str(), row.mark, &row.series, &row.spread];
            writer.write_record(fixed.into_iter().chain(cells)).map_err(failed)?;
        }
        writer
            .into_inner()
            .map_err(|error| Error::Unsupported(format!("cannot write the table of the figure: {error}")))
    }
}

/// Shortest decimal that reads back as the same number; empty for NaN.
fn number(value: f64) -> String {
    written(value, value)
}

/// As [`number`], with the digits that an `f32` has.
fn short(value: f32) -> String {
    written(value, f64::from(value))
}

fn written<T: std::fmt::Display + std::fmt::LowerExp>(value: T, size: f64) -> String {
    if size.is_nan() {
        String::new()
    } else if size != 0.0 && !(1e-5..1e15).contains(&size.abs()) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

/// Names of the columns of x and y.
fn headers(plot: &Plot) -> [String; 2] {
    let name = |axis: &Axis, fallback: &str| match axis.text() {
        text if text.is_empty() && axis.is_categorical() => "category".to_owned(),
        text if text.is_empty() => fallback.to_owned(),
        text => text,
    };
    let [x, y] = [name(&plot.x, "x"), name(&plot.y, "y")];
    if x == y { [format!("x {x}"), format!("y {y}")] } else { [x, y] }
}

fn plot_rows(table: &mut Table, plot: &Plot) {
    let [x_name, y_name] = &headers(plot);
    let across = plot.categories().unwrap_or(Direction::X);
    let (across_name, along_name) = match across {
        Direction::X => (x_name, y_name),
        Direction::Y => (y_name, x_name),
    };
    for mark in &plot.marks {
        let kind = mark.kind();
        match mark {
            Mark::Line(line) => {
                for &[x, y] in &line.points {
                    table.row(kind, &line.series.name, "").number(x_name, x).number(y_name, y);
                }
            }
            Mark::Points(points) => {
                for (i, &[x, y]) in points.points.iter().enumerate() {
                    table.row(kind, &points.series.name, &points.spread).number(x_name, x).number(y_name, y);
                    table.interval(x_name, points.x_error.get(i)).interval(y_name, points.y_error.get(i));
                    if let Some((values, scale)) = &points.colouring {
                        table.number(&scale.text(), values.get(i).copied().unwrap_or(f64::NAN));
                    }
                }
            }
            Mark::Band(band) => {
                for ((&x, &low), &high) in band.x.iter().zip(&band.low).zip(&band.high) {
                    table.row(kind, &band.series.name, &band.spread).number(x_name, x);
                    table.interval(y_name, Some(&[low, high]));
                }
            }
            Mark::Bars(bars) => {
                for (i, (span, &value)) in bars.spans.iter().zip(&bars.values).enumerate() {
                    table.row(kind, &bars.series.name, &bars.spread);
                    match category(plot, 0.5 * (span[0] + span[1])) {
                        Some(label) => table.cell(across_name, label),
                        None => table.interval(across_name, Some(span)),
                    };
                    table.number(along_name, value).interval(along_name, bars.errors.get(i));
                }
            }
            Mark::Strip(strip) => {
                for (unit, &value) in strip.values.iter().enumerate() {
                    let label = category(plot, strip.category as f64).unwrap_or_default();
                    table.row(kind, &strip.series.name, "").cell(across_name, label);
                    table.cell("index", unit.to_string()).number(along_name, value);
                }
            }
            Mark::Reference(reference) => {
                table.row(kind, &reference.label, "");
                match reference.at {
                    ReferenceAt::Unity => {}
                    ReferenceAt::Horizontal(y) => {
                        table.number(y_name, y);
                    }
                    ReferenceAt::Vertical(x) => {
                        table.number(x_name, x);
                    }
                }
            }
            Mark::Span(span) => {
                table.row(kind, &span.label, "").interval(x_name, Some(&span.x));
            }
            Mark::Image(image) => image_rows(table, kind, image, [x_name, y_name]),
            Mark::Text(text) => {
                table.row(kind, &text.text, "").number(x_name, text.at[0]).number(y_name, text.at[1]);
            }
        }
    }
}

/// The label of the category at a whole position of a categorical axis.
fn category(plot: &Plot, at: f64) -> Option<String> {
    let axis = plot.axis(plot.categories()?);
    axis.category_list().get(at.round() as usize).map(|category| category.label.clone())
}

fn image_rows(table: &mut Table, kind: &'static str, image: &Image, [x_name, y_name]: [&str; 2]) {
    for i in 0..image.raster.len() {
        let (row, column) = (i / image.raster.columns.max(1), i % image.raster.columns.max(1));
        let [x, y] = image.centre(row, column);
        table.row(kind, &image.name, "").number(x_name, x).number(y_name, y);
        pixel(table, &image.raster, i);
    }
}

fn maps_rows(table: &mut Table, maps: &Maps) {
    for (down, row) in maps.rows.iter().enumerate() {
        for (along, raster) in row.iter().enumerate() {
            let name =
                |titles: &[String], i: usize| titles.get(i).cloned().unwrap_or_else(|| (i + 1).to_string());
            for i in 0..raster.len() {
                table.row("map", "", "");
                table.cell("map row", name(&maps.row_titles, down));
                table.cell("map column", name(&maps.column_titles, along));
                pixel(table, raster, i);
            }
        }
    }
}

/// Position and content of one pixel.
fn pixel(table: &mut Table, raster: &Raster, i: usize) {
    let columns = raster.columns.max(1);
    table.cell("row", (i / columns).to_string()).cell("column", (i % columns).to_string());
    match &raster.pixels {
        Pixels::Values { values, scale } => {
            let name = if scale.label.is_empty() { "value".to_owned() } else { scale.text() };
            table.cell(&name, short(values[i]));
        }
        Pixels::Rgb(pixels) => {
            for (channel, value) in ["red", "green", "blue"].into_iter().zip(pixels[i]) {
                table.cell(channel, value.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Axis, Band, Bars, Category, Line, Panel, Points, Raster, Reference, Role, Series, Span, Strip, Text,
        Width,
    };
    use super::*;

    fn text(panels: Vec<Panel>) -> String {
        String::from_utf8(csv(&Figure::row(Width::TwoColumns, panels).unwrap()).unwrap()).unwrap()
    }

    fn attended() -> Series {
        Series::new("attended", Role::Attended)
    }

    #[test]
    fn lines_points_and_bands_share_the_columns_of_their_axes() {
        let plot = Plot::new(Axis::new("Orientation").unit("°"), Axis::new("Response").unit("a.u."))
            .with(Line::new(attended(), vec![[0.0, 0.5], [45.0, f64::NAN]]).unwrap())
            .with(
                Points::new(attended(), vec![[0.0, 0.25]])
                    .unwrap()
                    .y_error(vec![[1e-7, 0.5]], "s.e.m.")
                    .unwrap(),
            )
            .with(Band::new(attended(), vec![0.0], vec![0.1], vec![0.2], "range").unwrap())
            .with(Reference::vertical(90.0, "preferred").unwrap())
            .with(Span::new(10.0, 20.0, "cue, left", Role::Stimulus).unwrap())
            .with(Text::new([1.0, 2.0], "here").unwrap());
        assert_eq!(
            text(vec![Panel::new("tuning", plot)]),
            "panel,mark,series,spread,Orientation (°),Response (a.u.),Response (a.u.) low,Response (a.u.) high,\
             Orientation (°) low,Orientation (°) high\n\
             tuning,line,attended,,0,0.5,,,,\n\
             tuning,line,attended,,45,,,,,\n\
             tuning,points,attended,s.e.m.,0,0.25,1e-7,0.5,,\n\
             tuning,band,attended,range,0,,0.1,0.2,,\n\
             tuning,reference,preferred,,90,,,,,\n\
             tuning,span,\"cue, left\",,,,,,10,20\n\
             tuning,text,here,,1,2,,,,\n"
        );
    }

    #[test]
    fn categories_are_written_by_name_and_panels_by_letter() {
        let strip = Strip::new(Series::new("units", Role::Recorded), 1, vec![1.5, f64::NAN]).unwrap();
        let areas = [Category::new("conv1"), Category::new("conv2").note("n = 1 of 2")];
        let strips = Plot::new(Axis::new("Slope").log(2.0), Axis::categories("area", areas)).with(strip);
        let bars =
            Bars::categories(attended(), vec![0.9]).unwrap().errors(vec![[0.8, 0.95]], "95 % CI").unwrap();
        let bars = Plot::new(Axis::categories("", ["phase 1"]), Axis::new("Accuracy")).with(bars);
        assert_eq!(
            text(vec![Panel::new("population", strips), Panel::new("accuracy", bars)]),
            "panel,mark,series,spread,area,index,Slope,category,Accuracy,Accuracy low,Accuracy high\n\
             a population,strip,units,,conv2,0,1.5,,,,\n\
             a population,strip,units,,conv2,1,,,,,\n\
             b accuracy,bars,attended,95 % CI,,,,phase 1,0.9,0.8,0.95\n"
        );
    }

    #[test]
    fn pixels_carry_row_column_and_value() {
        let maps = Maps::new(vec![vec![
            Raster::grey(vec![0.1, f32::NAN], 1).unwrap(),
            Raster::rgb(vec![[1, 2, 3]], 1).unwrap(),
        ]]);
        let maps = maps.unwrap().column_titles(["Input", "Colour"]).unwrap();
        assert_eq!(
            text(vec![Panel::new("maps", maps)]),
            "panel,mark,series,spread,map row,map column,row,column,brightness,red,green,blue\n\
             maps,map,,,1,Input,0,0,0.1,,,\n\
             maps,map,,,1,Input,1,0,,,,\n\
             maps,map,,,1,Colour,0,0,,1,2,3\n"
        );
    }

    #[test]
    fn like_axes_get_different_columns() {
        let plot = Plot::new(Axis::new("Response"), Axis::new("Response"));
        assert_eq!(headers(&plot), ["x Response", "y Response"]);
    }

    #[test]
    fn numbers_read_back_exactly() {
        for value in [0.1, -1e-300, 1.0 / 3.0, 1e300, 0.0, 123_456_789.125] {
            assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }
        assert_eq!(short(0.1), "0.1");
    }
}
