//! From a checkpoint to a model of this family.

use std::sync::Arc;

use candle_core::Tensor;
use serde_json::{Map, Value};

use super::config::{Config, Trunk};
use super::foreign;
use super::infer::{Shapes, infer, is_reference};
use super::model::CounterHebb;
use super::tensors::{COUNTER, Expected, Role, expected, initial};
use crate::checkpoint::{Checkpoint, Description, compare};
use crate::error::{Error, Result};
use crate::files;
use crate::model::{Family, Model, Opened, Origin, Target, naming_file, naming_given};
use crate::rng;
use crate::settings::{ConfigTable, Overrides, Source};
use crate::weights::Weights;

/// Counters may be absent: nothing is computed from them.
const OPTIONAL: &[&str] = &["*.num_batches_tracked"];

/// Are these weights of the family?
pub fn recognise(checkpoint: &Checkpoint) -> bool {
    let shapes = checkpoint.weights.shapes();
    is_own(checkpoint) || is_reference(&shapes) || foreign::recognise(&shapes, &checkpoint.order)
}

/// Written by this program for this family, so that the configuration is in the file.
fn is_own(checkpoint: &Checkpoint) -> bool {
    checkpoint.metadata.get("family").map(String::as_str) == Some(Family::CounterHebb.name())
}

/// The model of a checkpoint; what neither its tensors nor the JSON beside it tell is a marked default.
///
/// # Errors
/// [`Error::File`] or [`Error::Config`] naming a key that contradicts the tensors or itself,
/// [`Error::Weights`] for tensors that do not fit.
pub fn open(checkpoint: &Checkpoint, overrides: &Overrides, target: &Target) -> Result<Model> {
    let opened = configure(checkpoint, overrides)?;
    model(opened.on(target)?)
}

/// What the tensors of a checkpoint, the file beside them and the user say, unchecked.
///
/// # Errors
/// As [`open`], but for values that contradict one another.
pub(crate) fn draft(checkpoint: &Checkpoint, overrides: &Overrides) -> Result<ConfigTable> {
    let shapes = checkpoint.weights.shapes();
    if is_own(checkpoint) || is_reference(&shapes) {
        return table(checkpoint, &shapes, overrides).map(|(table, _)| table);
    }
    let mut table = foreign::read(&shapes, &checkpoint.order)?.table;
    table.apply(overrides)?;
    Ok(table)
}

/// The model of a resolved configuration around weights that did not come from a file.
///
/// # Errors
/// As [`CounterHebb::new`].
pub fn model_of(config: &Config, weights: Weights, name: &str) -> Result<Model> {
    model(Opened::made(config.clone(), weights, name, (super::shapes(config)?, OPTIONAL)))
}

/// What is written into the header of a file with these weights.
///
/// # Errors
/// As [`Description::new`].
pub fn description(config: &Config) -> Result<Description> {
    Description::new(Family::CounterHebb.name(), config.network_name.variant(), config)
}

fn model(opened: Opened<Config>) -> Result<Model> {
    let dynamics = Arc::new(CounterHebb::new(&opened.config, &opened.weights)?);
    let variant = opened.config.network_name.variant();
    Ok(opened.model(Family::CounterHebb, variant, dynamics))
}

/// A checkpoint with its configuration and its weights under canonical names alone.
pub(super) fn configure(checkpoint: &Checkpoint, overrides: &Overrides) -> Result<Opened<Config>> {
    let shapes = checkpoint.weights.shapes();
    if !is_own(checkpoint) && !is_reference(&shapes) {
        return read_foreign(checkpoint, &shapes, overrides);
    }
    let (mut table, file) = table(checkpoint, &shapes, overrides)?;
    let config =
        Config::resolve(&mut table).map_err(|err| naming_file(err, &table, &file, &checkpoint.path))?;
    let expected = expected(&config)?;
    let weights = canonical(&expected, &checkpoint.weights, &config)?;
    let report = compare(&names_and_shapes(&expected), &weights, OPTIONAL).into_result(&checkpoint.path);
    let report = report.map_err(|err| naming_given(err, &table))?;
    let weights = with_counters(&expected, &weights)?;
    Ok(Opened { config, table, weights, origin: Origin::of(checkpoint), report })
}

