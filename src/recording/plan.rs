//! What to record, and what it will cost.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::dynamics::{Area, Dynamics, find_area};
use crate::error::{Error, Result};

/// What is kept of one area at one timestep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// Every unit.
    #[default]
    Nothing,
    /// The mean over space: one number per channel.
    SpatialMean,
}

/// Which areas to keep, how often, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPlan {
    /// Indices into the model's areas, in display order.
    pub areas: Vec<usize>,
    /// Keep every n-th timestep, counted so that timestep 0 is kept.
    pub every: NonZeroUsize,
    pub reduce: Reduce,
    /// Keep the states too, so that a branch can start at any kept timestep.
    pub states: bool,
}

/// Bytes a recording takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Recorded values and class scores.
    pub values: u64,
    /// States to branch from.
    pub states: u64,
}

impl Cost {
    pub fn total(self) -> u64 {
        self.values + self.states
    }
}

impl RecordPlan {
    /// Every area at every timestep, with states.
    pub fn everything(model: &dyn Dynamics) -> Self {
        Self {
            areas: (0..model.areas().len()).collect(),
            every: NonZeroUsize::MIN,
            reduce: Reduce::Nothing,
            states: true,
        }
    }

    /// The named areas; the single name `all` is every area.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name the model lacks, [`Error::Config`] for no name at all.
    pub fn of(model: &dyn Dynamics, names: &[String], every: NonZeroUsize) -> Result<Self> {
        if names.is_empty() {
            return Err(Error::config("record", "at least one area, or \"all\"", "nothing"));
        }
        let areas = if names.len() == 1 && names[0] == "all" {
            (0..model.areas().len()).collect()
        } else {
            names.iter().map(|name| find_area(model.areas(), name)).collect::<Result<_>>()?
        };
        Ok(Self { areas, every, reduce: Reduce::Nothing, states: false })
    }

    /// Does timestep `t` get recorded?
    pub fn keeps(&self, t: usize) -> bool {
        t.is_multiple_of(self.every.get())
    }

    /// Numbers kept per trial of one area.
    pub fn n_values(&self, area: &Area) -> usize {
        match self.reduce {
            Reduce::Nothing => area.n_units(),
            Reduce::SpatialMean => area.map_shape()[0],
        }
    }

    /// What `n_timesteps` of `batch` trials will take.
    pub fn cost(&self, model: &dyn Dynamics, n_timesteps: usize, batch: usize) -> Result<Cost> {
        let kept = n_timesteps.div_ceil(self.every.get()) as u64;
        let values: u64 = self.areas.iter().map(|&area| self.n_values(&model.areas()[area]) as u64).sum();
        let scores = model.classes().len() as u64;
        let state = if self.states {
            let rest = model.rest(1)?;
            // A state at rest has no class scores yet.
            let number = rest.areas.first().map_or(size_of::<f32>(), |area| area.dtype().size_in_bytes());
            rest.size_bytes() as u64 + scores * number as u64
        } else {
            0
        };
        Ok(Cost {
            values: kept * batch as u64 * (values + scores) * size_of::<f32>() as u64,
            states: kept * batch as u64 * state,
        })
    }

    /// # Errors
    /// [`Error::Budget`] with the size and what would make it fit.
    pub fn check_budget(
        &self,
        model: &dyn Dynamics,
        n_timesteps: usize,
        batch: usize,
        budget_bytes: u64,
    ) -> Result<Cost> {
        const MIB: u64 = 1 << 20;
        let cost = self.cost(model, n_timesteps, batch)?;
        if cost.total() <= budget_bytes {
            return Ok(cost);
        }
        let fewer = cost.total().div_ceil(budget_bytes.max(1)) * self.every.get() as u64;
        let mean = Self { reduce: Reduce::SpatialMean, ..self.clone() }.cost(model, n_timesteps, batch)?;
        let hint = format!(
            "record fewer areas, every {fewer}th timestep, or the spatial mean ({} MiB)",
            mean.total().div_ceil(MIB)
        );
        Err(Error::Budget {
            what: format!("recording {n_timesteps} timesteps of {} areas, {batch} trials,", self.areas.len()),
            needed_mib: cost.total().div_ceil(MIB),
            budget_mib: budget_bytes / MIB,
            hint,
        })
    }
}
