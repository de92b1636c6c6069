//! Step 2: linear areas are fitted so that their steady state is what the twin's areas compute.
//!
//! `class_rnn_2_inverse.py`. The steady state of `dr/dt = -r + W r + b + u` is `(I - W)^-1 (b + u)`;
//! its series `sum_n W^n (b + u)`, cut after the third power, is fitted to the twin's convolution
//! on the twin's own activity, and the third power alone is kept small.

use candle_core::Tensor;

use super::config::{Config, Stage, TARGET};
use super::trunk::{INPUT_POOL, SAME, Trunk};
use super::twin::TwinLayers;
use crate::error::{Error, Result};
use crate::ops::{self, Workspace};
use crate::weights::Weights;

/// Highest power of the series.
const ORDER: usize = 3;

/// What the fit of each area gives.
pub(super) struct InverseLoss {
    /// Mean squared difference of the series to the twin's second convolution, per area.
    pub(super) errors: Vec<Tensor>,
    /// Mean square of the last power, per area.
    pub(super) eigens: Vec<Tensor>,
    /// Activity of the twin.
    pub(super) target: Vec<Tensor>,
}

/// The network of stage `inverse` out of a folded twin: the twin as `target_…`, and as the new trunk,
/// whose recurrent kernels and biases are those of `template`.
///
/// # Errors
/// [`Error::Config`] for another stage, [`Error::Unknown`] for a tensor that is missing.
pub fn inverse_weights(folded: &Config, twin: &Weights, template: &Weights) -> Result<(Config, Weights)> {
    if folded.stage != Stage::Folded {
        return Err(Error::config("stage", "folded, to be imitated", folded.stage.name()));
    }
    let stage = Stage::Inverse;
    let config = Config { stage, warm_up: stage.warm_up(), timesteps: stage.timesteps(), ..folded.clone() };
    let mut tensors = Vec::new();
    for (name, _) in config.tensors() {
        let is_fitted = name.starts_with("area_conv.") || name.starts_with("conv_bias.");
        let tensor = match is_fitted {
            true => template.get(&name)?,
            false => twin.get(name.strip_prefix(TARGET).unwrap_or(&name))?,
        };
        tensors.push((name, tensor.tensor().detach()));
    }
    Ok((config, Weights::from_tensors(tensors)))
}

/// Errors of all areas on normalised pictures.
pub(super) fn inverse_loss(
    config: &Config,
    weights: &Weights,
    image: &Tensor,
    ws: &mut Workspace,
) -> Result<InverseLoss> {
    let (trunk, target) = (Trunk::load(config, weights, "")?, Trunk::load(config, weights, TARGET)?);
    let activity = TwinLayers::target(config, weights)?.evaluate(image, ws)?;
    let pooled = ops::avg_pool2d(&target.input(image, ws)?, &INPUT_POOL)?;
    let mut loss = InverseLoss { errors: Vec::new(), eigens: Vec::new(), target: activity.clone() };
    for area in 0..config.depth {
        let below = match area {
            0 => pooled.clone(),
            1 => (&activity[0] + trunk.input_skip(&pooled, ws)?)?,
            _ if area.is_multiple_of(2) => (&activity[area - 1] + &activity[area - 2])?,
            _ => (&activity[area - 1] + trunk.skip((area - 3) / 2, &activity[area - 2], ws)?)?,
        };
        let arriving = target.forward(area, &below, ws)?;
        let map = |name: &str| Ok::<_, Error>(weights.get(&format!("{name}.{area}"))?.tensor());
        let shifted = arriving.broadcast_add(map("target_area_bias")?)?;
        let goal = ops::conv2d(&shifted, &target.area_conv[area], None, &SAME, ws)?;
        let goal = goal.broadcast_add(map("target_conv_bias")?)?;
        let source = arriving.broadcast_add(map("conv_bias")?)?;
        let (mut sum, mut power) = (source.clone(), source.clone());
        for _ in 0..ORDER {
            sum = (ops::conv2d(&sum, &trunk.area_conv[area], None, &SAME, ws)? + &source)?;
            power = ops::conv2d(&power, &trunk.area_conv[area], None, &SAME, ws)?;
        }
        loss.errors.push(ops::mse(&sum, &goal)?);
        loss.eigens.push(power.sqr()?.mean_all()?);
    }
    Ok(loss)
}
