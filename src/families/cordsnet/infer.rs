//! The configuration that names and shapes of tensors tell, and what a file's name adds.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::config::{ALPHA, Config, DIRECTION, DT_MS, Stage, TARGET};
use super::dataset::Dataset;
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Source};

/// Names and shapes of the tensors of a file.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Are these the tensors of one of the family's networks?
pub fn recognise_shapes(shapes: &Shapes) -> bool {
    let is_kernel = |name: &str, rank, side| {
        kernel_shape(shapes, name).is_some_and(|shape| shape.len() == rank && shape.last() == Some(&side))
    };
    is_kernel("inp_conv", 4, 7)
        && is_kernel("inp_skip", 4, 3)
        && is_kernel("area_conv.0", 4, 3)
        && shapes.contains_key("out_fc.bias")
}

/// Shape of the kernel of a layer, weight-normalised or not.
fn kernel_shape<'a>(shapes: &'a Shapes, name: &str) -> Option<&'a [usize]> {
    let found = shapes.get(&format!("{name}{DIRECTION}")).or_else(|| shapes.get(&format!("{name}.weight")));
    found.map(Vec::as_slice)
}

/// The configuration as far as the tensors and the names in `path` tell it, the source's defaults
/// for the rest.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Shape`] for a tensor that the inference needs and that is not
/// there or has another number of axes.
pub fn infer(shapes: &Shapes, path: &Path) -> Result<ConfigTable> {
    let depth = depth(shapes);
    let mut widths = Vec::with_capacity(depth);
    for area in 0..depth {
        widths.push(kernel(shapes, &format!("area_conv.{area}"), 4)?[0]);
    }
    let image_channels = kernel(shapes, "inp_conv", 4)?[1];
    let n_classes = kernel(shapes, "out_fc", 2)?[0];
    let (stage, stage_source) = stage(shapes, path);
    let (dataset, dataset_source) = dataset(n_classes, image_channels, path);
    // Four sizes of a picture give the same maps; the largest is the source's.
    let maps = ["conv_bias.0", "area_bias.0"].into_iter().find_map(|name| shapes.get(name));
    let Some(&[_, side, _]) = maps.map(Vec::as_slice) else {
        let found = maps.map_or(&[][..], Vec::as_slice);
        return Err(Error::shape("conv_bias.0", "[channels, height, width]", found));
    };

    let mut table = ConfigTable::default();
    table.set("depth", depth, Source::Inferred);
    table.set("stage", stage.name(), stage_source);
    table.set("dataset", dataset.name(), dataset_source);
    table.set("widths", widths, Source::Inferred);
    table.set("image_side", 4 * side, Source::Default);
    table.set("image_channels", image_channels, Source::Inferred);
    table.set("n_classes", n_classes, Source::Inferred);
    table.set("weight_norm", shapes.contains_key(&format!("inp_conv{DIRECTION}")), Source::Inferred);
    table.set("normalise", image_channels == dataset.channels(), Source::Default);
    table.set("alpha", ALPHA, Source::Default);
    table.set("dt_ms", DT_MS, Source::Default);
    table.set("warm_up", stage.warm_up(), Source::Default);
    table.set("timesteps", stage.timesteps(), Source::Default);
    Ok(table)
}

/// The typed configuration of a resolved table; the protocol follows the stage unless the table
/// says more.
///
/// # Errors
/// [`Error::Config`] naming the key.
pub fn resolve(table: &mut ConfigTable) -> Result<Config> {
    let stage =
        table.get("stage").and_then(|entry| serde_json::from_value::<Stage>(entry.value.clone()).ok());
    if let Some(stage) = stage {
        table.set("warm_up", Value::from(stage.warm_up()), Source::Default);
        table.set("timesteps", Value::from(stage.timesteps()), Source::Default);
    }
    let config: Config = table.parse()?;
    config.validate()?;
    Ok(config)
}

fn depth(shapes: &Shapes) -> usize {
    let indices = shapes.keys().filter_map(|name| {
        let (index, _) = name.strip_prefix("area_conv.")?.split_once('.')?;
        index.parse::<usize>().ok()
    });
    indices.max().map_or(0, |last| (last + 1).min(64))
}

fn kernel<'a>(shapes: &'a Shapes, name: &str, rank: usize) -> Result<&'a [usize]> {
    match kernel_shape(shapes, name) {
        Some(shape) if shape.len() == rank => Ok(shape),
        Some(shape) => Err(Error::shape(name, format!("{rank} axes"), shape)),
        None => Err(Error::unknown("tensor", format!("{name}{DIRECTION}"), shapes.keys().cloned())),
    }
}

