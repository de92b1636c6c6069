//! The reference's Counter-Hebb files: every one opens, and ours have its names.

use std::collections::BTreeMap;

use gainfield::families::counter_hebb::{Config, InitOptions, initial_weights, shapes, with_aliases};
use gainfield::families::open as open_model;
use gainfield::model::{Family, Target};
use gainfield::settings::{Overrides, Source};
use serde_json::{Map, Value};

use crate::support::shared;

#[test]
fn every_file_opens_with_the_configuration_beside_it() {
    let Some(shared) = shared() else { return };
    let mut files: Vec<_> =
        std::fs::read_dir(shared.join("butd")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "pth" || ext == "tar"));
    assert_eq!(files.len(), 12);
    for path in files {
        let model = open_model(&path, &Overrides::default(), &Target::default())
            .unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        assert_eq!(model.info.family, Family::CounterHebb);
        assert!(model.info.report.is_complete());
        let stored = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let stored: Map<String, Value> = serde_json::from_str(&stored).unwrap();
        for (key, value) in &stored {
            let entry = model.info.config.get(key).unwrap();
            assert_eq!((&entry.value, entry.source), (value, Source::File), "{}: {key}", path.display());
        }
    }
}

#[test]
fn names_shapes_and_counts_are_those_of_the_reference() {
    let Some(shared) = shared() else { return };
    let listing = std::fs::read_to_string(shared.join("butd/state_dict_listing.json")).unwrap();
    let listing: BTreeMap<String, Value> = serde_json::from_str(&listing).unwrap();
    assert_eq!(listing.len(), 7);
    for (name, listed) in listing {
        let config = Config::from_values(listed["config"].as_object().unwrap()).unwrap();
        let learnable = |name: &str| !name.contains(".running_") && !name.ends_with("num_batches_tracked");
        let count: usize = shapes(&config)
            .unwrap()
            .iter()
            .filter(|(name, _)| learnable(name))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        assert_eq!(Some(count as u64), listed["n_parameters"].as_u64(), "{name}");
        let weights = initial_weights(&config, 1, &InitOptions::default()).unwrap();
        let weights = with_aliases(&config, &weights).unwrap();
        let ours: BTreeMap<String, Vec<usize>> =
            weights.iter().map(|(name, weight)| (name.to_owned(), weight.dims().to_vec())).collect();
        let theirs: Vec<(String, Vec<usize>, String)> =
            serde_json::from_value(listed["state_dict"].clone()).unwrap();
        let theirs: BTreeMap<String, Vec<usize>> =
            theirs.into_iter().map(|(name, shape, _)| (name, shape)).collect();
        assert_eq!(ours, theirs, "{name}");
    }
}
