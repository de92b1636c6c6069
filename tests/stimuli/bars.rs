//! The tuning bars.

use std::path::Path;

use gainfield::stimulus::bars::{BarGrid, rotated_bar};

use crate::support::{Golden, assert_close, shared};

#[test]
fn bars_turn_and_shift_as_the_reference_does() {
    let Some(path) = shared("golden/oba/mnist_tuning.safetensors") else { return };
    let golden = Golden::read(&path);
    let grid = BarGrid {
        sigmas: vec![0.5, 1.1, 1.7],
        xs: vec![-15.0, -14.5, -13.5, -12.5],
        ys: vec![-8.0, -2.0, 4.0, 10.0],
        ..BarGrid::reference()
    };
    let stored: Vec<f64> = golden.f32("degrees").into_iter().map(f64::from).collect();
    assert_eq!(grid.orientations_deg, stored);
    let turned: Vec<f32> = (grid.orientations_deg.iter())
        .flat_map(|&deg| grid.sigmas.iter().flat_map(move |&sigma| rotated_bar(deg, sigma).into_data()))
        .collect();
    assert_close("rotated_bars", &turned, &golden.f32("rotated_bars"), 1e-6, 1.0);

    let bars = grid.bars(grid.orientations_deg[golden.indices("stimuli_deg_index")[0]]);
    let sample: Vec<f32> = [0, 8, 16, 24, 32, 40].iter().flat_map(|&k| bars[k].data().to_vec()).collect();
    assert_close("stimuli_sample", &sample, &golden.f32("stimuli_sample"), 1e-6, 1.0);
}

#[derive(serde::Deserialize)]
struct TurnedBars {
    degrees: Vec<f64>,
    pixels: Vec<String>,
}

#[test]
fn turned_bars_show_the_profile_rows_of_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/oba/rotated_bars.json");
    let stored: TurnedBars = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let profile: Vec<f32> = (0..14).map(|row| rotated_bar(0.0, 1.7).at(0, row, 0)).collect();
    assert_eq!(stored.degrees.len(), 21);
    for (&deg, letters) in stored.degrees.iter().zip(&stored.pixels) {
        let wanted: Vec<f32> =
            letters.bytes().map(|b| if b == b'.' { 0.0 } else { profile[usize::from(b - b'a')] }).collect();
        assert_eq!(rotated_bar(deg, 1.7).data(), wanted, "{deg} degrees");
    }
}
