//! Which units of an area something applies to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Area;
use crate::error::{Error, Result};

/// A selection of units, comma-separated: `all`, channels (`7`, `3-9`), single units (`7:16:17`), or
/// all channels at one position (`*:16:17`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Units {
    /// Empty selects all.
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Channels { from: usize, to: usize },
    Unit { channel: usize, row: usize, col: usize },
    Position { row: usize, col: usize },
}

impl Units {
    /// Every unit of the area.
    pub fn all() -> Self {
        Self::default()
    }

    pub fn channel(channel: usize) -> Self {
        Self { parts: vec![Part::Channels { from: channel, to: channel }] }
    }

    pub fn unit(channel: usize, row: usize, col: usize) -> Self {
        Self { parts: vec![Part::Unit { channel, row, col }] }
    }

    /// All channels at one position.
    pub fn position(row: usize, col: usize) -> Self {
        Self { parts: vec![Part::Position { row, col }] }
    }

    pub fn is_all(&self) -> bool {
        self.parts.is_empty()
    }

    /// Both selections together; "all" with anything is all.
    pub fn union(mut self, other: Self) -> Self {
        if self.is_all() || other.is_all() {
            return Self::all();
        }
        self.parts.extend(other.parts);
        self
    }

    /// Flat indices into one trial of `area`, ascending and without repeats.
    ///
    /// # Errors
    /// [`Error::Config`] for a channel or position outside the area.
    pub fn indices(&self, area: &Area) -> Result<Vec<usize>> {
        let [channels, height, width] = area.map_shape();
        if self.is_all() {
            return Ok((0..area.n_units()).collect());
        }
        let mut indices = Vec::new();
        for part in &self.parts {
            match *part {
                Part::Channels { from, to } => {
                    if from > to || to >= channels {
                        return Err(outside(area, part));
                    }
                    indices.extend(from * height * width..(to + 1) * height * width);
                }
                Part::Unit { channel, row, col } => {
                    if channel >= channels || row >= height || col >= width {
                        return Err(outside(area, part));
                    }
                    indices.push((channel * height + row) * width + col);
                }
                Part::Position { row, col } => {
                    if row >= height || col >= width {
                        return Err(outside(area, part));
                    }
                    indices.extend((0..channels).map(|channel| (channel * height + row) * width + col));
                }
            }
        }
        indices.sort_unstable();
        indices.dedup();
        Ok(indices)
    }
}

fn outside(area: &Area, part: &Part) -> Error {
    let [channels, height, width] = area.map_shape();
    let requirement = format!("within {} ({channels} × {height} × {width}, counted from 0)", area.name);
    Error::config("units", requirement, part)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Channels { from, to } if from == to => write!(f, "{from}"),
            Self::Channels { from, to } => write!(f, "{from}-{to}"),
            Self::Unit { channel, row, col } => write!(f, "{channel}:{row}:{col}"),
            Self::Position { row, col } => write!(f, "*:{row}:{col}"),
        }
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        for (i, part) in self.parts.iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            write!(f, "{separator}{part}")?;
        }
        Ok(())
    }
}

impl FromStr for Units {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.trim() == "all" {
            return Ok(Self::all());
        }
        let parts = text.split(',').map(|part| parse_part(part.trim())).collect::<Option<Vec<_>>>();
        match parts {
            Some(parts) => Ok(Self { parts }),
            None => Err(Error::config(
                "units",
                "\"all\", channels (7 or 3-9), units (7:16:17) or a position (*:16:17)",
                text,
            )),
        }
    }
}

fn parse_part(text: &str) -> Option<Part> {
    if let Some((channel, position)) = text.split_once(':') {
        let (row, col) = position.split_once(':')?;
        let (row, col) = (row.parse().ok()?, col.parse().ok()?);
        return Some(match channel {
            "*" => Part::Position { row, col },
            channel => Part::Unit { channel: channel.parse().ok()?, row, col },
        });
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some(Part::Channels { from: from.trim().parse().ok()?, to: to.trim().parse().ok()? })
}

impl TryFrom<String> for Units {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Units> for String {
    fn from(units: Units) -> Self {
        units.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_selection_agree() {
        let area = Area::activity("conv1", &[3, 2, 2]);
        let indices = |text: &str| text.parse::<Units>().unwrap().indices(&area).unwrap();
        assert_eq!(indices("all").len(), 12);
        assert_eq!(indices("1"), [4, 5, 6, 7]);
        assert_eq!(indices("2:0:1,0:1:1"), [3, 9]);
        assert_eq!(indices("0-1,1").len(), 8);
        assert_eq!(indices("*:1:0"), [2, 6, 10]);
        assert_eq!("2:0:1,0-1".parse::<Units>().unwrap().to_string(), "2:0:1,0-1");
    }

    #[test]
    fn a_unit_outside_the_area_is_an_error() {
        let area = Area::activity("conv1", &[3, 2, 2]);
        assert!("3".parse::<Units>().unwrap().indices(&area).is_err());
        assert!("0:2:0".parse::<Units>().unwrap().indices(&area).is_err());
        assert!("x".parse::<Units>().is_err());
    }
}