/// What the tensors, the file beside them and the user say, checked against one another alone; and
/// that file.
fn table(
    checkpoint: &Checkpoint,
    shapes: &Shapes,
    overrides: &Overrides,
) -> Result<(ConfigTable, std::path::PathBuf)> {
    let unfit = |err: Error| Error::Weights { path: checkpoint.path.clone(), message: err.to_string() };
    let mut table = match is_reference(shapes) {
        true => infer(shapes, &checkpoint.identity().name).map_err(unfit)?,
        false => Config::defaults(Trunk::Layers),
    };
    let (file, values) = configuration(checkpoint, &table)?;
    for (key, value) in &values {
        check_agrees(&table, key, value).map_err(|(found, told)| {
            let expected =
                format!("{key} = {told}, which the tensors of {} tell", checkpoint.identity().name);
            Error::file(&file, expected, found, "correct it, or put the configuration of these weights there")
        })?;
    }
    for (key, value) in overrides.iter() {
        check_agrees(&table, key, value).map_err(|(found, told)| {
            let requirement = format!("{told}, which the tensors of {} tell", checkpoint.path.display());
            Error::config(key, requirement, found)
        })?;
    }
    for (key, value) in values {
        table.set(&key, value, Source::File);
    }
    table.apply(overrides)?;
    Ok((table, file))
}

/// A network of others, with an instruction head drawn.
fn read_foreign(checkpoint: &Checkpoint, shapes: &Shapes, overrides: &Overrides) -> Result<Opened<Config>> {
    let unfit = |err: Error| Error::Weights { path: checkpoint.path.clone(), message: err.to_string() };
    let foreign = match foreign::read(shapes, &checkpoint.order) {
        Ok(foreign) => foreign,
        Err(err) => return Err(unfit(err)),
    };
    let mut table = foreign.table.clone();
    table.apply(overrides)?;
    let config = Config::resolve(&mut table)
        .map_err(|err| naming_file(err, &table, &checkpoint.path, &checkpoint.path))?;
    let names = foreign.names(&config);
    let taken = names
        .iter()
        .filter_map(|(own, theirs)| Some((own.clone(), checkpoint.weights.find(theirs)?.tensor().clone())));
    let taken = Weights::from_tensors(taken);
    let expected = expected(&config)?;
    let mut drawn = Vec::new();
    for (index, tensor) in expected.iter().enumerate() {
        let is_own = tensor.name.starts_with("task_head.")
            || matches!(tensor.role, Role::BackWeight | Role::BackBias)
            || tensor.name.contains(".back_batch_norm.");
        if is_own && !taken.contains(&tensor.name) {
            let mut rng = rng::stream(0, "counter-hebb instruction head", &[index as u64]);
            drawn.push((tensor.name.clone(), initial(tensor, 1.0, &mut rng)?));
        }
    }
    let weights = taken.with(drawn);
    let report = compare(&names_and_shapes(&expected), &weights, OPTIONAL).into_result(&checkpoint.path);
    let report = report.map_err(|err| naming_given(err, &table))?;
    let weights = with_counters(&expected, &weights)?;
    Ok(Opened { config, table, weights, origin: Origin::of(checkpoint), report })
}

fn names_and_shapes(expected: &[Expected]) -> Vec<(String, Vec<usize>)> {
    expected.iter().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect()
}

