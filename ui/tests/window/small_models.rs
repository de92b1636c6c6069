//! A small network of every family with random weights, as files.

use std::path::{Path, PathBuf};

use gainfield::checkpoint::{Description, save};
use gainfield::families::{blt, cordsnet, counter_hebb, object_attention, recurrent_gating};
use gainfield::model::Family;
use gainfield::provenance::Provenance;
use gainfield::weights::Weights;
use serde_json::{Map, Value, json};

fn table(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no table"),
    }
}

fn written(folder: &Path, name: &str, weights: &Weights, description: &Description) -> PathBuf {
    save(folder.join(name), weights, description, &Provenance::new("test")).unwrap()
}

/// Writes a network of recurrent gating for pictures of `in_dims`.
pub fn gating(folder: &Path, in_dims: [usize; 3]) -> PathBuf {
    let values = json!({
        "in_dims": in_dims, "channels": [3, 4, 6, 8], "kernels": 3, "pools": [4, 4, 3],
        "rnn_dims": [8, 6], "n_classes": 10, "out_dim": 12, "n_tasks": 1,
    });
    let config =
        recurrent_gating::Config::from_values(recurrent_gating::Variant::Gate, &table(values)).unwrap();
    let weights = recurrent_gating::initial_weights(&config, 1).unwrap();
    let values = table(config.table.values());
    let kept: Map<String, Value> = values.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let name = Family::RecurrentGating.name();
    written(folder, name, &weights, &Description::new(name, "gate", &kept).unwrap())
}

/// Writes the network of `family` into `folder`.
pub fn write(family: Family, folder: &Path) -> PathBuf {
    let name = family.name();
    match family {
        Family::RecurrentGating => gating(folder, [3, 96, 96]),
        Family::ObjectAttention => {
            let config = object_attention::Config::digits(2);
            let weights = object_attention::initial_weights(&config, 1).unwrap();
            written(folder, name, &weights, &Description::new(name, "digits", &config).unwrap())
        }
        Family::CounterHebb => {
            let values = json!({"network_name": "simple net", "mtl": true, "conv_channels": [6, 8]});
            let config = counter_hebb::Config::from_values(&table(values)).unwrap();
            let weights =
                counter_hebb::initial_weights(&config, 1, &counter_hebb::InitOptions::default()).unwrap();
            written(folder, name, &weights, &counter_hebb::description(&config).unwrap())
        }
        Family::Blt => {
            let config = blt::Config::Blt(blt::BltConfig {
                widths: vec![32; 6],
                image_size: 64,
                times: 7,
                n_classes: 5,
                ..blt::BltConfig::named("blt_bt").unwrap()
            });
            let weights = blt::initial_weights(&config, 1).unwrap();
            written(folder, name, &weights, &Description::new(name, config.name(), &config).unwrap())
        }
        Family::CordsNet => {
            let mut config =
                cordsnet::Config::new(cordsnet::Stage::Final, cordsnet::Dataset::Mnist, 2, 4, 32);
            (config.warm_up, config.timesteps) = (20, 30);
            let weights = cordsnet::generate(&config, 1).unwrap();
            written(folder, name, &weights, &Description::new(name, config.variant(), &config).unwrap())
        }
    }
}
