//! A diagram as a TikZ picture in a document of its own.

use std::fmt::Write as _;

use super::diagram::{Annotation, BoxStyle, Diagram, Edge, EdgeClass, End, Node, Relation};
use crate::figure::Dash;

/// The diagram as LaTeX, class `standalone`.
pub fn tikz(diagram: &Diagram) -> String {
    let mut out =
        String::from("\\documentclass[tikz]{standalone}\n\\usetikzlibrary{arrows.meta,positioning}\n");
    for class in EdgeClass::ALL {
        let [red, green, blue] = class.colour();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\\definecolor{{{}}}{{rgb}}{{{red},{green},{blue}}}", class.name());
    }
    out.push_str("\\begin{document}\n");
    out.push_str("\\begin{tikzpicture}[thick, auto, node distance=2cm,\n");
    out.push_str(
        "  layer/.style={rectangle, rounded corners=15pt, fill=white, draw=black, line width=1pt,\n",
    );
    out.push_str("    minimum width=1cm, minimum height=1cm, inner xsep=1em, font=\\sffamily\\bfseries\\Large, transform shape},\n");
    out.push_str("  layer_gray/.style={layer, fill=black!10},\n");
    out.push_str("  code/.style={font=\\ttfamily}, text/.style={font=\\sffamily},\n");
    for class in EdgeClass::ALL {
        let name = class.name();
        let dash = match class.dash() {
            Dash::Solid => "",
            Dash::Dashed => "dashed, ",
            Dash::Dotted => "densely dotted, ",
            Dash::DashDot => "dash dot, ",
        };
        let _ = writeln!(out, "  {name}/.style={{line width=3pt, {dash}draw={name}, -{{Stealth}}}},");
    }
    out.push_str("]\n");
    for node in &diagram.nodes {
        out.push_str(&place(node));
    }
    for edge in &diagram.edges {
        out.push_str(&arrow(edge));
    }
    for annotation in &diagram.annotations {
        out.push_str(&note(annotation));
    }
    out.push_str("\\end{tikzpicture}\n\\end{document}\n");
    out
}

fn place(node: &Node) -> String {
    let style = match node.style {
        BoxStyle::Layer => "layer",
        BoxStyle::LayerGray => "layer_gray",
    };
    let (options, at) = match &node.rel {
        Relation::Absolute => (String::new(), format!(" at ({}cm,{}cm)", node.x_cm, node.y_cm)),
        Relation::Above(other) => (format!(", above of={other}"), String::new()),
        Relation::Below(other) => (format!(", below of={other}"), String::new()),
        Relation::RightOf { node, xshift } => (format!(", xshift={xshift}"), format!(" at ({node}.east)")),
    };
    format!("\\node[{style}{options}] ({}){at} {{{}}};\n", node.id, escaped(&node.label))
}

fn arrow(edge: &Edge) -> String {
    let end = |end: &End| {
        let [right, up] = end.shift_pt;
        let anchor = end.anchor.map_or_else(String::new, |anchor| format!(".{anchor}"));
        if (right, up) == (0.0, 0.0) {
            return format!("({}{anchor})", end.node);
        }
        format!("([xshift={right}pt, yshift={up}pt]{}{anchor})", end.node)
    };
    let path = if edge.path.is_empty() { String::new() } else { format!("[{}]", edge.path) };
    format!("\\draw[{}] {} to{path} {};\n", edge.class.name(), end(&edge.from), end(&edge.to))
}

fn note(note: &Annotation) -> String {
    let mut options = format!("{}, anchor={}, scale={}", note.style, note.anchor, note.scale);
    for (key, value) in [("xshift", note.xshift), ("yshift", note.yshift), ("align", note.align)] {
        if let Some(value) = value {
            let _ = write!(options, ", {key}={value}");
        }
    }
    if let Some(class) = note.color {
        let _ = write!(options, ", text={}", class.name());
    }
    format!("\\node[{options}] ({}) at {} {{{}}};\n", note.id, note.at, escaped(&note.facts.text()))
}

/// Signs that LaTeX reads as commands.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\\' => out.push_str("\\textbackslash{}"),
            '×' => out.push_str("$\\times$"),
            '_' | '%' | '&' | '#' | '$' | '{' | '}' => {
                out.push('\\');
                out.push(sign);
            }
            other => out.push(other),
        }
    }
    out
}
