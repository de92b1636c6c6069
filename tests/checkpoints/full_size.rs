//! A network of the published size: opened from the reference's container, stepped, every area recorded.

use gainfield::families::cordsnet::{Config, Dataset, Stage, generate};
use gainfield::progress::Silent;
use gainfield::recipe::{self, Execution, RunRecipe};
use gainfield::weights::Weights;

use crate::support::{bytes_of, dict, storage, view, zip};

/// The file that `torch.save` makes of a state dict.
fn saved_by_torch(weights: &Weights) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut storages = Vec::new();
    for (index, (name, weight)) in weights.iter().enumerate() {
        let values: Vec<f32> = weight.tensor().flatten_all().unwrap().to_vec1().unwrap();
        let shape: Vec<i64> = weight.dims().iter().map(|&size| size as i64).collect();
        let stride: Vec<i64> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        let key = index.to_string();
        entries.push((name, view(storage("FloatStorage", &key, values.len() as i64), 0, &shape, &stride)));
        storages.push((key, bytes_of(&values)));
    }
    let storages: Vec<(&str, Vec<u8>)> =
        storages.iter().map(|(key, bytes)| (key.as_str(), bytes.clone())).collect();
    zip(&dict(&entries), &storages)
}

#[test]
fn the_largest_network_is_recorded_within_what_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordsnet_imagenet_r8_random_init.pth");
    let config = Config::new(Stage::Final, Dataset::Imagenet, 8, 64, 224);
    std::fs::write(&path, saved_by_torch(&generate(&config, 8).unwrap())).unwrap();

    let mut recipe = RunRecipe::new(&path);
    recipe.record = vec!["all".to_owned()];
    recipe.set.insert("warm_up".to_owned(), 1.into());
    recipe.steps = Some(2);
    let (model, outcome) = recipe::execute(&recipe, &Execution::default(), &mut Silent).unwrap();
    assert_eq!((model.info.variant.as_str(), model.n_parameters()), ("r8", 12_475_280));
    assert!(model.info.report.is_complete());
    assert_eq!(model.dynamics.input_shape(), [3, 224, 224]);

    // All areas of one timestep and the class scores, at three timesteps.
    let per_timestep = (752_640 + 1000) * size_of::<f32>() as u64;
    assert_eq!((outcome.cost.values, outcome.cost.states), (3 * per_timestep, 0));
    let recording = &outcome.recordings[0];
    assert_eq!(recording.size_bytes(), outcome.cost.total());
    for (at, area) in recording.areas.iter().enumerate() {
        assert_eq!(area.n_units(), config.area_shapes()[at].iter().product::<usize>());
        let rates = recording.trial(2, at, 0);
        assert!(rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0), "{}", area.name);
        assert!(rates.iter().any(|rate| *rate > 0.0), "{}", area.name);
    }

    // States to branch from cost as much again, and are announced before anything runs.
    let states = Execution { states: true, ..Execution::default() };
    let outcome = recipe::execute_on(&model, &recipe, &states, &mut Silent).unwrap();
    let held = outcome.recordings[0].size_bytes();
    assert!(held <= outcome.cost.total() && outcome.cost.states > outcome.cost.values / 2, "{held}");
    let tight = Execution { budget_bytes: 3 * per_timestep - 1, ..Execution::default() };
    let message = recipe::execute_on(&model, &recipe, &tight, &mut Silent).err().unwrap().to_string();
    assert!(message.starts_with("recording 3 timesteps of 8 areas, 1 trials, needs 9 MiB"), "{message}");
}
