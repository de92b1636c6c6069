//! The steps of training as legs of one run, and the weights on their way from one to the next.

use candle_core::Tensor;

use super::config::{Config, Stage};
use super::fold::fold;
use super::inverse::inverse_weights;
use super::recipe::CordsRecipe;
use super::twin::{Statistics, Twin};
use super::weights::initial_weights;
use crate::error::{Error, Result};
use crate::ops::Workspace;
use crate::train::optim::Decay;
use crate::train::{OptimiserConfig, Schedule};
use crate::weights::Weights;

/// Where the learning rate of the twin begins, as a share.
const RISE_FROM: f64 = 1.0 / 3.0;

/// A stretch of updates with one optimiser.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leg {
    pub(super) stage: Stage,
    /// Of the twin, which learning rate; of the parametric step, which slope; from 1.
    pub(super) run: u64,
    pub(super) updates: u64,
    pub(super) batch: usize,
    pub(super) optimiser: OptimiserConfig,
    pub(super) schedule: Schedule,
    /// Largest norm of the gradients.
    pub(super) clip: f64,
    /// Below zero, where the step lowers it.
    pub(super) slope: Option<f64>,
}

/// The legs of a run on `n` pictures.
pub(super) fn legs(recipe: &CordsRecipe, n: usize) -> Vec<Leg> {
    let per_epoch = |batch: usize| n.div_ceil(batch.max(1)).max(1) as u64;
    let mut legs = Vec::new();
    for &stage in &recipe.stages {
        if stage == Stage::Cnn {
            let twin = &recipe.cnn;
            let updates = if twin.updates > 0 { twin.updates } else { twin.epochs * per_epoch(twin.batch) };
            for (run, &learning_rate) in (1..).zip(&twin.learning_rates) {
                legs.push(Leg {
                    stage,
                    run,
                    updates,
                    batch: twin.batch,
                    optimiser: OptimiserConfig::Sgd {
                        learning_rate,
                        momentum: twin.momentum,
                        nesterov: false,
                        weight_decay: twin.weight_decay,
                    },
                    schedule: Schedule::Linear { from: RISE_FROM, total: twin.rise },
                    clip: f64::INFINITY,
                    slope: None,
                });
            }
            continue;
        }
        let step = recipe.step(stage);
        let is_lowered = stage == Stage::Parametric;
        let (runs, epochs) = if is_lowered { (step.epochs, 1) } else { (1, step.epochs) };
        let updates = if step.updates > 0 { step.updates } else { epochs * per_epoch(step.batch) };
        for run in 1..=runs {
            legs.push(Leg {
                stage,
                run,
                updates,
                batch: step.batch,
                optimiser: OptimiserConfig::Adam {
                    learning_rate: step.learning_rate,
                    betas: [0.9, 0.999],
                    eps: 1e-8,
                    weight_decay: step.weight_decay,
                    decay: Decay::Decoupled,
                },
                schedule: Schedule::Constant,
                clip: step.clip,
                slope: is_lowered.then(|| slope(recipe.slope_fall, run)),
            });
        }
    }
    legs
}

/// Slope of epoch `run` (from 1), as the source counts it: 1 less `fall` at first.
fn slope(fall: f64, run: u64) -> f64 {
    let slope = 1.0 - fall - fall * (run - 1) as f64;
    // The last of equal steps down leaves rounding behind.
    if slope < 1e-9 { 0.0 } else { slope }
}

/// Name of the file of a leg after `epoch` epochs (from 0), without its extension.
pub(super) fn file_name(leg: &Leg, epoch: u64) -> String {
    match leg.stage {
        Stage::Cnn if epoch == 0 => "1_compatibility_0".to_owned(),
        Stage::Cnn => format!("1_compatibility_{}_{epoch}", leg.run),
        Stage::Folded => FUSED.to_owned(),
        Stage::Inverse => format!("2_inverse_{epoch}"),
        Stage::Linear => format!("3_linear_{epoch}"),
        // One epoch per slope.
        Stage::Parametric => format!("4_parametric_{}", leg.run - 1 + epoch.min(1)),
        Stage::Final => format!("5_finetune_{epoch}"),
    }
}

/// Name of the file of the folded twin.
pub(super) const FUSED: &str = "1_compatibility_fused";

/// A network on its way through the steps.
pub(super) struct Passage {
    pub(super) config: Config,
    pub(super) weights: Weights,
    /// The folded twin, where the way leads over one.
    pub(super) folded: Option<(Config, Weights)>,
}

