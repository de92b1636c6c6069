//! A diagram as SVG, in points, in the fonts of the figures.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::diagram::{Annotation, BoxStyle, Diagram, Edge, EdgeClass, End, Node};
use crate::figure::colour::hex;
use crate::figure::fonts::{self, Weight};
use crate::figure::roles::{hatch_colour, muted_colour, text_colour};
use crate::figure::{Ground, Rgb};

/// Boxes and lines, in points.
const BOX_HEIGHT: f64 = 26.0;
const BOX_PADDING: f64 = 9.0;
const BOX_TEXT: f64 = 10.0;
const NOTE_TEXT: f64 = 7.0;
const LEVEL: f64 = 56.0;
const COLUMN_GAP: f64 = 46.0;
const STREAM_GAP: f64 = 190.0;
const NOTE_GAP: f64 = 46.0;
const MARGIN: f64 = 12.0;
const HEAD: f64 = 6.0;
/// Lengths of the source's layout, whose boxes are drawn at twice the size, as ours.
const SHIFT: f64 = 0.5;

/// The picture on white ground.
pub fn svg(diagram: &Diagram) -> String {
    let canvas = Canvas::new(diagram);
    let mut body = String::new();
    for node in &diagram.dead {
        canvas.draw_dead(node, &mut body);
    }
    for edge in &diagram.edges {
        canvas.arrow(edge, &mut body);
    }
    for node in &diagram.nodes {
        canvas.draw_box(node, &mut body);
    }
    canvas.notes(diagram, &mut body);
    let [left, top, right, bottom] = canvas.bounds(diagram);
    let (width, height) = (right - left + 2.0 * MARGIN, bottom - top + 2.0 * MARGIN);
    let (x, y) = (left - MARGIN, top - MARGIN);
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
    class.colour().map(|part| (part * 255.0).round() as u8)
}

/// Centres of boxes, and their common width.
struct Canvas {
    centres: BTreeMap<String, [f64; 2]>,
    width: f64,
}

impl Canvas {
    fn new(diagram: &Diagram) -> Self {
        let all = || diagram.nodes.iter().chain(&diagram.dead);
        let text = all().map(|node| fonts::width(&node.label, BOX_TEXT, Weight::Bold)).fold(30.0, f64::max);
        let width = text + 2.0 * BOX_PADDING;
        // The nominal coordinates count columns; boxes are as wide as their longest name.
        let columns = |x_cm: f64| match diagram.columns_per_timestep {
            0 => x_cm / 12.0 * (width + STREAM_GAP),
            _ => x_cm / 2.3 * (width + COLUMN_GAP),
        };
        let centre = |node: &Node| (node.id.clone(), [columns(node.x_cm), -node.y_cm / 2.0 * LEVEL]);
        Self { centres: all().map(centre).collect(), width }
    }

    fn centre(&self, id: &str) -> [f64; 2] {
        self.centres.get(id).copied().unwrap_or_default()
    }

    fn bounds(&self, diagram: &Diagram) -> [f64; 4] {
        let mut bounds = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        let mut cover = |x: f64, y: f64| {
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
        };
        for &[x, y] in self.centres.values() {
            cover(x - self.width / 2.0, y - BOX_HEIGHT / 2.0);
            cover(x + self.width / 2.0, y + BOX_HEIGHT / 2.0);
        }
        for (_, [x, y], width) in self.note_places(diagram) {
            cover(x, y - NOTE_TEXT);
            cover(x + width, y + 3.0);
        }
        bounds
    }

    fn draw_box(&self, node: &Node, out: &mut String) {
        let fill = match node.style {
            BoxStyle::Layer => "#ffffff",
            BoxStyle::LayerGray => "#e4e7ea",
        };
        let ink = text_colour(Ground::Light);
        self.outlined(node, &format!("fill=\"{fill}\" stroke=\"{}\"", hex(ink)), ink, out);
    }

    fn draw_dead(&self, node: &Node, out: &mut String) {
        let ink = hatch_colour(Ground::Light);
        let style = format!("fill=\"none\" stroke=\"{}\" stroke-dasharray=\"2 2\"", hex(ink));
        self.outlined(node, &style, ink, out);
    }

