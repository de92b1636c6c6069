//! Markers and dashes on paper.

use super::writer::length;
use crate::figure::colour::{Rgb, hex};
use crate::figure::roles::{Dash, Marker};
use crate::figure::style::paper;

/// Dash lengths for a line of `width` points: those of the window's 1.8 pt line, scaled.
pub(super) fn dash(dash: Dash, width: f64) -> Vec<f64> {
    dash.pattern().iter().map(|&on| f64::from(on) * width / 1.8).collect()
}

/// Whether the marker is made of strokes only.
fn is_open(marker: Marker) -> bool {
    match marker {
        Marker::Cross | Marker::Plus | Marker::Star => true,
        Marker::Circle | Marker::Square | Marker::Diamond | Marker::TriangleUp | Marker::TriangleDown => {
            false
        }
    }
}

/// Fill and stroke of markers, for the group around them: white inside unless filled.
pub(super) fn style(marker: Marker, filled: bool, colour: Rgb) -> String {
    let colour = hex(colour);
    let stroke = length(paper::MARKER_STROKE);
    if filled && !is_open(marker) {
        format!("fill=\"{colour}\"")
    } else {
        let inside = if is_open(marker) { "none" } else { "#ffffff" };
        format!("fill=\"{inside}\" stroke=\"{colour}\" stroke-width=\"{stroke}\"")
    }
}

/// The element of one marker of the area of a circle of `diameter`, about `[x, y]`.
pub(super) fn shape(marker: Marker, [x, y]: [f64; 2], diameter: f64) -> String {
    let r = 0.5 * diameter;
    let polygon = |points: &[[f64; 2]]| {
        let mut path = String::new();
        for (i, [dx, dy]) in points.iter().enumerate() {
            path.push_str(if i == 0 { "M" } else { "L" });
            path.push_str(&format!("{} {}", length(x + dx), length(y + dy)));
        }
        format!("<path d=\"{path}Z\"/>")
    };
    let strokes = |lines: &[[f64; 4]]| {
        let part = |[x1, y1, x2, y2]: &[f64; 4]| {
            format!("M{} {}L{} {}", length(x + x1), length(y + y1), length(x + x2), length(y + y2))
        };
        format!("<path d=\"{}\"/>", lines.iter().map(part).collect::<String>())
    };
    match marker {
        Marker::Circle => {
            format!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"/>", length(x), length(y), length(r))
        }
        Marker::Square => {
            let half = 0.9 * r;
            let side = length(2.0 * half);
            format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{side}\" height=\"{side}\"/>",
                length(x - half),
                length(y - half)
            )
        }
        Marker::Diamond => polygon(&[[0.0, -1.25 * r], [1.25 * r, 0.0], [0.0, 1.25 * r], [-1.25 * r, 0.0]]),
        Marker::TriangleUp => polygon(&[[0.0, -1.3 * r], [1.2 * r, 0.8 * r], [-1.2 * r, 0.8 * r]]),
        Marker::TriangleDown => polygon(&[[0.0, 1.3 * r], [1.2 * r, -0.8 * r], [-1.2 * r, -0.8 * r]]),
        Marker::Cross => strokes(&[[-r, -r, r, r], [-r, r, r, -r]]),
        Marker::Plus => strokes(&[[-1.25 * r, 0.0, 1.25 * r, 0.0], [0.0, -1.25 * r, 0.0, 1.25 * r]]),
        Marker::Star => {
            let (c, s) = (1.08 * r, 0.63 * r);
            strokes(&[[0.0, -1.25 * r, 0.0, 1.25 * r], [-c, -s, c, s], [-c, s, c, -s]])
        }
    }
}

/// A triangle at the edge of an axis, pointing towards a value that lies beyond.
pub(super) fn edge_triangle([x, y]: [f64; 2], towards: [f64; 2]) -> String {
    let [dx, dy] = towards;
    let (long, half) = (2.6, 1.5);
    let corner = |along: f64, side: f64| {
        format!("{} {}", length(x + dx * along - dy * side), length(y + dy * along + dx * side))
    };
    format!("<path d=\"M{}L{}L{}Z\"/>", corner(0.0, 0.0), corner(-long, half), corner(-long, -half))
}
