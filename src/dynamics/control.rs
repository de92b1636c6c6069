//! Live scalar parameters of a model: softness, strength, α, the task in force.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One scalar that can be changed between timesteps without touching the weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Control {
    /// Key in files and on the command line.
    pub name: String,
    /// On screen.
    pub label: String,
    /// What it does, with its symbol; the tooltip.
    pub definition: String,
    /// Empty for a pure number.
    pub unit: String,
    pub min: f64,
    pub max: f64,
    pub default: f64,
    /// For an enumeration: the label of each whole value from `min` up.
    pub choices: Vec<String>,
    /// Paper, specification or file the default comes from.
    pub source: String,
    /// The value the network was trained with; `None` where any value keeps to its protocol.
    pub trained: Option<f64>,
    /// The same quantity as people also say it.
    pub reciprocal: Option<Reciprocal>,
}

/// What is `numerator / value` of a control: a time constant for the share of one timestep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reciprocal {
    pub label: String,
    pub definition: String,
    pub unit: String,
    pub numerator: f64,
    pub min: f64,
    pub max: f64,
}

/// A value for a control as users write it: a number, or the label of a choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    Number(f64),
    Choice(String),
}

impl FromStr for Setting {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_not_a_number| Self::Choice(text.to_owned()), Self::Number))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Choice(label) => label.fmt(f),
        }
    }
}

impl Control {
    /// Value of the choice with this label, in any case.
    pub fn choice(&self, label: &str) -> Option<f64> {
        let position = self.choices.iter().position(|choice| choice.eq_ignore_ascii_case(label))?;
        Some(self.min + position as f64)
    }
}

/// The value of every control of a model, in the order of its list.
#[derive(Clone, Debug, PartialEq)]
pub struct Controls {
    values: Vec<f64>,
}

impl Controls {
    pub fn defaults(controls: &[Control]) -> Self {
        Self { values: controls.iter().map(|control| control.default).collect() }
    }

    /// Of every control, in the order of the model's list.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Value of the control at `index` of the model's list.
    pub fn get(&self, index: usize) -> f64 {
        self.values[index]
    }

    pub fn find(&self, controls: &[Control], name: &str) -> Option<f64> {
        position(controls, name).ok().map(|index| self.values[index])
    }

    /// The defaults with some values in their place.
    ///
    /// # Errors
    /// As [`Controls::set`].
    pub fn with<'a>(
        controls: &[Control],
        values: impl IntoIterator<Item = (&'a String, &'a f64)>,
    ) -> Result<Self> {
        let mut with = Self::defaults(controls);
        for (name, value) in values {
            with.set(controls, name, *value)?;
        }
        Ok(with)
    }

    /// # Errors
    /// [`Error::Unknown`] for an unknown name, [`Error::Config`] for a value out of range.
    pub fn set(&mut self, controls: &[Control], name: &str, value: f64) -> Result<()> {
        let index = position(controls, name)?;
        let control = &controls[index];
        if !(control.min..=control.max).contains(&value) {
            let requirement = format!("in {} to {}", control.min, control.max);
            return Err(Error::config(name, requirement, value));
        }
        if !control.choices.is_empty() && value.fract() != 0.0 {
            return Err(Error::config(name, "a whole number, one per choice", value));
        }
        self.values[index] = value;
        Ok(())
    }

    /// As [`Controls::set`] from what a user wrote.
    ///
    /// # Errors
    /// As [`Controls::set`]; [`Error::Unknown`] for a choice that the control does not offer,
    /// [`Error::Config`] for a text where a number is asked for.
    pub fn set_to(&mut self, controls: &[Control], name: &str, setting: &Setting) -> Result<()> {
        let control = &controls[position(controls, name)?];
        let value = match setting {
            Setting::Number(number) => *number,
            Setting::Choice(label) if control.choices.is_empty() => {
                let requirement = format!("a number in {} to {}", control.min, control.max);
                return Err(Error::config(name, requirement, label));
            }
            Setting::Choice(label) => control.choice(label).ok_or_else(|| {
                Error::unknown("choice of the control", label, control.choices.iter().cloned())
            })?,
        };
        self.set(controls, name, value)
    }
}

impl Control {
    /// `value` in words: the label of a choice, or the number with its unit.
    pub fn text_of(&self, value: f64) -> String {
        let choice = (value - self.min).round().max(0.0) as usize;
        match (self.choices.get(choice), self.unit.is_empty()) {
            (Some(choice), _) => choice.clone(),
            (None, true) => value.to_string(),
            (None, false) => format!("{value} {}", self.unit),
        }
    }
}

fn position(controls: &[Control], name: &str) -> Result<usize> {
    controls
        .iter()
        .position(|control| control.name == name)
        .ok_or_else(|| Error::unknown("control", name, controls.iter().map(|control| control.name.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls() -> Vec<Control> {
        let control = |name: &str, min: f64, max: f64, choices: &[&str]| Control {
            name: name.to_owned(),
            min,
            max,
            default: min,
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
            ..Control::default()
        };
        vec![control("alpha", 0.0, 1.0, &[]), control("task", -1.0, 1.0, &["as presented", "Cue", "Search"])]
    }

    #[test]
    fn settings_are_numbers_or_choices() {
        let list = controls();
        let mut values = Controls::defaults(&list);
        for (name, text, expected) in [("alpha", "0.25", 0.25), ("task", "search", 1.0), ("task", "0", 0.0)] {
            values.set_to(&list, name, &text.parse().unwrap()).unwrap();
            assert_eq!(values.find(&list, name), Some(expected));
        }
        for (name, text, told) in [
            ("alpha", "1.5", "alpha must be in 0 to 1, found 1.5"),
            ("alpha", "NaN", "alpha must be in 0 to 1, found NaN"),
            ("alpha", "much", "alpha must be a number"),
            ("task", "serch", "did you mean \"Search\""),
            ("task", "0.5", "task must be a whole number"),
            ("alhpa", "0.5", "did you mean \"alpha\""),
        ] {
            let message = values.set_to(&list, name, &text.parse().unwrap()).unwrap_err().to_string();
            assert!(message.contains(told), "{message}");
        }
    }
}
