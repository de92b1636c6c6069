//! A laid-out picture: boxes, arrows and notes, before any file format.

use serde::{Serialize, Serializer};

use super::annotations::Facts;
use crate::figure::{Dash, Ink, Role};

/// A picture of a graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Diagram {
    pub nodes: Vec<Node>,
    /// In drawing order.
    pub edges: Vec<Edge>,
    pub annotations: Vec<Annotation>,
    /// Boxes of areas that hold nothing at their timestep: greyed, where a format can.
    #[serde(skip)]
    pub dead: Vec<Node>,
    /// Boxes of one timestep are this many columns apart from those of the next; 0 if folded.
    #[serde(skip)]
    pub columns_per_timestep: usize,
}

/// How boxes are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxStyle {
    Layer,
    LayerGray,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    pub id: String,
    pub label: String,
    pub style: BoxStyle,
    pub rel: Relation,
    pub x_cm: f64,
    pub y_cm: f64,
    /// What of the graph it stands for; the final prediction stands for nothing of its own.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// A node of the graph at a timestep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Position in [`Graph::nodes`](crate::dynamics::Graph::nodes).
    pub node: usize,
    /// 0 in the folded picture.
    pub t: usize,
}

/// Where a box is, relative to another.
#[derive(Clone, Debug, PartialEq)]
pub enum Relation {
    /// At its own coordinates.
    Absolute,
    Above(String),
    Below(String),
    /// So far right of the right edge of another.
    RightOf {
        node: String,
        xshift: String,
    },
}

impl Serialize for Relation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs: Vec<(&str, String)> = match self {
            Self::Absolute => Vec::new(),
            Self::Above(node) => vec![("above_of", node.clone())],
            Self::Below(node) => vec![("below_of", node.clone())],
            Self::RightOf { node, xshift } => {
                vec![("at", format!("({node}.east)")), ("xshift", xshift.clone())]
            }
        };
        serializer.collect_map(pairs)
    }
}

/// Kind of an arrow, which is its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeClass {
    /// Away from the input, over one, two, and three or more levels.
    Ff1,
    Ff2,
    Ff3,
    /// Towards the input.
    Fb1,
    Fb2,
    Fb3,
    /// Lateral.
    Rec,
    /// A gain map and its target.
    Gain,
}

impl EdgeClass {
    pub const ALL: [Self; 8] =
        [Self::Ff1, Self::Ff2, Self::Ff3, Self::Fb1, Self::Fb2, Self::Fb3, Self::Rec, Self::Gain];

    /// Name of its style.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ff1 => "ff1",
            Self::Ff2 => "ff2",
            Self::Ff3 => "ff3",
            Self::Fb1 => "fb1",
            Self::Fb2 => "fb2",
            Self::Fb3 => "fb3",
            Self::Rec => "rec",
            Self::Gain => "gain",
        }
    }

    /// Which way it runs, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ff1 | Self::Ff2 | Self::Ff3 => "forward",
            Self::Fb1 | Self::Fb2 | Self::Fb3 => "feedback",
            Self::Rec => "lateral",
            Self::Gain => "gain",
        }
    }

    /// Its colour on screen and in SVG, and how opaque it is: longer ways are fainter.
    pub fn ink(self) -> (Ink, f64) {
        match self {
            Self::Ff1 => (Ink::Text, 1.0),
            Self::Ff2 => (Ink::Text, 0.6),
            Self::Ff3 => (Ink::Text, 0.4),
            Self::Fb1 => (Ink::Category(5), 1.0),
            Self::Fb2 => (Ink::Category(5), 0.7),
            Self::Fb3 => (Ink::Category(5), 0.5),
            Self::Rec => (Ink::Category(0), 1.0),
            Self::Gain => (Ink::Role(Role::Attended), 1.0),
        }
    }

    /// The second cue beside the colour, for the four meanings.
    pub fn dash(self) -> Dash {
        match self {
            Self::Ff1 | Self::Ff2 | Self::Ff3 => Dash::Solid,
            Self::Fb1 | Self::Fb2 | Self::Fb3 => Dash::Dashed,
            Self::Rec => Dash::Dotted,
            Self::Gain => Dash::DashDot,
        }
    }

    /// Red, green and blue of the source's TikZ styles in 0 to 1, and one for gains.
    pub fn colour(self) -> [f64; 3] {
        match self {
            Self::Ff1 => [0.0, 0.0, 0.0],
            Self::Ff2 => [0.5, 0.5, 0.5],
            Self::Ff3 => [0.75, 0.75, 0.75],
            Self::Fb1 => [0.8, 0.2, 0.2],
            Self::Fb2 => [0.9, 0.6, 0.6],
            Self::Fb3 => [0.95, 0.8, 0.8],
            Self::Rec => [0.1, 0.5, 0.8],
            Self::Gain => [0.71, 0.35, 0.0],
        }
    }
}

/// One end of an arrow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct End {
    pub node: String,
    /// Side of the box; nothing where the line meets it.
    pub anchor: Option<&'static str>,
    /// To the right and up, in points.
    pub shift_pt: [f64; 2],
}

impl End {
    pub(super) fn of(node: &str) -> Self {
        Self { node: node.to_owned(), anchor: None, shift_pt: [0.0; 2] }
    }

    pub(super) fn at(node: &str, anchor: &'static str, shift_pt: [f64; 2]) -> Self {
        Self { node: node.to_owned(), anchor: Some(anchor), shift_pt }
    }
}

/// An arrow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edge {
    pub from: End,
    pub to: End,
    pub class: EdgeClass,
    /// TikZ option of its path: empty is straight.
    pub path: &'static str,
    /// Position in [`Graph::connections`](crate::dynamics::Graph::connections); `None` for the arrow
    /// to the final prediction.
    #[serde(skip)]
    pub connection: Option<usize>,
}

/// A note.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Annotation {
    pub id: String,
    pub style: &'static str,
    pub at: String,
    pub anchor: &'static str,
    pub xshift: Option<&'static str>,
    pub yshift: Option<&'static str>,
    pub scale: &'static str,
    pub color: Option<EdgeClass>,
    pub align: Option<&'static str>,
    pub facts: Facts,
}
