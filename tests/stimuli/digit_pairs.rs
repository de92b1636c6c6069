//! The object-attention digit composer from recorded draws.

use gainfield::{
    stimulus::{DataIdentity, Digits},
    task::digit_pairs::{DigitDraws, DigitPairs},
};

use crate::support::{Golden, assert_close, shared};

#[test]
fn recorded_draws_compose_the_reference_pictures_and_targets() {
    let Some(path) = shared("golden/oba/mnist_eval256.safetensors") else { return };
    let golden = Golden::read(&path);
    let labels = golden.integers("digit_label").into_iter().map(|label| label as u8).collect();
    let digits = Digits::new(DataIdentity::default(), golden.bytes("digits"), labels).unwrap();
    let task = DigitPairs { n: 2, noise: 0.3, strength: 0.2, resample: true };
    let (pairs, noise) = (golden.indices("left_right"), golden.bytes("noise_u8"));
    let (mut x, mut targets) = (Vec::new(), [Vec::new(), Vec::new()]);
    for stimulus in 0..4 {
        let codes = &noise[stimulus * 28 * 42..(stimulus + 1) * 28 * 42];
        let draws = DigitDraws {
            digits: pairs[stimulus * 2..stimulus * 2 + 2].to_vec(),
            noise: codes.iter().map(|&code| f64::from(code) / 256.0 * task.noise).collect(),
        };
        let scene = task.compose(&digits, &draws).unwrap();
        x.extend_from_slice(scene.picture.data());
        for (all, target) in targets.iter_mut().zip(&scene.targets) {
            all.extend_from_slice(target.data());
        }
    }
    assert_close("x_first4", &x, &golden.f32("x_first4"), 1e-6, 1.0);
    assert_close("data_first4", &targets.concat(), &golden.f32("data_first4"), 1e-6, 1.0);
}
