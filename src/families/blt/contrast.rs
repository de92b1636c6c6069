//! The supervised contrastive objective: views of pictures of one class are drawn together on a sphere,
//! those of other classes apart.
//!
//! Ours. The source has the objective in its list of arguments alone; this is the loss of Khosla et al.
//! (2020, L_out), on the top area's spatial mean behind a projection of two layers, which is left behind
//! after training. The read-out learns beside it, on responses whose gradients end there.

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::config::Config;
use crate::error::{Error, Result};
use crate::nn::init;
use crate::ops::{self, Workspace};
use crate::rng;
use crate::weights::Weights;

/// Names of the projection begin so; no network of the source has such tensors.
const PROJECTION: &str = "projection.";
/// Added to a picture's own similarity, so that it does not count.
const EXCLUDED: f64 = -1e9;
/// Keeps a projection of length 0 from dividing by it.
const TINY: f64 = 1e-12;

/// What a network is trained for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// To name pictures.
    #[default]
    Classification,
    /// To bring pictures of one class together.
    Contrastive,
}

/// What the contrastive loss is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContrastSettings {
    /// Similarities, which are cosines, are divided by it.
    pub temperature: f64,
}

/// The projection of a network: from its top area to as many numbers, then to `size`.
///
/// # Errors
/// Those of the tensor library.
pub(super) fn projection(config: &Config, size: usize, seed: u64) -> Result<Weights> {
    let top = config.top_channels();
    let mut tensors = Vec::with_capacity(4);
    for (layer, [out, inputs]) in [[top, top], [size, top]].into_iter().enumerate() {
        let rng = &mut rng::stream(seed, "blt projection", &[layer as u64]);
        let bound = 1.0 / (inputs as f64).sqrt();
        tensors.push((format!("{PROJECTION}{layer}.weight"), init::uniform(rng, &[out, inputs], bound)?));
        tensors.push((format!("{PROJECTION}{layer}.bias"), init::uniform(rng, &[out], bound)?));
    }
    Ok(Weights::from_tensors(tensors))
}

/// The network's own tensors, as it is published.
pub(super) fn without_projection(weights: &Weights) -> Weights {
    let own = weights.iter().filter(|(name, _)| !name.starts_with(PROJECTION));
    Weights::from_tensors(own.map(|(name, weight)| (name.to_owned(), weight.tensor().clone())))
}

/// `features` `[batch, channels]` behind the projection.
pub(super) fn projected(features: &Tensor, weights: &Weights) -> Result<Tensor> {
    let mut ws = Workspace::new();
    let mut layer = |x: &Tensor, layer: usize| {
        let [weight, bias] = ["weight", "bias"].map(|name| format!("{PROJECTION}{layer}.{name}"));
        ops::linear(x, weights.get(&weight)?, Some(weights.get(&bias)?), &mut ws)
    };
    let hidden = ops::relu(&layer(features, 0)?)?;
    layer(&hidden, 1)
}

/// Mean over pictures of the loss of each: the mean over others of its class of minus the logarithm of
/// their share of all similarities. `z`: `[batch, numbers]`, of any length; `labels`: `[batch]`, `u32`.
/// Pictures that are alone of their class count as others only.
///
/// # Errors
/// [`Error::Shape`] if rows do not match; [`Error::Config`] if every picture is alone of its class.
pub fn contrastive_loss(z: &Tensor, labels: &Tensor, settings: ContrastSettings) -> Result<Tensor> {
    let &[batch, _] = z.dims() else {
        return Err(Error::shape("projections", "[batch, numbers]", z.dims()));
    };
    if labels.dims() != [batch] {
        return Err(Error::shape("labels", [batch], labels.dims()));
    }
    let labels: Vec<u32> = labels.to_vec1()?;
    let (weights, n_anchors) = positives(&labels);
    if n_anchors == 0 {
        return Err(Error::config("batch_size", "two pictures of some class in every batch", batch));
    }
    let constant = |values: Vec<f64>| -> Result<Tensor> {
        Ok(Tensor::from_vec(values, (batch, batch), &Device::Cpu)?
            .to_dtype(z.dtype())?
            .to_device(z.device())?)
    };
    let own = (0..batch * batch).map(|at| if at / batch == at % batch { EXCLUDED } else { 0.0 });
    let length = (z.sqr()?.sum_keepdim(1)? + TINY)?.sqrt()?;
    let z = z.broadcast_div(&length)?;
    let similarity = (z.matmul(&z.t()?.contiguous()?)? / settings.temperature)?;
    let logs = ops::log_softmax(&(similarity + constant(own.collect())?)?, 1)?;
    Ok(((logs * constant(weights)?)?.sum_all()? / -(n_anchors as f64))?)
}

