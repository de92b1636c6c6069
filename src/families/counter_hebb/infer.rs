//! The configuration that names and shapes of the reference's tensors tell.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::architecture::Architecture;
use super::config::{Config, Trunk};
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Source};

/// Names and shapes of the tensors of a file.
pub(super) type Shapes = BTreeMap<String, Vec<usize>>;

/// Are these tensors named as in the reference?
pub(super) fn is_reference(shapes: &Shapes) -> bool {
    shapes.get("head_layer.weight").is_some_and(|shape| shape.len() == 2) && trunk(shapes).is_some()
}

fn trunk(shapes: &Shapes) -> Option<Trunk> {
    let has = |name: &str| shapes.contains_key(&format!("core_net.{name}.weight"));
    let is_conv = |name: &str| shapes.get(&format!("core_net.{name}.weight")).is_some_and(|s| s.len() == 4);
    match () {
        () if is_conv("_conv1") => Some(Trunk::Simple),
        () if has("_fc_layers.0") => Some(Trunk::FullyConnected),
        () if is_conv("conv_pooling") => Some(Trunk::TinyResnet),
        () if is_conv("layer4.0.conv1") => Some(Trunk::Resnet18),
        () if is_conv("layers.0") && has("layers.5") => Some(Trunk::Conv),
        () => None,
    }
}

/// What the tensors tell, the reference's defaults for the rest. `file_name` is asked where several
/// decoders look like many classes.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Shape`] for a tensor that the inference needs.
pub(super) fn infer(shapes: &Shapes, file_name: &str) -> Result<ConfigTable> {
    let Some(trunk) = trunk(shapes) else {
        return Err(Error::unknown(
            "trunk among the tensors",
            "core_net",
            Trunk::ALL.map(Trunk::network_name),
        ));
    };
    let mut table = Config::defaults(trunk);
    let mut tell = |key: &str, value: Value| table.set(key, value, Source::Inferred);
    let has_leaf = |leaf: &str| shapes.keys().any(|name| name.ends_with(leaf));
    tell("network_name", trunk.network_name().into());
    tell("shared_weights", (!has_leaf(".back_weight")).into());
    tell("bias", shapes.contains_key("head_layer.bias").into());
    tell("back_bias", shapes.contains_key("head_layer.back_bias").into());
    if trunk.is_residual() {
        let norm = if shapes.contains_key("core_net.bn1.weight") { "batch_norm" } else { "no_norm" };
        tell("norm_layer", norm.into());
    }
    match trunk {
        Trunk::Simple => {
            let channels = [rows(shapes, "core_net._conv1.weight")?, rows(shapes, "core_net._conv2.weight")?];
            tell("conv_channels", channels.to_vec().into());
            tell("last_hidden_size", rows(shapes, "core_net._fc.weight")?.into());
        }
        Trunk::FullyConnected => {
            let is_layer = |name: &&String| {
                name.strip_prefix("core_net._fc_layers.").is_some_and(|rest| rest.ends_with(".weight"))
            };
            tell("depth", shapes.keys().filter(is_layer).count().into());
            tell("last_hidden_size", rows(shapes, "core_net._fc_layers.0.weight")?.into());
        }
        _ => {}
    }

    let outputs = rows(shapes, "head_layer.weight")?;
    let instruction = instruction_sizes(shapes)?;
    tell("mtl", instruction.is_some().into());
    let mut classes = outputs;
    if let Some((embedding, entries)) = instruction {
        tell("task_embedding_size", embedding.map_or(Value::Null, Value::from));
        tell("task_vector_size", entries.into());
        if file_name.contains("multi_d") && outputs % entries == 0 {
            classes = outputs / entries;
            tell("multi_decoders", true.into());
        }
        // Direction and digit: two tasks in a longer vector.
        let is_direction_and_class = entries == classes + 2 && entries > 2;
        tell("n_tasks", if is_direction_and_class { 2 } else { entries }.into());
    }
    tell("n_classes", classes.into());
    let (shape, is_certain) = picture(&table, trunk, shapes)?;
    table.set("in_shape", shape.to_vec(), if is_certain { Source::Inferred } else { Source::Default });
    Ok(table)
}

/// Entries of the embedding, if there is one, and of the instruction; `None` without such a head.
fn instruction_sizes(shapes: &Shapes) -> Result<Option<(Option<usize>, usize)>> {
    if !shapes.contains_key("task_head.0.weight") {
        return Ok(None);
    }
    let first = rows(shapes, "task_head.0.weight")?;
    match shapes.contains_key("task_head.1.weight") {
        true => Ok(Some((Some(first), rows(shapes, "task_head.1.weight")?))),
        false => Ok(Some((None, first))),
    }
}

fn rows(shapes: &Shapes, name: &str) -> Result<usize> {
    let shape = shapes.get(name).ok_or_else(|| Error::unknown("tensor", name, shapes.keys()))?;
    match shape.as_slice() {
        &[rows, ..] if shape.len() == 2 || shape.len() == 4 => Ok(rows),
        _ => Err(Error::shape(name, "two or four axes", shape)),
    }
}