/// The same tensors under their first names. Top-down norms of the sizes that the reference wrongly
/// gives them, which cannot have been used, are replaced by new ones.
fn canonical(expected: &[Expected], found: &Weights, config: &Config) -> Result<Weights> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let is_second = |name: &str| expected.iter().any(|tensor| tensor.alias.as_deref() == Some(name));
    for (name, weight) in found.iter().filter(|(name, _)| !is_second(name)) {
        tensors.push((name.to_owned(), weight.tensor().clone()));
    }
    for tensor in expected {
        let alias = tensor.alias.as_deref().and_then(|alias| found.find(alias));
        if let (None, Some(weight)) = (found.find(&tensor.name), alias) {
            tensors.push((tensor.name.clone(), weight.tensor().clone()));
        }
    }
    if config.network_name == Trunk::TinyResnet {
        for (name, value) in &mut tensors {
            let known = expected.iter().find(|tensor| tensor.name == *name);
            let Some(tensor) = known.filter(|tensor| tensor.name.contains(".back_batch_norm.")) else {
                continue;
            };
            if value.dims() != tensor.shape
                && Some(value.dims()) == reference_shape(expected, tensor).as_deref()
            {
                *value = initial(tensor, 1.0, &mut rng::stream(0, "unused norm", &[]))?;
            }
        }
    }
    Ok(Weights::from_tensors(tensors))
}

/// The size that the reference gives to a top-down norm of its tiny ResNet: that of the bottom-up norm.
fn reference_shape(expected: &[Expected], tensor: &Expected) -> Option<Vec<usize>> {
    let bottom_up = tensor.name.replacen("back_batch_norm.", "", 1);
    expected.iter().find(|other| other.name == bottom_up).map(|other| other.shape.clone())
}

