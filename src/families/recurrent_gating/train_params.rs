//! `train_params.json`: how the reference trained a network.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::train::optim::Decay;
use crate::train::{OptimiserConfig, Plateau, Schedule};

/// The trainer's clip where the file names none.
pub const DEFAULT_MAX_GRAD_NORM: f64 = 10.0;

/// The parameters of a training run, as far as the file has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainParams {
    pub n_epochs: u64,
    pub batch_size: usize,
    pub lr: f64,
    #[serde(default)]
    pub l2: f64,
    #[serde(default)]
    pub milestones: Vec<u64>,
    #[serde(default = "no_decay")]
    pub gamma: f64,
    #[serde(default = "default_max_grad_norm")]
    pub max_grad_norm: f64,
    #[serde(default)]
    pub scheduler: Option<String>,
    #[serde(default)]
    pub optimizer: Option<String>,
    #[serde(default)]
    pub lr_min: f64,
    #[serde(default)]
    pub total_steps: Option<u64>,
    #[serde(default)]
    pub pct_start: Option<f64>,
    /// Keys that do not change the procedure: folders, labels, numbers of samples.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

fn no_decay() -> f64 {
    1.0
}

fn default_max_grad_norm() -> f64 {
    DEFAULT_MAX_GRAD_NORM
}

impl TrainParams {
    /// # Errors
    /// [`Error::Config`] naming what is wrong.
    pub fn read(document: &Value) -> Result<Self> {
        serde_json::from_value(document.clone())
            .map_err(|err| Error::config("train_params.json", "the trainer's parameters", err))
    }

    /// Adam with the L2 term added to the gradient, or gradient descent with momentum 0.9.
    ///
    /// # Errors
    /// [`Error::Unknown`] for another optimiser.
    pub fn optimiser(&self) -> Result<OptimiserConfig> {
        match self.optimizer.as_deref() {
            None | Some("Adam") => Ok(OptimiserConfig::Adam {
                learning_rate: self.lr,
                betas: [0.9, 0.999],
                eps: 1e-8,
                weight_decay: self.l2,
                decay: Decay::L2,
            }),
            Some("SGD") => Ok(OptimiserConfig::Sgd {
                learning_rate: self.lr,
                momentum: 0.9,
                nesterov: false,
                weight_decay: self.l2,
            }),
            Some(other) => Err(Error::unknown("optimizer in train_params.json", other, ["Adam", "SGD"])),
        }
    }

    /// The learning-rate schedule; one-cycle counts updates, the others epochs.
    ///
    /// # Errors
    /// [`Error::Config`] if a one-cycle schedule has no length.
    pub fn schedule(&self) -> Result<Schedule> {
        match self.scheduler.as_deref() {
            Some("OneCycleLR") => {
                let total = self.total_steps.ok_or_else(|| {
                    Error::config("total_steps in train_params.json", "given for OneCycleLR", "nothing")
                })?;
                Ok(Schedule::OneCycle { total, rise: self.pct_start.unwrap_or(0.3) })
            }
            Some("CosineAnnealingLR") => {
                Ok(Schedule::Cosine { total: self.n_epochs, floor: self.lr_min / self.lr })
            }
            Some("ReduceLROnPlateau") => Ok(Schedule::Constant),
            _ => Ok(Schedule::Multistep { milestones: self.milestones.clone(), factor: self.gamma }),
        }
    }

    /// How the learning rate waits for a plateau, where that is the schedule.
    pub fn plateau(&self) -> Option<Plateau> {
        let is_plateau = self.scheduler.as_deref() == Some("ReduceLROnPlateau");
        is_plateau.then_some(Plateau {
            factor: self.gamma,
            patience: 8,
            threshold: 1e-2,
            cooldown: 8,
            floor: self.lr_min,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shipped_file_gives_its_procedure() {
        let params = TrainParams::read(&json!({"n_epochs": 96, "batch_size": 128, "lr": 0.0005, "l2": 1e-06,
            "exase": "default", "dir": "./results", "milestones": [32, 64], "gamma": 0.2}))
        .unwrap();
        assert_eq!(params.max_grad_norm, 10.0);
        let rate = params.schedule().unwrap().rate(params.lr, 64).learning_rate;
        assert!((rate - 2e-5).abs() < 1e-18);
        assert!(TrainParams::read(&json!({"lr": "fast"})).is_err());
        let mut cycle = params;
        cycle.scheduler = Some("OneCycleLR".to_owned());
        assert!(cycle.schedule().is_err());
    }
}