    fn outlined(&self, node: &Node, style: &str, ink: Rgb, out: &mut String) {
        let [x, y] = self.centre(&node.id);
        let _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{BOX_HEIGHT}\" rx=\"8\" {style}/>",
            length(x - self.width / 2.0),
            length(y - BOX_HEIGHT / 2.0),
            length(self.width)
        );
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" font-size=\"{BOX_TEXT}\" font-weight=\"bold\" text-anchor=\"middle\" \
             fill=\"{}\">{}</text>",
            length(x),
            length(y + fonts::CAP_HEIGHT * BOX_TEXT / 2.0),
            hex(ink),
            escaped(&node.label)
        );
    }

    /// Where an arrow meets a box: at its anchor, or where the line to `other` leaves it.
    fn meets(&self, end: &End, other: [f64; 2]) -> [f64; 2] {
        let [x, y] = self.centre(&end.node);
        let (half_width, half_height) = (self.width / 2.0, BOX_HEIGHT / 2.0);
        let [right, up] = end.shift_pt.map(|shift| shift * SHIFT);
        let side = match end.anchor {
            Some("north") => [x, y - half_height],
            Some("south") => [x, y + half_height],
            Some("east") => [x + half_width, y],
            Some("west") => [x - half_width, y],
            _ => {
                let (dx, dy) = (other[0] - x, other[1] - y);
                let reach = (half_width / dx.abs().max(1e-9)).min(half_height / dy.abs().max(1e-9));
                [x + dx * reach, y + dy * reach]
            }
        };
        [side[0] + right, side[1] - up]
    }

    fn arrow(&self, edge: &Edge, out: &mut String) {
        let (start, end) = (self.centre(&edge.from.node), self.centre(&edge.to.node));
        // From, two control points, to.
        let curve = if edge.path.starts_with("loop") {
            let [x, y] = [start[0] + self.width / 2.0, start[1]];
            let (outside, dy) = (x + 24.0, 6.0);
            [[x, y - dy], [outside, y - 3.0 * dy], [outside, y + 3.0 * dy], [x, y + dy]]
        } else if let Some(angle) = edge.path.strip_prefix("bend left=") {
            // To the left of the direction of travel, from the sides of the boxes.
            let angle: f64 = angle.parse().unwrap_or(50.0);
            let side = if end[1] < start[1] { -1.0 } else { 1.0 };
            let bulge = (end[1] - start[1]).abs() * angle.to_radians().tan() / 4.0 * side;
            let x = |centre: f64| centre + side * self.width / 2.0;
            let (from, to) = ([x(start[0]), start[1]], [x(end[0]), end[1]]);
            [from, [from[0] + bulge, from[1]], [to[0] + bulge, to[1]], to]
        } else {
            let (from, to) = (self.meets(&edge.from, end), self.meets(&edge.to, start));
            [from, from, from, to]
        };
        let [from, first, second, tip] = curve;
        let ink = hex(colour(edge.class));
        let (dx, dy) = (tip[0] - second[0], tip[1] - second[1]);
        let distance = dx.hypot(dy).max(1e-9);
        let (dx, dy) = (dx / distance, dy / distance);
        // The line ends inside the head, so that the tip stays sharp.
        let neck = [tip[0] - dx * HEAD * 0.75, tip[1] - dy * HEAD * 0.75];
        let point = |[x, y]: [f64; 2]| format!("{} {}", length(x), length(y));
        let path = if first == from {
            format!("M{} L{}", point(from), point(neck))
        } else {
            format!("M{} C{} {} {}", point(from), point(first), point(second), point(neck))
        };
        let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.5\"/>");
        let wing = |side: f64| {
            let back = [tip[0] - dx * HEAD, tip[1] - dy * HEAD];
            point([back[0] - dy * side * HEAD / 2.0, back[1] + dx * side * HEAD / 2.0])
        };
        let (tip, left, neck, right) = (point(tip), wing(-1.0), point(neck), wing(1.0));
        let _ = writeln!(out, "<path d=\"M{tip} L{left} L{neck} L{right} Z\" fill=\"{ink}\"/>");
    }

    /// Notes with the left end of their baselines and their widths: right of their boxes from the
    /// top down, shapes left of them, timesteps below.
    fn note_places<'a>(&self, diagram: &'a Diagram) -> Vec<(&'a Annotation, [f64; 2], f64)> {
        let mut places = Vec::with_capacity(diagram.annotations.len());
        let mut line = [0.0; 2];
        for note in &diagram.annotations {
            let width = fonts::width(&note.facts.text(), NOTE_TEXT, Weight::Regular);
            let named = |text: &str| {
                let name = text.trim_start_matches('(').trim_end_matches(')');
                let name = name.rsplit_once('.').map_or(name, |(name, _)| name);
                self.centre(if self.centres.contains_key(name) {
                    name
                } else {
                    text.trim_matches(['(', ')'])
                })
            };
            let at = match note.anchor {
                "west" => {
                    let [x, y] = named(&note.at);
                    line = [x + self.width / 2.0 + NOTE_GAP, y - BOX_HEIGHT / 2.0 + NOTE_TEXT];
                    line
                }
                "north west" => {
                    line[1] += NOTE_TEXT * fonts::LINE;
                    line
                }
                "east" => {
                    let [x, y] = named(&note.at);
                    [x - self.width / 2.0 - NOTE_GAP - width, y + fonts::CAP_HEIGHT * NOTE_TEXT / 2.0]
                }
                _ => {
                    let [x, y] = named(&note.at);
                    [x - width / 2.0, y + BOX_HEIGHT / 2.0 + 2.0 * NOTE_TEXT]
                }
            };
            places.push((note, at, width));
        }
        places
    }

    fn notes(&self, diagram: &Diagram, out: &mut String) {
        for (note, [x, y], _) in self.note_places(diagram) {
            // The fainter arrows' colours are too light for text.
            let ink = match note.color {
                Some(class @ (EdgeClass::Fb1 | EdgeClass::Rec | EdgeClass::Gain)) => colour(class),
                Some(EdgeClass::Ff1) => text_colour(Ground::Light),
                _ => muted_colour(Ground::Light),
            };
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" font-size=\"{NOTE_TEXT}\" fill=\"{}\">{}</text>",
                length(x),
                length(y),
                hex(ink),
                escaped(&note.facts.text())
            );
        }
    }
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
            assert_eq!(count("stroke-dasharray"), n_dead);
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
