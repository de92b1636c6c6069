//! Kind `preprocess`: pictures of the data sets as the networks' input.

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::Deserialize;

use super::super::protocol::preparation;
use super::super::{Config, Dataset, Stage};
use super::array;
use super::dynamics::every;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Numbers, Recomputed};

/// One entry of the parameter `items`.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "in")]
    input: String,
    dataset: Dataset,
    stage: String,
    /// Rows and columns are thinned by this.
    step: usize,
}

/// Side of the published networks' input.
const SIDE: usize = 224;

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let items: BTreeMap<String, Item> = inputs.parameter("items")?;
    let mut recomputed = Recomputed::new();
    for (name, item) in items {
        let given = inputs.array(&item.input)?;
        let shape = match *given.dims() {
            [height, width] => [height, width, 1],
            [height, width, channels] => [height, width, channels],
            ref dims => return Err(Error::shape(&item.input, "[height, width, channels]", dims)),
        };
        let Numbers::U8(pixels) = given.numbers() else {
            return Err(Error::shape(&item.input, "bytes", given.dims()));
        };
        let preparation = preparation(&Config::new(Stage::Final, item.dataset, 2, 1, SIDE));
        let [_, _, channels] = shape;
        let value = match item.stage.as_str() {
            "resized u8" => {
                let bytes = preparation.bytes(pixels, shape)?;
                let planes = (0..channels).flat_map(|c| bytes[c..].iter().step_by(channels).copied());
                let planes =
                    Tensor::from_vec(planes.collect::<Vec<u8>>(), (channels, SIDE, SIDE), inputs.device())?;
                thinned(&planes, item.step)?
            }
            "normalised" => {
                let mut image = preparation.image(pixels, shape)?;
                item.dataset.pixel_scale().normalise(&mut image)?;
                let dims = image.shape();
                thinned(&Tensor::from_vec(image.into_data(), &dims, inputs.device())?, item.step)?
            }
            other => return Err(Error::unknown("stage", other, ["resized u8", "normalised"])),
        };
        recomputed.insert(name, value);
    }
    Ok(recomputed)
}

fn thinned(planes: &Tensor, step: usize) -> Result<Array> {
    array(&every(&every(planes, 1, step)?, 2, step)?)
}