/// Counters that a file lacks begin at 0.
fn with_counters(expected: &[Expected], weights: &Weights) -> Result<Weights> {
    let missing =
        expected.iter().filter(|tensor| tensor.name.ends_with(COUNTER) && !weights.contains(&tensor.name));
    let counters = missing
        .map(|tensor| Ok((tensor.name.clone(), initial(tensor, 1.0, &mut rng::stream(0, COUNTER, &[]))?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(weights.with(counters))
}

/// The file and the values that came with the weights: in their header, or in a JSON file of their
/// name, as flat keys or in the sections of the reference.
fn configuration(
    checkpoint: &Checkpoint,
    table: &ConfigTable,
) -> Result<(std::path::PathBuf, Map<String, Value>)> {
    if let Some(saved) = checkpoint.saved_config().filter(|_| is_own(checkpoint)) {
        return Ok((checkpoint.config_file(), saved));
    }
    let path = files::beside(&checkpoint.path, ".json");
    let Some(sidecar) = checkpoint.sidecars.iter().find(|sidecar| sidecar.path == path) else {
        return Ok((path, Map::new()));
    };
    let Value::Object(document) = &sidecar.json else {
        let hint = "write the network's settings by name, or move the file elsewhere";
        return Err(Error::file(&path, "a JSON object", "another value", hint));
    };
    let mut values = flattened(document, table);
    without_training(&mut values);
    if let Some(unknown) = values.keys().find(|key| table.get(key).is_none()) {
        let known = table.iter().map(|(key, _)| key.to_owned()).collect::<Vec<_>>().join(", ");
        let hint = format!("keep to the keys {known}");
        return Err(Error::file(&path, "settings of a Counter-Hebb network", format!("{unknown:?}"), hint));
    }
    Ok((path, values))
}

/// Keys of the reference's files that say how to train, on what, or nothing at all.
const OF_TRAINING: [&str; 20] = [
    "batch_size",
    "benchmark",
    "ch_learning",
    "data_path",
    "dataset_name",
    "epochs",
    "lateral_fn",
    "learning_rate",
    "lr",
    "lr_decay",
    "metric",
    "metric_name",
    "non_linearity_fn",
    "optimizer",
    "optimizer_name",
    "resume_training",
    "saved_model_path",
    "train_all_tasks",
    "wd_val",
    "writer_name",
];

/// Leaves out what does not describe a network.
pub(super) fn without_training(values: &mut Map<String, Value>) {
    values.retain(|key, _| !OF_TRAINING.contains(&key.as_str()));
}

/// Sections of the reference's configuration files; of those, what describes a network is kept.
const SECTIONS: [&str; 4] =
    ["learning settings", "architecture parameters", "data set parameters", "optimizer parameters"];

fn flattened(document: &Map<String, Value>, table: &ConfigTable) -> Map<String, Value> {
    let known =
        |key: &str| table.get(key).is_some() && !key.contains("available") && !key.contains("comment");
    match flat_sections(document) {
        None => document.clone(),
        Some(flat) => flat.into_iter().filter(|(key, _)| known(key)).collect(),
    }
}

/// The keys of all sections of a configuration file of the reference, later sections winning; `None` if
/// the document has none of them.
pub(super) fn flat_sections(document: &Map<String, Value>) -> Option<Map<String, Value>> {
    let sections: Vec<_> =
        SECTIONS.iter().filter_map(|section| document.get(*section)?.as_object()).collect();
    if sections.is_empty() {
        return None;
    }
    Some(sections.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// `Err` with the value and with what the tensors tell instead, where they do.
fn check_agrees(table: &ConfigTable, key: &str, value: &Value) -> std::result::Result<(), (String, String)> {
    let Some(told) = table.get(key).filter(|entry| entry.source == Source::Inferred) else { return Ok(()) };
    let trunk = table.get("network_name").and_then(|entry| {
        Trunk::ALL.into_iter().find(|trunk| Some(trunk.network_name()) == entry.value.as_str())
    });
    // How many decoders share the outputs is not told by the tensors.
    let is_free = matches!(key, "n_classes" | "n_tasks" | "multi_decoders" | "in_shape");
    if is_free || trunk.is_some_and(|trunk| !trunk.uses(key)) {
        return Ok(());
    }
    let plain = |value: &Value| match (key, value) {
        ("norm_layer", Value::Null) => Value::from("batch_norm"),
        ("conv_channels", Value::Array(channels)) => channels.iter().take(2).cloned().collect(),
        _ => value.clone(),
    };
    if plain(value) == plain(&told.value) { Ok(()) } else { Err((value.to_string(), told.value.to_string())) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::super::tensors::{InitOptions, initial_weights, with_aliases};
    use super::*;
    use crate::checkpoint;
    use crate::provenance::Provenance;

    fn config(values: Value) -> Config {
        Config::from_values(values.as_object().unwrap()).unwrap()
    }

    fn saved(folder: &Path, config: &Config, is_ours: bool) -> Checkpoint {
        let weights = initial_weights(config, 1, &InitOptions::default()).unwrap();
        let weights = with_aliases(config, &weights).unwrap();
        let path = if is_ours {
            checkpoint::save(
                folder.join("n"),
                &weights,
                &description(config).unwrap(),
                &Provenance::new("test"),
            )
            .unwrap()
        } else {
            // Named tensors and nothing else, as after a conversion.
            let bare = Description::new("none", "none", &json!({})).unwrap();
            let path = folder.join("bare.safetensors");
            checkpoint::write_safetensors(&path, &weights, &bare).unwrap();
            path
        };
        checkpoint::read(path).unwrap()
    }

    fn opened(checkpoint: &Checkpoint, sets: &[&str]) -> Result<Model> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        open(checkpoint, &Overrides::read(None, &sets).unwrap(), &Target::default())
    }

    #[test]
    fn a_saved_network_opens_with_its_configuration() {
        let layers = json!([
            {"kind": "conv", "channels": 4, "kernel": 3, "stride": 2},
            {"kind": "block", "channels": 5},
            {"kind": "linear", "units": 6},
        ]);
        for values in [
            json!({"network_name": "simple net", "mtl": true, "n_tasks": 2, "task_embedding_size": 7}),
            json!({"network_name": "layers", "layers": layers, "shared_weights": false}),
            json!({"network_name": "tiny resnet", "norm_layer": null, "in_shape": [2, 14, 14]}),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let config = config(values);
            let checkpoint = saved(folder.path(), &config, true);
            assert!(recognise(&checkpoint));
            let model = opened(&checkpoint, &[]).unwrap();
            assert_eq!(model.info.config.parse::<Config>().unwrap(), config);
            assert!(model.weights.names().all(|name| !name.contains("layers.0.0.")));
        }
    }

    #[test]
    fn bare_tensors_tell_the_network_and_the_rest_is_a_default() {
        let folder = tempfile::tempdir().unwrap();
        let own = config(json!({"network_name": "fc net", "depth": 2, "last_hidden_size": 20}));
        let checkpoint = saved(folder.path(), &own, false);
        let model = opened(&checkpoint, &["loss_name=MSE"]).unwrap();
        let source = |key: &str| model.info.config.get(key).unwrap().source;
        assert_eq!(
            [source("depth"), source("in_shape"), source("loss_name")],
            [Source::Inferred, Source::Default, Source::Given]
        );
        assert_eq!(model.info.variant, "fc");
    }

    #[test]
    fn a_configuration_that_contradicts_the_tensors_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let own = config(json!({"network_name": "simple net", "conv_channels": [4, 5]}));
        let checkpoint = saved(folder.path(), &own, false);
        let message = opened(&checkpoint, &["shared_weights=false"]).err().unwrap().to_string();
        assert!(message.starts_with("shared_weights must be true"), "{message}");
        let message = opened(&checkpoint, &["in_shape=[1,40,40]"]).err().unwrap().to_string();
        assert!(message.contains("bare.safetensors") && message.contains("core_net._fc.weight"), "{message}");
        for (json, key) in [
            (json!({"network_name": "conv net"}), "network_name"),
            (json!({"conv_channels": [4, 6]}), "conv_channels"),
            (json!({"mtl": true}), "mtl"),
            (json!({"architecture parameters": {"bias": false, "available": 1}}), "bias"),
            (json!({"chanels": 3}), "chanels"),
            (json!({"mean": [0.1, 0.2]}), "mean"),
        ] {
            files::write_atomic(folder.path().join("bare.json"), json.to_string()).unwrap();
            let checkpoint = checkpoint::read(&checkpoint.path).unwrap();
            let message = opened(&checkpoint, &[]).err().unwrap().to_string();
            assert!(message.contains("bare.json") && message.contains(key), "{message}");
        }
    }

    #[test]
    fn unused_norms_of_the_reference_are_replaced() {
        let own = config(json!({"network_name": "tiny resnet", "norm_layer": null}));
        let weights = initial_weights(&own, 1, &InitOptions::default()).unwrap();
        let wrong = Tensor::ones(32, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
        let name = "core_net.bn1.back_batch_norm.weight";
        let found = weights.with([(name.to_owned(), wrong)]);
        let expected = expected(&own).unwrap();
        let fixed = canonical(&expected, &found, &own).unwrap();
        assert_eq!(fixed.get(name).unwrap().dims(), [1]);
    }

    #[test]
    fn a_plain_sequence_opens_with_its_weights_and_a_drawn_instruction_head() {
        let folder = tempfile::tempdir().unwrap();
        let tensor =
            |shape: &[usize], value: f32| Tensor::full(value, shape, &candle_core::Device::Cpu).unwrap();
        let weights = Weights::from_tensors([
            ("features.0.weight".to_owned(), tensor(&[3, 1, 5, 5], 0.1)),
            ("features.0.bias".to_owned(), tensor(&[3], 0.2)),
            ("head.weight".to_owned(), tensor(&[4, 3 * 12 * 12], 0.3)),
            ("head.bias".to_owned(), tensor(&[4], 0.4)),
        ]);
        let path = folder.path().join("seq.safetensors");
        let bare = Description::new("none", "none", &json!({})).unwrap();
        checkpoint::write_safetensors(&path, &weights, &bare).unwrap();
        let checkpoint = checkpoint::read(&path).unwrap();
        assert!(recognise(&checkpoint));
        let model = opened(&checkpoint, &[]).unwrap();
        assert_eq!((model.info.variant.as_str(), model.dynamics.input_shape()), ("layers", [1, 28, 28]));
        assert_eq!(model.dynamics.tasks(), ["left", "right"]);
        assert_eq!(model.weights.get("core_net.layers.0.bias").unwrap().dims(), [3]);
        assert!(model.weights.contains("task_head.0.weight"));
        let single = opened(&checkpoint, &["mtl=false"]).unwrap();
        assert!(single.dynamics.tasks().is_empty());
    }
}
