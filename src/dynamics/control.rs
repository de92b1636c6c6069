//! Live scalar parameters of a model: softness, strength, α, the task in force.

use serde::Serialize;

use crate::error::{Error, Result};

/// One scalar that can be changed between timesteps without touching the weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

    /// Value of the control at `index` of the model's list.
    pub fn get(&self, index: usize) -> f64 {
        self.values[index]
    }

    pub fn find(&self, controls: &[Control], name: &str) -> Option<f64> {
        position(controls, name).ok().map(|index| self.values[index])
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
        self.values[index] = value;
        Ok(())
    }
}

fn position(controls: &[Control], name: &str) -> Result<usize> {
    controls
        .iter()
        .position(|control| control.name == name)
        .ok_or_else(|| Error::unknown("control", name, controls.iter().map(|control| control.name.clone())))
}