/// The network at `to` that follows from one at an earlier step, or at the same.
///
/// # Errors
/// [`Error::Config`] where no way leads there.
pub(super) fn passed(config: &Config, weights: &Weights, to: Stage, seed: u64) -> Result<Passage> {
    let config_at = |stage: Stage| Config {
        stage,
        warm_up: stage.warm_up(),
        timesteps: stage.timesteps(),
        ..config.clone()
    };
    if config.stage == to {
        return Ok(Passage { config: config.clone(), weights: weights.clone(), folded: None });
    }
    match config.stage {
        Stage::Cnn => {
            let folded = fold(config, &weights.detached()?, &mut Workspace::new())?;
            let further = match to {
                Stage::Folded => {
                    Passage { config: folded.0.clone(), weights: folded.1.clone(), folded: None }
                }
                to => passed(&folded.0, &folded.1, to, seed)?,
            };
            Ok(Passage { folded: Some(folded), ..further })
        }
        Stage::Folded => {
            let template = initial_weights(&config_at(Stage::Inverse), seed)?;
            let (config, weights) = inverse_weights(config, weights, &template)?;
            passed(&config, &weights, to, seed)
        }
        Stage::Inverse | Stage::Linear | Stage::Parametric | Stage::Final => {
            let is_ahead = to.warm_up() >= config.stage.warm_up() && !to.is_feed_forward();
            if !is_ahead || to == Stage::Inverse {
                let requirement = format!("of an earlier step than {}", to.name());
                return Err(Error::config("start", requirement, config.stage.name()));
            }
            let new = config_at(to);
            let mut tensors = Vec::new();
            for (name, shape) in new.tensors() {
                let tensor = match weights.find(&name) {
                    Some(weight) => weight.tensor().detach(),
                    // The slope begins linear.
                    None if name == "prelu.weight" => Tensor::ones(
                        shape,
                        candle_core::DType::F32,
                        weights.get("out_fc.bias")?.tensor().device(),
                    )?,
                    None => return Err(Error::unknown("tensor", name, weights.names())),
                };
                tensors.push((name, tensor));
            }
            Ok(Passage { config: new, weights: Weights::from_tensors(tensors), folded: None })
        }
    }
}

/// Largest difference of the logits of a twin and of its folded form on normalised pictures.
pub(super) fn folding_difference(
    twin: (&Config, &Weights),
    folded: &(Config, Weights),
    images: &Tensor,
) -> Result<f64> {
    let ws = &mut Workspace::new();
    let mut logits = |config: &Config, weights: &Weights| -> Result<Tensor> {
        Ok(Twin::new(config, &weights.detached()?)?.forward(images, Statistics::Stored, ws)?.logits)
    };
    let difference = (logits(twin.0, twin.1)? - logits(&folded.0, &folded.1)?)?;
    Ok(difference.abs()?.max_all()?.to_dtype(candle_core::DType::F64)?.to_scalar()?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use serde_json::Map;

    use super::super::Dataset;
    use super::*;
    use crate::checkpoint::compare;
    use crate::settings::Overrides;

    #[test]
    fn legs_follow_the_source() {
        let recipe = CordsRecipe::from_map("pipeline", &Map::new(), &Overrides::default()).unwrap();
        let legs = legs(&recipe, 1024);
        assert_eq!(legs.len(), 3 + 1 + 1 + 20 + 1);
        assert_eq!((legs[0].updates, legs[3].updates, legs[5].updates), (400, 800, 128));
        let slopes: Vec<f64> = legs.iter().filter_map(|leg| leg.slope).collect();
        assert!((slopes[0] - 0.95).abs() < 1e-12 && slopes[19] == 0.0 && slopes[18] > 0.04);
        let names = [(0, 0), (2, 100), (3, 0), (4, 7), (5, 0), (24, 1), (25, 20)];
        let names = names.map(|(leg, epoch)| file_name(&legs[leg], epoch));
        assert_eq!(
            names,
            [
                "1_compatibility_0",
                "1_compatibility_3_100",
                "2_inverse_0",
                "3_linear_7",
                "4_parametric_0",
                "4_parametric_20",
                "5_finetune_20"
            ]
        );
    }

    #[test]
    fn weights_pass_through_all_steps_and_not_back() {
        let config = Config::new(Stage::Cnn, Dataset::Mnist, 4, 4, 32);
        let mut passage =
            Passage { weights: initial_weights(&config, 1).unwrap(), config: config.clone(), folded: None };
        for stage in [Stage::Inverse, Stage::Linear, Stage::Parametric, Stage::Final] {
            passage = passed(&passage.config, &passage.weights, stage, 2).unwrap();
            assert_eq!((passage.config.stage, passage.config.warm_up), (stage, stage.warm_up()));
            assert!(compare(&passage.config.tensors(), &passage.weights, &[]).is_complete(), "{stage:?}");
            assert_eq!(passage.folded.is_some(), stage == Stage::Inverse);
        }
        let weights = initial_weights(&config, 1).unwrap();
        let straight = passed(&config, &weights, Stage::Final, 2).unwrap();
        assert!(passed(&straight.config, &straight.weights, Stage::Linear, 2).is_err());
        assert!(passed(&straight.config, &straight.weights, Stage::Cnn, 2).is_err());
        let folded = straight.folded.unwrap();
        let images = Tensor::rand(0f32, 1.0, (2, 1, 32, 32), &Device::Cpu).unwrap();
        assert!(folding_difference((&config, &weights), &folded, &images).unwrap() < 1e-5);
    }
}
