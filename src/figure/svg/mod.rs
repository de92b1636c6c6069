//! A figure as SVG: live text, lengths in points, maps as one embedded picture each.

mod axes;
mod bars;
mod draw;
mod frame;
mod geometry;
mod glyph;
mod labels;
mod layout;
mod legend;
mod maps;
mod picture;
mod shapes;
mod survey;
mod writer;

use self::draw::{BEHIND_AXES, Pen, layer};
use self::frame::{LETTER_BASELINE, PlotFrame};
use self::geometry::Transform;
use self::layout::{Frame, Layout, Placed};
use self::legend::Legend;
use self::writer::{Words, Writer, length};
use super::colour::Ground;
use super::panel::{Content, Panel};
use super::raster::Raster;
use super::roles::text_colour;
use super::style::{PT_PER_MM, paper};
use super::{Figure, Mark, fonts};

/// The figure as an SVG document on white ground, whatever the theme of the window.
///
/// The unit of all coordinates is the point; width and height are given in millimetres. The same
/// figure gives the same bytes on every machine.
pub fn svg(figure: &Figure) -> String {
    let mut legends: Vec<Legend> = figure.panels.iter().map(|(_, panel)| legend_at_first(panel)).collect();
    let mut layout = Layout::new(figure, &legends);
    let mut named: Vec<Named> = layout.panels.iter().map(Named::new).collect();
    // Naming needs the layout, and a legend changes it. Names only ever move into legends, so this ends.
    while named.iter().zip(&legends).any(|(named, legend)| named.legend != *legend) {
        legends = named.into_iter().map(|named| named.legend).collect();
        layout = Layout::new(figure, &legends);
        named = layout.panels.iter().map(Named::new).collect();
    }
    let mut out = Writer::new();
    let (width, height) = (layout.width, layout.height);
    out.open(
        "svg",
        &format!(
            "xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{}mm\" height=\"{}mm\" viewBox=\"0 0 {} {}\" font-family=\"{}\"",
            length(width / PT_PER_MM),
            length(height / PT_PER_MM),
            length(width),
            length(height),
            fonts::STACK
        ),
    );
    definitions(&mut out, figure, &layout);
    out.line(&format!("<rect width=\"{}\" height=\"{}\" fill=\"#ffffff\"/>", length(width), length(height)));
    for (i, (placed, named)) in layout.panels.iter().zip(&named).enumerate() {
        draw_panel(&mut out, placed, named, &clip_id(i));
    }
    out.close("svg");
    out.finish()
}

fn clip_id(panel: usize) -> String {
    format!("area-{panel}")
}

fn legend_at_first(panel: &Panel) -> Legend {
    match &panel.content {
        Content::Plot(plot) => Legend::at_first(plot),
        Content::Maps(_) => Legend::default(),
    }
}

/// Names of one panel: beside their data, or in the legend that the panel needs.
#[derive(Default)]
struct Named {
    words: Vec<Words>,
    legend: Legend,
}

impl Named {
    fn new(placed: &Placed<'_>) -> Self {
        match &placed.frame {
            Frame::Plot(frame) => {
                let (words, homeless) = survey::place_names(frame, &transform(frame, placed), placed.cell);
                Self { words, legend: survey::legend_with(frame, homeless) }
            }
            Frame::Maps(_) => Self::default(),
        }
    }
}

fn transform<'f>(frame: &PlotFrame<'f>, placed: &Placed<'f>) -> Transform<'f> {
    Transform { plot: frame.plot, area: placed.area, ranges: frame.ranges }
}

fn definitions(out: &mut Writer, figure: &Figure, layout: &Layout<'_>) {
    out.open("defs", "");
    let missing = |panel: &Panel| match &panel.content {
        Content::Plot(plot) => plot.marks.iter().any(|mark| match mark {
            Mark::Image(image) => image.raster.has_missing(),
            Mark::Line(_) | Mark::Points(_) | Mark::Band(_) | Mark::Bars(_) | Mark::Strip(_) => false,
            Mark::Reference(_) | Mark::Span(_) | Mark::Text(_) => false,
        }),
        Content::Maps(maps) => maps.rows.iter().flatten().any(Raster::has_missing),
    };
    if figure.panels.iter().any(|(_, panel)| missing(panel)) {
        out.line(&picture::hatch_pattern());
    }
    for (i, placed) in layout.panels.iter().enumerate() {
        if matches!(placed.frame, Frame::Plot(_)) {
            out.line(&PlotFrame::clip_path(placed.area, &clip_id(i)));
        }
    }
    out.close("defs");
}

fn draw_panel(out: &mut Writer, placed: &Placed<'_>, named: &Named, clip: &str) {
    let id = writer::escape(&placed.panel.name);
    out.open("g", &format!("class=\"panel\" data-panel=\"{id}\""));
    if let Some(letter) = &placed.letter {
        let baseline = match &placed.frame {
            Frame::Plot(frame) => frame.letter_baseline(&transform(frame, placed), placed.cell),
            Frame::Maps(_) => placed.cell.y + LETTER_BASELINE,
        };
        let at = [placed.cell.x, baseline];
        out.words(&Words::new(at, letter, paper::LETTER, text_colour(Ground::Light)).bold());
    }
    match &placed.frame {
        Frame::Plot(frame) => draw_plot(out, placed, frame, named, clip),
        Frame::Maps(frame) => frame.draw(out, placed.cell, placed.area),
    }
    out.close("g");
}

fn draw_plot(out: &mut Writer, placed: &Placed<'_>, frame: &PlotFrame<'_>, named: &Named, clip: &str) {
    let transform = transform(frame, placed);
    let mut marks: Vec<&Mark> = frame.plot.marks.iter().collect();
    marks.sort_by_key(|mark| layer(mark));
    let mut pen = Pen { transform: &transform, clip, outside: Vec::new() };
    let (behind, before): (Vec<&Mark>, Vec<&Mark>) =
        marks.into_iter().partition(|mark| layer(mark) <= BEHIND_AXES);
    behind.into_iter().for_each(|mark| pen.draw(out, mark));
    frame.draw(out, &transform, placed.cell);
    before.into_iter().for_each(|mark| pen.draw(out, mark));
    pen.edges(out);
    if !named.words.is_empty() {
        out.open("g", "class=\"names\"");
        named.words.iter().for_each(|words| out.words(words));
        out.close("g");
    }
    frame.draw_headline(out, placed.cell);
    let [left, width] = frame.legend_span;
    frame.legend.draw(out, placed.cell.x + left, placed.area.bottom() + frame.legend_below, width);
    let mut x = placed.area.right();
    for bar in &frame.bars {
        bar.draw(out, x, placed.area, placed.area.y - 3.0);
        x += bar.width;
    }
}