/// For each picture the weight of each other of its class, summing to 1; and how many have others.
fn positives(labels: &[u32]) -> (Vec<f64>, usize) {
    let (mut weights, mut n_anchors) = (Vec::with_capacity(labels.len().pow(2)), 0);
    for (i, label) in labels.iter().enumerate() {
        let is_other = |j: usize| i != j && labels[j] == *label;
        let n = (0..labels.len()).filter(|&j| is_other(j)).count();
        n_anchors += usize::from(n > 0);
        weights.extend((0..labels.len()).map(|j| if is_other(j) { 1.0 / n as f64 } else { 0.0 }));
    }
    (weights, n_anchors)
}

/// Spatial mean of the top area, `[batch, channels]`.
pub(super) fn pooled(top: &Tensor) -> Result<Tensor> {
    let dims = top.dims();
    Ok(ops::global_avg_pool2d(top)?.reshape((dims[0], dims[1]))?)
}

/// Class scores from `features` whose gradients end here.
pub(super) fn beside(config: &Config, features: &Tensor, weights: &Weights) -> Result<Tensor> {
    let name = config.read_out();
    let (weight, bias) = (weights.get(&format!("{name}.weight"))?, weights.get(&format!("{name}.bias"))?);
    ops::linear(&features.detach(), weight, Some(bias), &mut Workspace::new())
}

/// A loss as a number.
pub(super) fn number(loss: &Tensor) -> Result<f64> {
    Ok(loss.to_dtype(DType::F64)?.to_scalar::<f64>()?)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    fn loss(values: &[f64], rows: usize, labels: &[u32], temperature: f64) -> f64 {
        let z = Tensor::from_slice(values, (rows, values.len() / rows), &Device::Cpu).unwrap();
        let labels = Tensor::from_slice(labels, labels.len(), &Device::Cpu).unwrap();
        number(&contrastive_loss(&z, &labels, ContrastSettings { temperature }).unwrap()).unwrap()
    }

    #[test]
    fn closed_forms_hold() {
        // Two classes of two pictures each on two axes: one other at cosine 1, two at cosine 0.
        let axes = [1.0, 0.0, 3.0, 0.0, 0.0, 2.0, 0.0, 0.5];
        for temperature in [0.1, 0.5, 2.0_f64] {
            let expected = (1.0 + 2.0 * (-1.0 / temperature).exp()).ln();
            assert!((loss(&axes, 4, &[0, 0, 1, 1], temperature) - expected).abs() < 1e-9);
        }
        // Of one class, all alike: every other has a share of 1 / (n - 1).
        let alike = [0.3, 0.4].repeat(5);
        assert!((loss(&alike, 5, &[7; 5], 0.2) - 4f64.ln()).abs() < 1e-9);
        // Who is alone counts as an other only.
        let three = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        assert!((loss(&three, 3, &[1, 1, 2], 1.0) - (1.0 + (-1f64).exp()).ln()).abs() < 1e-9);
    }

    #[test]
    fn pictures_that_are_all_alone_teach_nothing_and_shapes_must_fit() {
        let z = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
        let of = |labels: &[u32]| {
            let labels = Tensor::from_slice(labels, labels.len(), &Device::Cpu).unwrap();
            contrastive_loss(&z, &labels, ContrastSettings { temperature: 0.1 })
        };
        assert!(of(&[0, 1]).unwrap_err().to_string().contains("batch_size"));
        assert!(of(&[0]).is_err());
        assert!(number(&of(&[3, 3]).unwrap()).unwrap().is_finite());
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let mut rng = rng::stream(3, "t", &[]);
        let values: Vec<f64> = (0..6 * 4).map(|_| rng::normal(&mut rng)).collect();
        let labels = [0, 1, 0, 2, 1, 0];
        let z = Var::from_slice(&values, (6, 4), &Device::Cpu).unwrap();
        let settings = ContrastSettings { temperature: 0.3 };
        let label_tensor = Tensor::from_slice(&labels, 6, &Device::Cpu).unwrap();
        let total = contrastive_loss(z.as_tensor(), &label_tensor, settings).unwrap();
        let gradient = total.backward().unwrap();
        let gradient: Vec<f64> = gradient.get(&z).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let step = 1e-5;
        for (at, found) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[at] += by;
                loss(&values, 6, &labels, 0.3)
            };
            let expected = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((found - expected).abs() < 1e-8, "{at}: {found} {expected}");
        }
    }
}
