//! Folding of batch normalisation into kernels and maps of biases; exact for stored statistics.
//!
//! `main_training_1_folding.py`. Biases become maps because zero padding lets less of a constant
//! through at the border.

use candle_core::Tensor;

use super::config::{Config, DIRECTION, GAIN, Stage, half};
use super::trunk::{INPUT_POOL, SAME, Trunk};
use super::weights::row_norms;
use crate::error::{Error, Result};
use crate::ops::{self, Workspace};
use crate::weights::Weights;

/// Added to variances by batch normalisation.
const EPS: f64 = 1e-5;

/// The twin of stage `cnn` as one of stage `folded`.
///
/// # Errors
/// [`Error::Config`] for another stage or without weight normalisation, [`Error::Unknown`] or
/// [`Error::Shape`] for weights that are not its own.
pub fn fold(config: &Config, weights: &Weights, ws: &mut Workspace) -> Result<(Config, Weights)> {
    config.validate()?;
    if config.stage != Stage::Cnn || !config.weight_norm {
        let requirement = "cnn, with weight normalisation, for folding";
        return Err(Error::config("stage", requirement, config.stage.name()));
    }
    let folded_config = Config { stage: Stage::Folded, ..config.clone() };
    let shapes = config.area_shapes();
    let mut folding = Folding { weights, folded: Vec::new() };
    let input = folding.absorb("inp_conv", "inp_norm")?;
    folding.unit_directions("inp_skip")?;
    let mut area_bias = Vec::with_capacity(config.depth);
    for (area, &shape) in shapes.iter().enumerate() {
        let offset = folding.absorb(&format!("area_area.{area}"), &format!("area_norm.{area}"))?;
        area_bias.push(constant(&offset, shape)?);
        let offset = folding.absorb(&format!("area_conv.{area}"), &format!("area_nrm2.{area}"))?;
        folding.put(format!("conv_bias.{area}"), constant(&offset, shape)?);
    }
    let mut skips = Vec::with_capacity(config.n_skips());
    for skip in 0..config.n_skips() {
        skips.push(folding.absorb(&format!("skip_area.{skip}"), &format!("skip_norm.{skip}"))?);
    }
    for name in ["out_fc.bias".to_owned(), format!("out_fc{GAIN}"), format!("out_fc{DIRECTION}")] {
        let tensor = weights.get(&name)?.tensor().clone();
        folding.put(name, tensor);
    }

    // What the offsets that stand before a convolution add behind it.
    let trunk = Trunk::load(&folded_config, &Weights::from_tensors(folding.folded.clone()), "")?;
    let side = half(config.image_side);
    let input = constant(&input, [config.widths[0], side, side])?.unsqueeze(0)?;
    let pooled = ops::avg_pool2d(&input, &INPUT_POOL)?;
    let skipped = trunk.input_skip(&pooled, ws)?;
    for (area, below) in [(0, pooled), (1, skipped)] {
        let pushed = ops::conv2d(&below, &trunk.area_area[area], None, &SAME, ws)?;
        area_bias[area] = (&area_bias[area] + pushed.squeeze(0)?)?;
    }
    for (skip, offset) in skips.iter().enumerate() {
        let area = 2 * skip + 3;
        let below = constant(offset, shapes[area])?.unsqueeze(0)?;
        let pushed = ops::conv2d(&below, &trunk.area_area[area], None, &SAME, ws)?;
        area_bias[area] = (&area_bias[area] + pushed.squeeze(0)?)?;
    }
    for (area, bias) in area_bias.into_iter().enumerate() {
        folding.put(format!("area_bias.{area}"), bias);
    }
    Ok((folded_config, Weights::from_tensors(folding.folded)))
}

/// `[channels]` over maps.
fn constant(offset: &Tensor, [channels, height, width]: [usize; 3]) -> Result<Tensor> {
    Ok(offset.reshape((channels, 1, 1))?.broadcast_as((channels, height, width))?.contiguous()?)
}

struct Folding<'a> {
    weights: &'a Weights,
    folded: Vec<(String, Tensor)>,
}

impl Folding<'_> {
    fn put(&mut self, name: String, tensor: Tensor) {
        self.folded.push((name, tensor));
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        Ok(self.weights.get(name)?.tensor().detach())
    }

    /// Scales the gain of `layer` by what `norm` multiplies; returns what it adds, `[channels]`.
    fn absorb(&mut self, layer: &str, norm: &str) -> Result<Tensor> {
        let deviation = (self.tensor(&format!("{norm}.running_var"))? + EPS)?.sqrt()?;
        let scale = (self.tensor(&format!("{norm}.weight"))? / deviation)?;
        let gain = self.tensor(&format!("{layer}{GAIN}"))?;
        let scaled = (&gain * scale.reshape(gain.dims())?)?;
        self.put(format!("{layer}{GAIN}"), scaled);
        self.unit_direction(layer)?;
        let mean = self.tensor(&format!("{norm}.running_mean"))?;
        Ok((self.tensor(&format!("{norm}.bias"))? - (mean * scale)?)?)
    }

    /// Keeps the gain of `layer`, its directions of norm 1.
    fn unit_directions(&mut self, layer: &str) -> Result<()> {
        let gain = self.tensor(&format!("{layer}{GAIN}"))?;
        self.put(format!("{layer}{GAIN}"), gain);
        self.unit_direction(layer)
    }

    fn unit_direction(&mut self, layer: &str) -> Result<()> {
        let direction = self.tensor(&format!("{layer}{DIRECTION}"))?;
        let mut rows = vec![1; direction.rank()];
        rows[0] = direction.dims()[0];
        let unit = direction.broadcast_div(&row_norms(&direction)?.reshape(rows)?)?;
        self.put(format!("{layer}{DIRECTION}"), unit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::super::{Dataset, Statistics, Twin, generate};
    use super::*;
    use crate::checkpoint::compare;
    use crate::nn::init;
    use crate::rng;

    #[test]
    fn folding_keeps_the_logits_at_every_size_of_the_picture() {
        for side in [61, 62, 63, 64] {
            let config = Config::new(Stage::Cnn, Dataset::Cifar10, 6, 4, side);
            let weights = generate(&config, 5).unwrap().to_dtype(DType::F64).unwrap();
            let ws = &mut Workspace::new();
            let (folded_config, folded) = fold(&config, &weights, ws).unwrap();
            assert!(compare(&folded_config.tensors(), &folded, &[]).is_complete());
            let mut rng = rng::stream(1, "picture", &[]);
            let image = init::normal(&mut rng, &[2, 3, side, side], 1.0).unwrap();
            let image = image.to_dtype(DType::F64).unwrap();
            let before = Twin::new(&config, &weights).unwrap();
            let after = Twin::new(&folded_config, &folded).unwrap();
            let [before, after] =
                [before, after].map(|twin| twin.forward(&image, Statistics::Stored, ws).unwrap().logits);
            let worst = (before - after).unwrap().abs().unwrap().max_all().unwrap();
            let worst = worst.to_scalar::<f64>().unwrap();
            assert!(worst < 1e-12, "{side}: {worst}");
        }
    }
}
