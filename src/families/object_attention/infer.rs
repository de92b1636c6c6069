//! The configuration that names and shapes of tensors tell.

use std::collections::BTreeMap;

use serde_json::Value;

use super::config::{Config, KERNEL, PUBLISHED_PASSES, Variant, digits_width};
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Source};

/// Names and shapes of the tensors of a file.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Digits in a picture of the source.
const MOST_DIGITS: usize = 5;

/// Are these the tensors of one of the family's networks?
pub fn recognise_shapes(shapes: &Shapes) -> bool {
    let is_conv = |name: &str| shapes.get(name).is_some_and(|shape| shape.ends_with(&[KERNEL, KERNEL]));
    let is_matrix = |name: &str| shapes.get(name).is_some_and(|shape| shape.len() == 2);
    ["conv1.weight", "conv2.weight", "conv1_t.weight", "conv2_t.weight"].into_iter().all(is_conv)
        && ["linear_out.weight", "linear_out_t.weight"].into_iter().all(is_matrix)
}

/// The configuration as far as the tensors tell it, the source's defaults for the rest.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Shape`] for a tensor that the inference needs and that is not
/// there or has another number of axes; [`Error::Config`] if no picture of the source fits.
pub fn infer(shapes: &Shapes) -> Result<ConfigTable> {
    let variant = if shapes.contains_key("conv4.weight") { Variant::Photographs } else { Variant::Digits };
    let mut channels = Vec::with_capacity(variant.n_stages() + 1);
    for i in 1..=variant.n_stages() {
        let [output, input] = leading(shapes, &format!("conv{i}.weight"), 4)?;
        if i == 1 {
            channels.push(input);
        }
        channels.push(output);
    }
    let [n_classes, n_features] = leading(shapes, "linear_out.weight", 2)?;
    let mut config = match variant {
        Variant::Digits => Config::digits(2),
        Variant::Photographs => Config::photographs(),
    };
    (config.channels, config.n_classes) = (channels, n_classes);
    fit_picture(&mut config, n_features)?;

    let from_weights = |is_inferred: bool| if is_inferred { Source::Inferred } else { Source::Default };
    let is_digits = variant == Variant::Digits;
    let mut table = ConfigTable::default();
    table.set("variant", variant.name(), Source::Inferred);
    table.set("objects", config.objects, from_weights(is_digits));
    // Pooling drops odd rows, so that several sizes of a photograph give the same tensors.
    table.set("image_height", config.image_height, from_weights(is_digits));
    table.set("image_width", config.image_width, from_weights(is_digits));
    table.set("channels", config.channels, Source::Inferred);
    table.set("n_classes", n_classes, Source::Inferred);
    table.set("strength", variant.default_strength(), Source::Default);
    table.set("passes", PUBLISHED_PASSES, Source::Default);
    table.set("phases", config.objects, Source::Default);
    Ok(table)
}

/// The typed configuration of a resolved table; one phase per object unless the table says more.
///
/// # Errors
/// [`Error::Config`] naming the key.
pub fn resolve(table: &mut ConfigTable) -> Result<Config> {
    if let Some(objects) = table.get("objects").map(|entry| entry.value.clone()) {
        table.set("phases", Value::clone(&objects), Source::Default);
    }
    let config: Config = table.parse()?;
    config.validate()?;
    Ok(config)
}

/// Finds the picture whose last stage has `n_features` units.
fn fit_picture(config: &mut Config, n_features: usize) -> Result<()> {
    let fits = |config: &Config| config.n_features().is_ok_and(|found| found == n_features);
    match config.variant {
        Variant::Digits => {
            for objects in 1..=MOST_DIGITS {
                (config.objects, config.image_width) = (objects, digits_width(objects));
                if fits(config) {
                    return Ok(());
                }
            }
            let requirement = format!("those of a picture of 1 to {MOST_DIGITS} digits");
            Err(Error::config("columns of linear_out.weight", requirement, n_features))
        }
        Variant::Photographs => {
            if fits(config) {
                return Ok(());
            }
            let most = 1 << 12;
            for side in 1..=most {
                (config.image_height, config.image_width) = (side, side);
                if fits(config) {
                    return Ok(());
                }
            }
            let requirement = "channels times a square of the last stage";
            Err(Error::config("columns of linear_out.weight", requirement, n_features))
        }
    }
}

/// The first two axes of a tensor with `rank` axes.
fn leading(shapes: &Shapes, name: &str, rank: usize) -> Result<[usize; 2]> {
    let Some(shape) = shapes.get(name) else {
        return Err(Error::unknown("tensor", name, shapes.keys().cloned()));
    };
    match shape.as_slice() {
        &[first, second, ..] if shape.len() == rank => Ok([first, second]),
        _ => Err(Error::shape(name, format!("{rank} axes"), shape)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(config: &Config) -> Shapes {
        config.tensors().unwrap().into_iter().collect()
    }

    #[test]
    fn the_number_of_digits_follows_from_the_read_out() {
        for objects in 1..=5 {
            let shapes = shapes(&Config::digits(objects));
            assert!(recognise_shapes(&shapes));
            let mut table = infer(&shapes).unwrap();
            assert_eq!(resolve(&mut table).unwrap(), Config::digits(objects));
            assert_eq!(table.defaults().collect::<Vec<_>>(), ["strength", "passes", "phases"]);
        }
    }

    #[test]
    fn photographs_of_another_size_are_recognised() {
        let mut table = infer(&shapes(&Config::photographs())).unwrap();
        assert_eq!(resolve(&mut table).unwrap(), Config::photographs());
        let large = Config { image_height: 200, image_width: 200, ..Config::photographs() };
        let mut table = infer(&shapes(&large)).unwrap();
        let found = resolve(&mut table).unwrap();
        assert_eq!(found.n_features().unwrap(), large.n_features().unwrap());
        assert_eq!(table.get("image_width").unwrap().source, Source::Default);
    }

    #[test]
    fn phases_follow_the_objects_that_were_given() {
        let mut table = infer(&shapes(&Config::photographs())).unwrap();
        table.set("objects", 3, Source::Given);
        assert_eq!(resolve(&mut table).unwrap().phases, 3);
        table.set("phases", 1, Source::Given);
        assert_eq!(resolve(&mut table).unwrap().phases, 1);
    }

    #[test]
    fn a_read_out_that_fits_no_picture_is_refused() {
        let mut wrong = shapes(&Config::digits(2));
        wrong.insert("linear_out.weight".to_owned(), vec![10, 1601]);
        let message = infer(&wrong).unwrap_err().to_string();
        assert!(message.contains("linear_out.weight") && message.contains("1601"), "{message}");
        wrong.remove("linear_out.weight");
        assert!(infer(&wrong).is_err());
    }
}
