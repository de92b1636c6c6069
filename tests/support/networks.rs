//! Small networks with random weights in files, for families without one among the fixtures.

use std::path::{Path, PathBuf};

use gainfield::checkpoint::{self, Description};
use gainfield::families::{blt, counter_hebb};
use gainfield::provenance::Provenance;
use serde_json::json;

/// A recurrent network of five classes, pictures of 64 pixels.
pub fn saved_blt(folder: &Path) -> PathBuf {
    let config = blt::Config::Blt(blt::BltConfig {
        widths: vec![32; 6],
        image_size: 64,
        times: 7,
        n_classes: 5,
        ..blt::BltConfig::named("blt_blt").unwrap()
    });
    let weights = blt::initial_weights(&config, 1).unwrap();
    let description = Description::new("blt", config.name(), &config).unwrap();
    checkpoint::save(folder.join("blt"), &weights, &description, &Provenance::new("test")).unwrap()
}

/// A network with two instructions.
pub fn saved_counter_hebb(folder: &Path, in_shape: [usize; 3]) -> PathBuf {
    let values = json!({"network_name": "simple net", "mtl": true, "n_tasks": 2, "in_shape": in_shape});
    let config = counter_hebb::Config::from_values(values.as_object().unwrap()).unwrap();
    let weights = counter_hebb::initial_weights(&config, 1, &counter_hebb::InitOptions::default()).unwrap();
    let description = counter_hebb::description(&config).unwrap();
    checkpoint::save(folder.join("instructed"), &weights, &description, &Provenance::new("test")).unwrap()
}