/// Final and linear files hold the same tensors; the source calls them `5_finetune_…` and `3_linear_…`.
fn stage(shapes: &Shapes, path: &Path) -> (Stage, Source) {
    let is_target = |name: &String| name.starts_with(TARGET);
    if shapes.contains_key("inp_norm.weight") {
        (Stage::Cnn, Source::Inferred)
    } else if shapes.keys().any(is_target) {
        (Stage::Inverse, Source::Inferred)
    } else if shapes.contains_key("area_bias.0") {
        (Stage::Folded, Source::Inferred)
    } else if shapes.contains_key("prelu.weight") {
        (Stage::Parametric, Source::Inferred)
    } else if words(path.file_stem()).any(|word| word == "linear") {
        (Stage::Linear, Source::Inferred)
    } else if words(path.file_stem()).any(|word| word == "finetune") {
        (Stage::Final, Source::Inferred)
    } else {
        (Stage::Final, Source::Default)
    }
}

/// By the number of classes and channels; names in the path (`results_4_cifar10/…`) decide where
/// these fit several or none.
fn dataset(n_classes: usize, channels: usize, path: &Path) -> (Dataset, Source) {
    let fits = |dataset: &Dataset| (dataset.n_classes(), dataset.channels()) == (n_classes, channels);
    let folder = path.parent().and_then(Path::file_name);
    let named = words(path.file_stem()).chain(words(folder)).find_map(|word| Dataset::find(&word));
    if let Some(named) = named.filter(|named| fits(named) || !Dataset::ALL.iter().any(fits)) {
        return (named, Source::Inferred);
    }
    let mut fitting = Dataset::ALL.into_iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => (one, Source::Inferred),
        (Some(first), Some(_)) => (first, Source::Default),
        (None, _) if channels == 1 => (Dataset::Mnist, Source::Default),
        (None, _) => (Dataset::Imagenet, Source::Default),
    }
}

fn words(name: Option<&std::ffi::OsStr>) -> impl Iterator<Item = String> {
    let name = name.unwrap_or_default().to_string_lossy().to_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(config: &Config) -> Shapes {
        config.tensors().into_iter().collect()
    }

    fn infer_at(config: &Config, path: &str) -> ConfigTable {
        infer(&shapes(config), Path::new(path)).unwrap()
    }

    #[test]
    fn every_stage_and_depth_is_recognised() {
        for stage in Stage::ALL {
            for depth in [2, 4, 6, 8] {
                for weight_norm in [true, false] {
                    let mut config = Config::new(stage, Dataset::Cifar10, depth, 4, 64);
                    config.weight_norm = weight_norm;
                    assert!(recognise_shapes(&shapes(&config)));
                    let name = if stage == Stage::Linear { "3_linear_0.pth" } else { "5_finetune_2.pth" };
                    assert_eq!(resolve(&mut infer_at(&config, name)).unwrap(), config);
                }
            }
        }
    }

    #[test]
    fn the_data_set_is_told_by_classes_or_names() {
        let of = |dataset: Dataset, path: &str| {
            let table = infer_at(&Config::new(Stage::Final, dataset, 2, 4, 64), path);
            let entry = table.get("dataset").unwrap();
            (entry.value.as_str().unwrap().to_owned(), entry.source)
        };
        let inferred = |name: &str| (name.to_owned(), Source::Inferred);
        assert_eq!(of(Dataset::Imagenet, "a.pth"), inferred("imagenet"));
        assert_eq!(of(Dataset::Cifar10, "mnist.pth"), inferred("cifar10"));
        assert_eq!(of(Dataset::FashionMnist, "a.pth"), ("mnist".to_owned(), Source::Default));
        assert_eq!(of(Dataset::FashionMnist, "results_2_fashionmnist/5_x.pth"), inferred("fashionmnist"));
        assert_eq!(of(Dataset::Mnist, "tiny_mnist_r2.pth"), inferred("mnist"));
    }

    #[test]
    fn the_protocol_follows_a_stage_that_is_given() {
        let mut table = infer_at(&Config::new(Stage::Final, Dataset::Mnist, 2, 4, 64), "a.pth");
        table.set("stage", "linear", Source::Given);
        let config = resolve(&mut table).unwrap();
        assert_eq!((config.stage, config.warm_up), (Stage::Linear, 0));
        table.set("warm_up", 7, Source::Given);
        assert_eq!(resolve(&mut table).unwrap().warm_up, 7);
    }

    #[test]
    fn odd_depths_and_missing_tensors_are_refused_by_name() {
        let config = Config::new(Stage::Final, Dataset::Mnist, 4, 4, 64);
        let mut odd = shapes(&config);
        odd.retain(|name, _| !name.starts_with("area_conv.3"));
        let message = resolve(&mut infer(&odd, Path::new("a")).unwrap()).unwrap_err().to_string();
        assert!(message.starts_with("depth must be"), "{message}");
        let mut missing = shapes(&config);
        missing.remove("area_conv.1.parametrizations.weight.original1");
        let message = infer(&missing, Path::new("a")).unwrap_err().to_string();
        assert!(message.contains("area_conv.1"), "{message}");
        let mut flat = shapes(&config);
        flat.insert("conv_bias.0".to_owned(), vec![4]);
        assert!(infer(&flat, Path::new("a")).unwrap_err().to_string().contains("conv_bias.0"));
    }
}
