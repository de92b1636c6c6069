//! A diagram as SVG, in points, in the fonts and colours of the figures.

use std::fmt::Write as _;

use super::diagram::{BoxStyle, Diagram, EdgeClass};
use super::picture::{Metrics, Picture, PlacedArrow, PlacedBox, PlacedNote};
use crate::figure::colour::hex;
use crate::figure::fonts;
use crate::figure::roles::{hatch_colour, muted_colour, text_colour};
use crate::figure::{Ground, Rgb};

const MARGIN: f64 = 12.0;

/// The picture on white ground.
pub fn svg(diagram: &Diagram) -> String {
    let picture = Picture::new(diagram, &Metrics::PAPER);
    let mut body = String::new();
    for placed in picture.boxes.iter().filter(|placed| placed.is_dead) {
        draw_box(&picture, placed, &mut body);
    }
    for arrow in &picture.arrows {
        draw_arrow(arrow, &mut body);
    }
    for placed in picture.boxes.iter().filter(|placed| !placed.is_dead) {
        draw_box(&picture, placed, &mut body);
    }
    for note in &picture.notes {
        draw_note(note, &mut body);
    }
    let (width, height) = (picture.width() + 2.0 * MARGIN, picture.height() + 2.0 * MARGIN);
    let (x, y) = (picture.bounds[0] - MARGIN, picture.bounds[1] - MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}pt\" height=\"{}pt\" viewBox=\"{} {} {} {}\" \
         font-family=\"{}\">\n",
        length(width),
        length(height),
        length(x),
        length(y),
        length(width),
        length(height),
        fonts::STACK
    );
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#ffffff\"/>",
        length(x),
        length(y),
        length(width),
        length(height)
    );
    out.push_str(&body);
    out.push_str("</svg>\n");
    out
}

fn colour(class: EdgeClass) -> Rgb {
    class.ink().0.colour(Ground::Light)
}

fn draw_box(picture: &Picture, placed: &PlacedBox, out: &mut String) {
    let ink = if placed.is_dead { hatch_colour(Ground::Light) } else { text_colour(Ground::Light) };
    let fill = match placed.style {
        _ if placed.is_dead => "none",
        BoxStyle::Layer => "#ffffff",
        BoxStyle::LayerGray => "#e4e7ea",
    };
    let dash = if placed.is_dead { " stroke-dasharray=\"2 2\"" } else { "" };
    let ([x, y], [width, height]) = (placed.centre, picture.box_size);
    let _ = writeln!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"{fill}\" stroke=\"{}\"{dash}/>",
        length(x - width / 2.0),
        length(y - height / 2.0),
        length(width),
        length(height),
        hex(ink)
    );
    let size = Metrics::PAPER.box_text;
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"{size}\" font-weight=\"bold\" text-anchor=\"middle\" \
         fill=\"{}\">{}</text>",
        length(x),
        length(y + fonts::CAP_HEIGHT * size / 2.0),
        hex(ink),
        escaped(&placed.label)
    );
}

fn draw_arrow(arrow: &PlacedArrow, out: &mut String) {
    let point = |[x, y]: [f64; 2]| format!("{} {}", length(x), length(y));
    let [from, first, second, neck] = arrow.curve.map(point);
    let path = match arrow.is_straight() {
        true => format!("M{from} L{neck}"),
        false => format!("M{from} C{first} {second} {neck}"),
    };
    let (ink, opacity) = (hex(colour(arrow.class)), arrow.class.ink().1);
    let pattern: Vec<String> = arrow.class.dash().pattern().iter().map(f32::to_string).collect();
    let dash = match pattern.is_empty() {
        true => String::new(),
        false => format!(" stroke-dasharray=\"{}\"", pattern.join(" ")),
    };
    let _ = writeln!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.5\" \
         stroke-opacity=\"{opacity}\"{dash}/>"
    );
    let [tip, left, neck, right] = arrow.head.map(point);
    let _ = writeln!(
        out,
        "<path d=\"M{tip} L{left} L{neck} L{right} Z\" fill=\"{ink}\" fill-opacity=\"{opacity}\"/>"
    );
}

fn draw_note(note: &PlacedNote, out: &mut String) {
    let ink = match note.class {
        Some(EdgeClass::Ff1) => text_colour(Ground::Light),
        None | Some(EdgeClass::Ff2 | EdgeClass::Ff3) => muted_colour(Ground::Light),
        Some(class) => colour(class),
    };
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\">{}</text>",
        length(note.at[0]),
        length(note.at[1]),
        note.size,
        hex(ink),
        escaped(&note.text)
    );
}

/// Hundredths of a point.
fn length(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use resvg::usvg;

    use super::super::{FoldedOptions, folded, tikz, unrolled};
    use super::*;
    use crate::dynamics::{Area, AreaKind, Direction, GainRule, Graph, GraphConnection};

    /// Two areas, the upper one awake from timestep 1 on, with a loop, a skip and a gain.
    fn graph() -> Graph {
        let rule = GainRule { target: "V1".to_owned(), sign: 1.0, control: "s".to_owned() };
        let areas = [
            Area::activity("V1", &[2, 4, 4]),
            Area::activity("a<b", &[3, 2, 2]),
            Area::new("gain_1", &[2, 4, 4], AreaKind::Gain(rule)),
        ];
        let mut graph = Graph::default_of(&[1, 8, 8], &areas, 2, |area| Some(area.min(1)));
        graph.connections.push(GraphConnection::new(2, 2, Direction::Lateral, "conv").delayed());
        graph.connections.push(GraphConnection::new(1, 4, Direction::Forward, "conv"));
        graph
    }

    #[test]
    fn pictures_are_valid_and_hold_every_box_and_arrow() {
        let options = FoldedOptions { n_parameters: 1234, n_timesteps: 3, shows_input: true };
        for (diagram, n_dead) in [(folded(&graph(), &options), 0), (unrolled(&graph(), 3), 3)] {
            let text = svg(&diagram);
            usvg::Tree::from_str(&text, &usvg::Options::default()).unwrap();
            let count = |what: &str| text.matches(what).count();
            // One for the ground; a line and a head per arrow.
            assert_eq!(count("<rect"), 1 + diagram.nodes.len() + n_dead);
            assert_eq!(count("<path"), 2 * diagram.edges.len());
            let dashed =
                diagram.edges.iter().filter(|edge| edge.class.name() != "ff1" && edge.class.name() != "ff2");
            assert_eq!(count("stroke-dasharray"), n_dead + dashed.count());
            assert!(text.contains("a&lt;b") && !text.contains("NaN"));
            let tex = tikz(&diagram);
            assert_eq!(tex.matches("\\draw[").count(), diagram.edges.len());
            assert_eq!(tex.matches("\\node[").count(), diagram.nodes.len() + diagram.annotations.len());
            assert!(tex.contains("gain\\_1") && !tex.contains("{gain_1}"));
        }
    }

    #[test]
    fn what_sleeps_sends_and_gets_nothing() {
        let diagram = unrolled(&graph(), 2);
        let at = |t: usize| diagram.edges.iter().filter(move |edge| edge.to.node.ends_with(&format!("_{t}")));
        assert!(at(0).all(|edge| edge.class == EdgeClass::Ff1 && edge.to.node == "layer_0_time_0"));
        assert!(at(1).any(|edge| edge.to.node == "layer_1_time_1"));
        assert!(diagram.edges.iter().all(|edge| edge.from.node != "layer_1_time_0"));
    }
}
