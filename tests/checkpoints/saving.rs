//! What is saved opens again: same tensors, configuration and description.

use std::collections::BTreeSet;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use gainfield::checkpoint::{self, Container, Description};
use gainfield::provenance::Provenance;
use gainfield::weights::Weights;
use serde_json::json;

use crate::support::*;

fn bytes(tensor: &Tensor) -> Vec<u8> {
    safetensors::View::data(tensor).into_owned()
}

fn weights() -> Weights {
    let ramp = |dtype| Tensor::arange(0f32, 6.0, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
    Weights::from_tensors([
        ("conv1.weight".to_owned(), ramp(DType::F32).reshape((1, 2, 3)).unwrap().transpose(1, 2).unwrap()),
        ("conv1.bias".to_owned(), ramp(DType::F32)),
        ("norm.num_batches_tracked".to_owned(), Tensor::new(3i64, &Device::Cpu).unwrap()),
        ("wide".to_owned(), ramp(DType::F64)),
        ("half".to_owned(), ramp(DType::BF16)),
        ("mask".to_owned(), ramp(DType::U8)),
        ("empty".to_owned(), Tensor::zeros((0, 2), DType::F32, &Device::Cpu).unwrap()),
    ])
}

fn description() -> Description {
    let config = json!({"strength": 0.2, "channels": [1, 20], "norms": [null, "layer"], "task": null});
    Description::new("object_attention", "digits", &config).unwrap()
}

#[test]
fn saving_and_reading_is_the_identity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/net");
    let saved =
        checkpoint::save(&path, &weights(), &description(), &Provenance::new("gainfield train")).unwrap();
    assert!(saved.ends_with("new/net.safetensors"));
    let read = checkpoint::read(&saved).unwrap();
    assert_eq!(read.container, Container::Safetensors);
    assert_eq!(read.weights.len(), weights().len());
    for (name, weight) in weights().iter() {
        let found = read.weights.get(name).unwrap().tensor();
        assert_eq!((found.dtype(), found.dims()), (weight.tensor().dtype(), weight.dims()), "{name}");
        assert_eq!(bytes(found), bytes(&weight.tensor().contiguous().unwrap()), "{name}");
    }
    assert_eq!((&*read.metadata["family"], &*read.metadata["variant"]), ("object_attention", "digits"));
    let names: BTreeSet<&str> = read.sidecars.iter().map(|sidecar| &*sidecar.name).collect();
    assert_eq!(names, BTreeSet::from(["net.toml"]));
    assert_eq!(read.saved_config(), Some(description().config));
    assert!(folder.path().join("new/net.provenance.json").is_file());
}

#[test]
fn the_file_opens_alone_and_an_edited_configuration_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    checkpoint::save(&path, &weights(), &description(), &Provenance::new("")).unwrap();
    let toml = folder.path().join("net.toml");
    let edited = std::fs::read_to_string(&toml).unwrap().replace("0.2", "0.5");
    std::fs::write(&toml, edited).unwrap();
    let config = checkpoint::read(&path).unwrap().saved_config().unwrap();
    assert_eq!((&config["strength"], &config["norms"]), (&json!(0.5), &json!([null, "layer"])));
    std::fs::remove_file(&toml).unwrap();
    assert_eq!(checkpoint::read(&path).unwrap().saved_config().unwrap()["strength"], 0.2);
    std::fs::write(&toml, "strength = ").unwrap();
    let message = checkpoint::read(&path).unwrap_err().to_string();
    assert!(message.contains("net.toml") && !message.contains('\n'), "{message}");
}

#[test]
fn equal_weights_give_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name| {
        let path = folder.path().join(name);
        checkpoint::save(path, &weights(), &description(), &Provenance::new("")).unwrap()
    };
    assert_eq!(std::fs::read(save("a")).unwrap(), std::fs::read(save("b")).unwrap());
}

#[test]
fn a_real_file_survives_a_round_trip() {
    let original = checkpoint::read(Path::new(FIXTURES).join("resatt_small/model_random_init.pth")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    checkpoint::save(&path, &original.weights, &description(), &Provenance::new("")).unwrap();
    let read = checkpoint::read(&path).unwrap();
    let expected: Vec<_> =
        original.weights.iter().map(|(name, weight)| (name.to_owned(), weight.dims().to_vec())).collect();
    assert!(checkpoint::compare(&expected, &read.weights, &[]).is_complete());
    for (name, weight) in original.weights.iter() {
        assert_eq!(bytes(weight.tensor()), bytes(read.weights.get(name).unwrap().tensor()), "{name}");
    }
}

#[test]
fn a_safetensors_header_that_lies_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path =
        checkpoint::save(folder.path().join("a"), &weights(), &description(), &Provenance::new("")).unwrap();
    let file = std::fs::read(path).unwrap();
    let mut huge = file.clone();
    huge[..8].copy_from_slice(&(1u64 << 39).to_le_bytes());
    assert!(refusal(&huge).contains("a header of"));
    assert!(refusal(&file[..file.len() - 4]).contains("damaged header"));
    let text = r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#;
    let lying = [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &[0; 4]].concat();
    assert!(refusal(&lying).contains("damaged header"));
}