/// Sides tried, those of the reference's data sets first.
fn sides(channels: usize) -> impl Iterator<Item = usize> {
    let usual = if channels == 3 { [32, 28] } else { [28, 32] };
    usual.into_iter().chain(1..=512)
}

/// `[channels, height, width]` of the picture and whether no other square one fits.
fn picture(table: &ConfigTable, trunk: Trunk, shapes: &Shapes) -> Result<([usize; 3], bool)> {
    let columns = |name: &str| shapes.get(name).and_then(|shape| shape.get(1).copied()).unwrap_or(1);
    let (first, last) = match trunk {
        Trunk::FullyConnected => return Ok((flat_picture(columns("core_net._fc_layers.0.weight")), false)),
        Trunk::Simple => ("core_net._conv1.weight", "core_net._fc.weight"),
        Trunk::Conv => ("core_net.layers.0.weight", "core_net.layers.5.weight"),
        _ => ("core_net.conv1.weight", "head_layer.weight"),
    };
    let (channels, features) = (columns(first), columns(last));
    let fits = |side: usize| {
        let mut table = table.clone();
        table.set("in_shape", json!([channels, side, side]), Source::Inferred);
        let config = Config::resolve(&mut table).ok();
        let architecture = config.and_then(|config| Architecture::new(&config).ok());
        let found = architecture.map(|architecture| match trunk {
            Trunk::Simple | Trunk::Conv => architecture.trunk.last().map_or(0, |bundle| bundle.inputs()),
            _ => architecture.head.inputs(),
        });
        found == Some(features)
    };
    let found: Vec<usize> = sides(channels).take(40).filter(|&side| fits(side)).collect();
    let found = if found.is_empty() {
        sides(channels).skip(40).filter(|&side| fits(side)).take(2).collect()
    } else {
        found
    };
    match found.first() {
        Some(&side) => Ok(([channels, side, side], found.iter().all(|&other| other == side) && side < 38)),
        None => Err(Error::config(
            "in_shape",
            format!(
                "a picture that gives the {features} columns of {last}; give it with --set in_shape=[C,H,W]"
            ),
            "none that is square",
        )),
    }
}

/// A picture of `n` pixels: the reference's data sets, else a square, else a row.
pub(super) fn flat_picture(n: usize) -> [usize; 3] {
    match (n, n.isqrt()) {
        (3072, _) => [3, 32, 32],
        (_, side) if side * side == n => [1, side, side],
        _ => [1, 1, n],
    }
}

#[cfg(test)]
mod tests {
    use super::super::tensors;
    use super::*;

    fn round_trip(values: Value, file_name: &str) -> (Config, Config, ConfigTable) {
        let config = Config::from_values(values.as_object().unwrap()).unwrap();
        let shapes: Shapes = tensors::shapes(&config).unwrap().into_iter().collect();
        assert!(is_reference(&shapes));
        let mut table = infer(&shapes, file_name).unwrap();
        (config, Config::resolve(&mut table).unwrap(), table)
    }

    #[test]
    fn every_trunk_is_found_in_its_tensors() {
        for values in [
            json!({"network_name": "fc net", "depth": 3, "last_hidden_size": 64, "back_bias": true}),
            json!({"network_name": "fc net", "in_shape": [3, 32, 32], "shared_weights": false}),
            json!({"network_name": "simple net", "mtl": true, "task_embedding_size": 12, "conv_channels": [8, 6]}),
            json!({"network_name": "simple net", "mtl": true, "task_vector_size": 12, "bias": false}),
            json!({"network_name": "conv net", "mtl": true, "last_hidden_size": 100}),
            json!({"network_name": "tiny resnet", "norm_layer": null}),
            json!({"network_name": "tiny resnet", "mtl": true, "shared_weights": false}),
            json!({"network_name": "resnet18", "mtl": true, "n_tasks": 5, "task_vector_size": 5, "n_classes": 1,
                   "norm_layer": null}),
        ] {
            let (config, found, _) = round_trip(values, "a.pth");
            assert_eq!(found, config);
        }
    }

    #[test]
    fn decoders_are_told_by_the_name_of_the_file() {
        let values = json!({"network_name": "simple net", "mtl": true, "multi_decoders": true});
        let (config, found, _) = round_trip(values.clone(), "model_mtl_multi_d.pth");
        assert_eq!(found, config);
        let (_, found, table) = round_trip(values, "model.pth");
        assert_eq!((found.n_classes, found.multi_decoders), (20, false));
        assert_eq!(table.get("multi_decoders").unwrap().source, Source::Default);
    }

    #[test]
    fn the_size_of_the_picture_is_marked_where_others_fit() {
        let (_, _, table) = round_trip(json!({"network_name": "simple net"}), "a.pth");
        assert_eq!(table.get("in_shape").unwrap().source, Source::Default);
        let (_, _, table) = round_trip(json!({"network_name": "conv net", "in_shape": [1, 20, 20]}), "a.pth");
        assert_eq!(table.get("in_shape").unwrap().source, Source::Inferred);
        let large = json!({"network_name": "conv net", "in_shape": [1, 64, 64]});
        let (config, found, _) = round_trip(large, "a.pth");
        assert_eq!(found.in_shape, config.in_shape);
    }
}
