//! A model as the window and the command line hold it: dynamics, weights and what is known of both.

mod opening;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use opening::{Expected, Opened, draft, key_of, naming_file, naming_given};

use crate::checkpoint::{Checkpoint, Report};
use crate::dynamics::{Dynamics, Frame, Graph, Presentation, ProtocolOptions, Schedule};
use crate::error::{Error, Result};
use crate::settings::ConfigTable;
use crate::weights::Weights;

/// The published systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    RecurrentGating,
    ObjectAttention,
    CounterHebb,
    Blt,
    #[serde(rename = "cordsnet")]
    CordsNet,
}

impl Family {
    pub const ALL: [Self; 5] =
        [Self::RecurrentGating, Self::ObjectAttention, Self::CounterHebb, Self::Blt, Self::CordsNet];

    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::RecurrentGating => "recurrent_gating",
            Self::ObjectAttention => "object_attention",
            Self::Blt => "blt",
            Self::CounterHebb => "counter_hebb",
            Self::CordsNet => "cordsnet",
        }
    }

    /// Short name of its golden and checkpoint folders.
    pub fn short_name(self) -> &'static str {
        match self {
            Self::RecurrentGating => "brg",
            Self::ObjectAttention => "oba",
            Self::Blt => "blt",
            Self::CounterHebb => "butd",
            Self::CordsNet => "cordsnet",
        }
    }

    /// On screen.
    pub fn label(self) -> &'static str {
        match self {
            Self::RecurrentGating => "Recurrent gating",
            Self::ObjectAttention => "Object attention",
            Self::Blt => "BLT",
            Self::CounterHebb => "Counter-Hebb",
            Self::CordsNet => "CordsNet",
        }
    }
}

impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|family| [family.name(), family.short_name()].contains(&text));
        found.ok_or_else(|| Error::unknown("family", text, Self::ALL.map(Self::name)))
    }
}

/// Where tensors live and how precise they are.
#[derive(Clone, Debug)]
pub struct Target {
    pub device: Device,
    /// `F32` or `F64`.
    pub dtype: DType,
}

impl Default for Target {
    fn default() -> Self {
        Self { device: Device::Cpu, dtype: DType::F32 }
    }
}

/// Where the configuration of a new network starts.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// A published network by name.
    Named(&'a str),
    /// The configuration of a network that there is.
    Values { variant: &'a str, values: &'a Map<String, Value> },
}

/// Which file a model came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// On screen: folder and file, or a run and its update.
    pub name: String,
    pub path: Option<PathBuf>,
    pub sha256: Option<String>,
}

impl Origin {
    /// The file of a checkpoint.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            name: checkpoint.identity().name,
            path: Some(checkpoint.path.clone()),
            sha256: Some(checkpoint.sha256.clone()),
        }
    }

    /// No file.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), path: None, sha256: None }
    }
}

/// What is known of a model besides its numbers.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    pub family: Family,
    /// `gate`, `block`, `resatt`; `digits`, `photographs`; `fc`, `simple`, `conv`; `blt_bl`, `cornet_rt`;
    /// `r8`, `r4-linear` and the like.
    pub variant: String,
    pub config: ConfigTable,
    pub origin: Origin,
    pub report: Report,
}

/// A loaded model. Cloning copies pointers.
#[derive(Clone)]
pub struct Model {
    pub dynamics: Arc<dyn Dynamics>,
    pub weights: Weights,
    pub info: Arc<ModelInfo>,
}

impl Model {
    /// Learnable numbers: everything but the running statistics of norms and constant filters.
    pub fn n_parameters(&self) -> usize {
        let is_buffer = |name: &str| {
            [".running_mean", ".running_var", ".num_batches_tracked", ".filt"]
                .iter()
                .any(|suffix| name.ends_with(suffix))
        };
        let learnable = self.weights.iter().filter(|(name, _)| !is_buffer(name));
        learnable.map(|(_, weight)| weight.tensor().elem_count()).sum()
    }

    /// Areas and connections, with parameters and multiply-adds counted.
    pub fn graph(&self) -> Graph {
        self.dynamics.graph().counted(self.weights.iter().map(|(name, weight)| (name, weight.dims())))
    }

    /// The family's protocol for one held picture without content.
    ///
    /// # Errors
    /// Those of the family's schedule.
    pub fn blank_schedule(&self) -> Result<Schedule> {
        let presentation = Presentation {
            frames: vec![Arc::new(Frame::blank(1, self.dynamics.input_shape())?)],
            beyond: None,
            instructions: Vec::new(),
            target: None,
            segments: Vec::new(),
        };
        self.dynamics.schedule(&presentation, &ProtocolOptions::default())
    }

    /// Timesteps of a run as published; `None` where that is up to the stimulus.
    pub fn published_timesteps(&self) -> Option<usize> {
        let schedule = self.blank_schedule().ok()?;
        Some(schedule.published.unwrap_or(schedule.len()))
    }

    /// The report of `gainfield info`.
    pub fn describe(&self) -> Value {
        let areas = self.dynamics.areas().iter().enumerate();
        let areas: Vec<Value> = areas
            .map(|(index, area)| {
                json!({
                    "name": area.name,
                    "shape": area.shape,
                    "live_from": self.dynamics.live_from(index),
                })
            })
            .collect();
        json!({
            "family": self.info.family.name(),
            "variant": self.info.variant,
            "config": self.info.config,
            "parameters": self.n_parameters(),
            "areas": areas,
            "time_unit": self.dynamics.time_unit().name(),
            "preparation": self.dynamics.preparation().map(|preparation| preparation.to_string()),
            "tensors": self.info.report,
        })
    }
}
