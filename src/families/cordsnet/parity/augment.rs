//! Kind `augment`: the random changes of training pictures, with their draws given.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::Image;
use crate::stimulus::augment::{Elastic, RandAugment, Warp, brightness, contrast, cut_mixed, flipped, mixed};

#[derive(Deserialize)]
struct Spec {
    affine: StoredWarp,
    /// Magnitude, and whether it comes with both signs.
    randaugment: BTreeMap<String, (f64, bool)>,
    mixup_lam: f64,
    cutmix_box_x1y1x2y2: [usize; 4],
}

#[derive(Deserialize)]
struct StoredWarp {
    angle: f64,
    translate: [f64; 2],
    scale: f64,
    shear: [f64; 2],
}

/// Of the source's digits.
const ELASTIC: Elastic = Elastic { alpha: 20.0, sigma: 5.0 };
/// Of the mixed labels.
const CLASSES: usize = 10;

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let spec: Spec = inputs.parameter("spec")?;
    let image = one(inputs, "in.image")?;
    let mut recomputed = Recomputed::new();
    let StoredWarp { angle, translate, scale, shear } = spec.affine;
    let warp = Warp { deg: angle, shift: translate, scale, shear_deg: shear, ..Warp::default() };
    recomputed.insert("out.affine", array(warp.apply(&image))?);
    recomputed.insert("out.hflip", array(flipped(&image))?);
    for (name, factor) in inputs.parameter::<BTreeMap<String, f64>>("factors")? {
        let changed = match name.contains("contrast") {
            true => contrast(&image, factor),
            false => brightness(&image, factor),
        };
        recomputed.insert(name, array(changed)?);
    }
    for (name, (magnitude, is_signed)) in &spec.randaugment {
        let found = RandAugment::ALL.into_iter().find(|operation| operation.name() == *name);
        let names = || RandAugment::ALL.map(RandAugment::name);
        let operation = found.ok_or_else(|| Error::unknown("RandAugment operation", name, names()))?;
        let positive = array(operation.apply(&image, *magnitude))?;
        recomputed.insert(format!("out.randaug_{name}_p"), positive);
        if *is_signed {
            let negative = array(operation.apply(&image, -magnitude))?;
            recomputed.insert(format!("out.randaug_{name}_n"), negative);
        }
    }
    elastic(inputs, &mut recomputed)?;
    mixtures(inputs, &spec, &mut recomputed)?;
    Ok(recomputed)
}

fn elastic(inputs: &GoldenInputs, recomputed: &mut Recomputed) -> Result<()> {
    let digit = one(inputs, "in.digit44")?;
    let [_, height, width] = digit.shape();
    let noise = inputs.array("in.elastic_noise")?;
    let planes: Vec<Image> = (noise.to_f32().chunks(height * width))
        .map(|plane| Image::new(1, height, width, plane.to_vec()))
        .collect::<Result<_>>()?;
    let [across, down] = planes.as_slice() else {
        return Err(Error::shape("in.elastic_noise", [2, 1, 1, height, width], noise.dims()));
    };
    let across = ELASTIC.displacement(across, width);
    let down = ELASTIC.displacement(down, height);
    recomputed.insert("out.elastic", array(Elastic::displaced(&digit, &across, &down)?)?);
    let pairs = across.data().iter().zip(down.data()).flat_map(|(&x, &y)| [x, y]).collect();
    recomputed.insert("out.elastic_displacement", Array::f32(&[1, height, width, 2], pairs)?);
    Ok(())
}

fn mixtures(inputs: &GoldenInputs, spec: &Spec, recomputed: &mut Recomputed) -> Result<()> {
    let given = inputs.array("in.mix_images")?;
    let &[n, channels, height, width] = given.dims() else {
        return Err(Error::shape("in.mix_images", "[batch, channels, height, width]", given.dims()));
    };
    let pictures: Vec<Image> = (given.to_f32().chunks(channels * height * width))
        .map(|picture| Image::new(channels, height, width, picture.to_vec()))
        .collect::<Result<_>>()?;
    let labels = inputs.array("in.mix_labels")?;
    let labels = labels.to_i64().ok_or_else(|| Error::shape("in.mix_labels", "integers", labels.dims()))?;
    let one_hot: Vec<Vec<f32>> = labels
        .iter()
        .map(|&label| (0..CLASSES as i64).map(|class| f32::from(class == label)).collect())
        .collect();
    let pixels: Vec<Vec<f32>> = pictures.iter().map(|picture| picture.data().to_vec()).collect();
    let shape = [n, channels, height, width];
    let mixed_pixels = mixed(&pixels, spec.mixup_lam).concat();
    recomputed.insert("out.mixup_images", Array::f32(&shape, mixed_pixels)?);
    let mixed_labels = mixed(&one_hot, spec.mixup_lam).concat();
    recomputed.insert("out.mixup_labels", Array::f32(&[n, CLASSES], mixed_labels)?);
    let [x1, y1, x2, y2] = spec.cutmix_box_x1y1x2y2;
    let (cut, share) = cut_mixed(&pictures, [x1, x2], [y1, y2]);
    let cut: Vec<f32> = cut.into_iter().flat_map(Image::into_data).collect();
    recomputed.insert("out.cutmix_images", Array::f32(&shape, cut)?);
    recomputed.insert("out.cutmix_labels", Array::f32(&[n, CLASSES], mixed(&one_hot, share).concat())?);
    Ok(())
}

fn one(inputs: &GoldenInputs, name: &str) -> Result<Image> {
    let given = inputs.array(name)?;
    match *given.dims() {
        [channels, height, width] => Image::new(channels, height, width, given.to_f32()),
        ref dims => Err(Error::shape(name, "[channels, height, width]", dims)),
    }
}

fn array(image: Image) -> Result<Array> {
    let shape = image.shape();
    Array::from_tensor(&Tensor::from_vec(image.into_data(), &shape, &Device::Cpu)?)
}
