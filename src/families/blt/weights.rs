//! Initial weights as the source draws them, and the constants among its tensors.

use candle_core::{DType, Device, Tensor};

use super::config::{Config, Cornet};
use crate::error::Result;
use crate::nn::init;
use crate::rng::{self, Rng};
use crate::weights::Weights;

/// One row of the blur kernel; the kernel is its outer product with itself over 64.
const BLUR: [f32; 4] = [1.0, 3.0, 3.0, 1.0];

/// How convolutions and affine maps are drawn.
#[derive(Clone, Copy)]
enum Scheme {
    /// Weight and bias uniform in `±1/sqrt(fan in)`.
    Default,
    /// Uniform by both fans, bias 0.
    Xavier,
    /// Normal with variance `2 / (k k out)`; affine maps as in [`Scheme::Default`].
    FanOut,
    /// Normal with variance `2 / fan in`, bias 0.
    FanIn,
}

/// New weights; norms start at weight 1 and bias 0, running statistics at mean 0 and variance 1.
///
/// # Errors
/// [`crate::Error::Config`] for an invalid configuration.
pub fn initial_weights(config: &Config, seed: u64) -> Result<Weights> {
    config.validate()?;
    let scheme = match config {
        Config::Blt(_) => Scheme::Default,
        Config::Cornet(cornet) => match cornet.member {
            Cornet::Z => Scheme::Xavier,
            Cornet::S => Scheme::FanOut,
            Cornet::R | Cornet::Rt => Scheme::Default,
        },
        Config::Resnet(_) => Scheme::FanIn,
    };
    let shapes = config.tensors();
    let mut tensors = Vec::with_capacity(shapes.as_slice().len());
    // Of the layer whose weight came last, for its bias.
    let mut fan_in = 1;
    for (index, (name, shape)) in shapes.iter().enumerate() {
        let rng = &mut rng::stream(seed, "blt weights", &[index as u64]);
        let tensor = if name.ends_with(".filt") {
            blur_kernel(shape)?
        } else if shape.len() > 1 {
            fan_in = shape[1..].iter().product();
            weight(rng, shape, scheme)?
        } else if let Some(layer) = name.strip_suffix(".bias").filter(|layer| !layer.contains("norm")) {
            let is_affine = layer.ends_with("linear") || layer.ends_with("classifier");
            match scheme {
                Scheme::FanOut if is_affine => init::uniform(rng, shape, 1.0 / (fan_in as f64).sqrt())?,
                Scheme::Default => init::uniform(rng, shape, 1.0 / (fan_in as f64).sqrt())?,
                _ => Tensor::zeros(shape, DType::F32, &Device::Cpu)?,
            }
        } else {
            let is_one = name.ends_with(".weight") || name.ends_with(".running_var");
            Tensor::full(if is_one { 1f32 } else { 0.0 }, shape, &Device::Cpu)?
        };
        tensors.push((name.to_owned(), tensor));
    }
    Ok(Weights::from_tensors(tensors))
}

fn weight(rng: &mut Rng, shape: &[usize], scheme: Scheme) -> Result<Tensor> {
    let fan_in: usize = shape[1..].iter().product();
    match scheme {
        Scheme::Xavier => init::xavier_uniform(rng, shape),
        Scheme::FanIn => init::normal(rng, shape, (2.0 / fan_in as f64).sqrt()),
        Scheme::FanOut if shape.len() == 4 => {
            let fan_out = shape[0] * shape[2] * shape[3];
            init::normal(rng, shape, (2.0 / fan_out as f64).sqrt())
        }
        Scheme::FanOut | Scheme::Default => init::uniform(rng, shape, init::default_bound(shape)),
    }
}

/// The constant `filt` of blur pooling, `[channels, 1, 4, 4]`.
pub(super) fn blur_kernel(shape: &[usize]) -> Result<Tensor> {
    let kernel = BLUR.iter().flat_map(|row| BLUR.iter().map(move |column| row * column / 64.0));
    let kernel = Tensor::from_iter(kernel, &Device::Cpu)?.reshape((1, 1, 4, 4))?;
    Ok(kernel.broadcast_as(shape)?.contiguous()?)
}

#[cfg(test)]
mod tests {
    use super::super::config::Pooling;
    use super::*;

    fn values(weights: &Weights, name: &str) -> Vec<f32> {
        weights.get(name).unwrap().tensor().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn bounds_are_those_of_the_source() {
        let largest = |name: &str, tensor: &str| {
            let weights = initial_weights(&Config::named(name).unwrap(), 1).unwrap();
            values(&weights, tensor).iter().fold(0f32, |top, value| top.max(value.abs()))
        };
        for (name, tensor, bound) in [
            ("blt_blt", "conv_0_0.weight", 1.0 / 24.0),
            ("blt_blt", "conv_0_0.bias", 1.0 / 24.0),
            // A transposed convolution: its fan-in is read off its output.
            ("blt_blt", "conv_2_1.weight", 1.0 / 24.0),
            ("cornet_z", "V2.conv.weight", (6f32 / (9.0 * 192.0)).sqrt()),
            ("cornet_rt", "V2.conv_input.bias", 1.0 / 24.0),
        ] {
            let found = largest(name, tensor);
            assert!(found <= bound * 1.000_1 && found > 0.85 * bound, "{name} {tensor}: {found}");
        }
        assert_eq!(largest("cornet_z", "V2.conv.bias"), 0.0);
        assert_eq!(largest("resnet50", "classifier.bias"), 0.0);
        assert_eq!(largest("cornet_s", "V2.norm_skip.running_var"), 1.0);
    }

    #[test]
    fn deviations_are_those_of_the_source() {
        for (name, tensor, deviation) in [
            ("cornet_s", "V4.conv2.weight", (2.0 / (9.0 * 1024.0f64)).sqrt()),
            ("resnet50", "stage_2.0.conv2.0.weight", (2.0 / (9.0 * 128.0f64)).sqrt()),
        ] {
            let weights = initial_weights(&Config::named(name).unwrap(), 2).unwrap();
            let values = values(&weights, tensor);
            let squares: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
            let found = (squares / values.len() as f64).sqrt();
            assert!((found / deviation - 1.0).abs() < 0.02, "{name}: {found} {deviation}");
        }
    }

    #[test]
    fn blur_kernels_sum_to_one() {
        let mut config = Config::named("blt_b").unwrap();
        if let Config::Blt(blt) = &mut config {
            blt.pool = Pooling::Blur;
        }
        let weights = initial_weights(&config, 1).unwrap();
        let kernel = values(&weights, "conv_1_2.blurpool.filt");
        assert_eq!((kernel.len(), kernel[0], kernel[5]), (64 * 16, 1.0 / 64.0, 9.0 / 64.0));
        assert_eq!(kernel[..16].iter().sum::<f32>(), 1.0);
    }
}
