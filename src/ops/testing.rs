//! Checks shared by the tests of operations.

use candle_core::{DType, Device, Tensor, Var};

use super::{Path, Workspace};
use crate::error::Result;
use crate::rng;
use crate::weights::Weight;

/// Both paths of an operation.
pub const PATHS: [Path; 2] = [Path::Composite, Path::Kernel];

/// Standard normal entries.
pub fn normal(seed: u64, dims: &[usize]) -> Tensor {
    let mut rng = rng::stream(seed, "normal", &[dims.len() as u64]);
    let values: Vec<f64> = (0..dims.iter().product()).map(|_| rng::normal(&mut rng)).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
}

/// Distinct entries in random order, 0.1 apart: no ties and no corner within a small step.
pub fn shuffled(seed: u64, dims: &[usize]) -> Tensor {
    let n = dims.iter().product();
    let order = rng::permutation(&mut rng::stream(seed, "shuffled", &[]), n);
    let values: Vec<f64> = order.into_iter().map(|i| 0.1 * (i as f64 - (n / 2) as f64) + 0.05).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
}

pub fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

pub fn variable(x: &Tensor) -> Tensor {
    Var::from_tensor(x).unwrap().into_inner()
}

/// Largest difference; shapes must agree and entries must be finite.
pub fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let pairs = values(a).into_iter().zip(values(b));
    pairs.fold(0.0, |worst: f64, (a, b)| {
        assert!(a.is_finite() && b.is_finite(), "{a} against {b}");
        worst.max((a - b).abs())
    })
}

/// Gradients of a fixed random projection of `f`, with respect to each input.
pub fn gradients(inputs: &[Tensor], f: &impl Fn(&[Tensor]) -> Result<Tensor>) -> Vec<Tensor> {
    let inputs: Vec<Tensor> = inputs.iter().map(variable).collect();
    let y = f(&inputs).unwrap();
    let loss = (&y * normal(99, y.dims()).to_dtype(y.dtype()).unwrap()).unwrap().sum_all().unwrap();
    let found = super::backward(&loss, &inputs.iter().collect::<Vec<_>>()).unwrap();
    let none = |input: &Tensor| {
        assert_eq!(y.elem_count(), 0, "every input of a result with entries has a gradient");
        input.zeros_like().unwrap()
    };
    found.into_iter().zip(&inputs).map(|(gradient, input)| gradient.unwrap_or_else(|| none(input))).collect()
}

/// Compares the gradients of `f` at `inputs` (`f64`) with central differences.
pub fn check_gradients(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    const STEP: f64 = 1e-4;
    let project = |inputs: &[Tensor]| {
        let y = f(inputs).unwrap();
        assert!(!y.track_op(), "a graph was recorded for plain tensors");
        values(&(&y * normal(99, y.dims())).unwrap()).iter().sum::<f64>()
    };
    let found = gradients(inputs, &f);
    for (which, (input, gradient)) in inputs.iter().zip(&found).enumerate() {
        assert_eq!(input.dims(), gradient.dims());
        let (centre, gradient) = (values(input), values(gradient));
        for i in 0..centre.len() {
            let at = |value| {
                let mut moved = centre.clone();
                moved[i] = value;
                let mut inputs = inputs.to_vec();
                inputs[which] = Tensor::from_vec(moved, input.dims(), &Device::Cpu).unwrap();
                project(&inputs)
            };
            let difference = |step| (at(centre[i] + step) - at(centre[i] - step)) / (2.0 * step);
            // Exact up to the fifth derivative.
            let expected = (4.0 * difference(STEP) - difference(2.0 * STEP)) / 3.0;
            let allowed = 1e-7 * (1.0 + expected.abs());
            assert!(
                (gradient[i] - expected).abs() <= allowed,
                "input {which}, entry {i}: gradient {} against {expected}",
                gradient[i]
            );
        }
    }
}

/// Compares values and gradients of both paths in `f64` and `f32`.
pub fn check_paths(inputs: &[Tensor], f: impl Fn(&[Tensor], Path) -> Result<Tensor>) {
    for (dtype, allowed) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
        let inputs: Vec<_> = inputs.iter().map(|x| x.to_dtype(dtype).unwrap()).collect();
        let [composite, kernel] = PATHS.map(|path| {
            let mut results = vec![f(&inputs, path).unwrap()];
            results.extend(gradients(&inputs, &|inputs: &[Tensor]| f(inputs, path)));
            results
        });
        for (i, (composite, kernel)) in composite.iter().zip(&kernel).enumerate() {
            let top = values(composite).iter().fold(1.0, |top: f64, x| top.max(x.abs()));
            let worst = difference(composite, kernel);
            assert!(worst <= allowed * top, "{dtype:?}, result {i}: {worst} of {top}");
        }
    }
}

pub fn weight(x: &Tensor) -> Weight {
    Weight::new(x.clone())
}

pub fn workspace(path: Path) -> Workspace {
    Workspace::with_path(path)
}
