//! What notes say.

use serde::Serialize;

use super::count::with_commas;
use super::diagram::EdgeClass;

/// The content of a note.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Facts {
    Parameters {
        total_parameters: usize,
    },
    Timesteps {
        timesteps: usize,
    },
    /// Height, width, channels and units of a map; entries of a vector.
    Shape {
        numbers: Vec<usize>,
    },
    Connection {
        pre: String,
        conn: EdgeClass,
        params_label: String,
        module: String,
        numbers: Vec<usize>,
    },
    Time {
        t: usize,
    },
}

impl Facts {
    /// One line of text.
    pub fn text(&self) -> String {
        let list = |numbers: &[usize]| {
            let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
            numbers.join(", ")
        };
        match self {
            Self::Parameters { total_parameters } => format!("{} parameters", with_commas(*total_parameters)),
            Self::Timesteps { timesteps } => format!("{timesteps} timesteps"),
            Self::Shape { numbers } => match numbers.as_slice() {
                [height, width, channels, units] => {
                    format!("{height} × {width} × {channels} = {}", with_commas(*units))
                }
                numbers => list(numbers),
            },
            Self::Connection { pre, conn, params_label, module, numbers } => {
                let numbers =
                    if numbers.is_empty() { String::new() } else { format!(" [{}]", list(numbers)) };
                format!("{pre} {} {module}{numbers} ({params_label})", conn.name())
            }
            Self::Time { t } => format!("t = {t}"),
        }
    }
}
