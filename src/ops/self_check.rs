//! Gradients of a device beside those of the CPU's kernels, before a training run trusts them.

use candle_core::{DType, Device, Tensor, Var};

use super::{
    ConvSpec, ConvTransposeSpec, LeakyRule, Path, PoolSpec, Workspace, backward, conv_transpose2d, conv2d,
    group_norm, leaky_step, linear, log_softmax, max_pool2d, upsample_nearest,
};
use crate::error::{Error, Result};
use crate::rng;
use crate::weights::Weight;

/// Largest difference that is allowed, as a share of the largest entry: single precision in any order
/// of summation.
const TOLERANCE: f64 = 1e-3;

/// An operation whose gradients are compared.
struct Operation {
    name: &'static str,
    /// Of what it takes: the input, then weights.
    shapes: &'static [&'static [usize]],
    value: fn(&[Tensor], &mut Workspace) -> Result<Tensor>,
}

const OPERATIONS: [Operation; 9] = [
    Operation {
        name: "a strided convolution",
        shapes: &[&[2, 4, 9, 8], &[6, 4, 3, 3], &[6]],
        value: |x, ws| {
            let spec = ConvSpec { stride: 2, padding: 1, ..ConvSpec::default() };
            conv2d(&x[0], &weight(&x[1]), Some(&weight(&x[2])), &spec, ws)
        },
    },
    Operation {
        name: "a convolution in groups",
        shapes: &[&[2, 6, 7, 7], &[6, 1, 3, 3]],
        value: |x, ws| {
            let spec = ConvSpec { groups: 6, padding: 1, ..ConvSpec::default() };
            conv2d(&x[0], &weight(&x[1]), None, &spec, ws)
        },
    },
    Operation {
        name: "a transposed convolution",
        shapes: &[&[2, 6, 5, 4], &[6, 4, 3, 3]],
        value: |x, ws| {
            let spec = ConvTransposeSpec { stride: 2, padding: 1, output_padding: 1 };
            conv_transpose2d(&x[0], &weight(&x[1]), None, &spec, ws)
        },
    },
    Operation {
        name: "a linear map",
        shapes: &[&[5, 12], &[7, 12], &[7]],
        value: |x, ws| linear(&x[0], &weight(&x[1]), Some(&weight(&x[2])), ws),
    },
    Operation {
        name: "a group norm",
        shapes: &[&[2, 6, 5, 5], &[6], &[6]],
        value: |x, _| group_norm(&x[0], 3, Some(&weight(&x[1])), Some(&weight(&x[2])), 1e-5),
    },
    Operation {
        name: "max pooling",
        shapes: &[&[2, 3, 8, 8]],
        value: |x, _| max_pool2d(&x[0], &PoolSpec { kernel: 3, stride: 2, padding: 1 }),
    },
    Operation {
        name: "nearest upsampling",
        shapes: &[&[2, 3, 4, 5]],
        value: |x, _| upsample_nearest(&x[0], (8, 10)),
    },
    Operation {
        name: "a leaky step",
        shapes: &[&[2, 3, 6, 6], &[2, 3, 6, 6]],
        value: |x, _| leaky_step(&x[0], &x[1], LeakyRule { alpha: 0.2, slope: 0.1 }),
    },
    Operation { name: "a log-softmax", shapes: &[&[4, 9]], value: |x, _| log_softmax(&x[0], 1) },
];

fn weight(tensor: &Tensor) -> Weight {
    Weight::new(tensor.clone())
}

/// Whether `device` finds the same gradients as the CPU's kernels, operation by operation.
///
/// # Errors
/// [`Error::Unsupported`] naming the first operation that it cannot compute or computes differently.
pub fn check_gradients_of(device: &Device) -> Result<()> {
    if device.is_cpu() {
        return Ok(());
    }
    OPERATIONS.iter().try_for_each(|operation| operation.check(device, Path::Auto))
}

impl Operation {
    fn check(&self, device: &Device, path: Path) -> Result<()> {
        let expected = self.gradients(&Device::Cpu, Path::Auto)?;
        let found = self.gradients(device, path);
        let found = found.map_err(|err| self.refused(format!("is not computed there ({err})")))?;
        self.compare(&expected, &found)
    }

    /// Of a fixed random projection of its value, with respect to everything it takes.
    fn gradients(&self, device: &Device, path: Path) -> Result<Vec<Vec<f32>>> {
        let taken = self.shapes.iter().enumerate().map(|(i, shape)| {
            Ok(Var::from_tensor(&normal(i as u64, shape)?.to_device(device)?)?.into_inner())
        });
        let taken = taken.collect::<Result<Vec<_>>>()?;
        let y = (self.value)(&taken, &mut Workspace::with_path(path))?;
        let projection = normal(u64::MAX, y.dims())?.to_device(device)?;
        let loss = (y * projection)?.sum_all()?;
        let found = backward(&loss, &taken.iter().collect::<Vec<_>>())?;
        let entries = |gradient: &Option<Tensor>| match gradient {
            Some(gradient) => Ok(gradient.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()?),
            None => Ok(Vec::new()),
        };
        found.iter().map(entries).collect()
    }

    fn compare(&self, expected: &[Vec<f32>], found: &[Vec<f32>]) -> Result<()> {
        for (expected, found) in expected.iter().zip(found) {
            let largest = expected.iter().fold(0.0, |largest: f64, &x| largest.max(f64::from(x).abs()));
            let apart = expected.iter().zip(found).map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs());
            let is_far = |apart: f64| !(apart <= TOLERANCE * largest);
            if expected.len() != found.len() || apart.clone().any(is_far) {
                let worst = apart.fold(0.0, f64::max) / largest;
                return Err(self.refused(format!("is {worst:.1e} of its largest entry off there")));
            }
        }
        Ok(())
    }

    fn refused(&self, why: String) -> Error {
        Error::Unsupported(format!("the gradient of {} {why}", self.name))
    }
}

/// Standard normal entries, `f32`.
fn normal(index: u64, shape: &[usize]) -> Result<Tensor> {
    let mut stream = rng::stream(0, "gradient self-check", &[index]);
    let entries: Vec<f64> = (0..shape.iter().product()).map(|_| rng::normal(&mut stream)).collect();
    Ok(Tensor::from_vec(entries, shape, &Device::Cpu)?.to_dtype(DType::F32)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gpu_computes_agrees_with_the_kernels() {
        // On devices without kernels operations are composed of primitives, and so they are here.
        for operation in &OPERATIONS {
            operation.check(&Device::Cpu, Path::Composite).unwrap();
        }
        check_gradients_of(&Device::Cpu).unwrap();
    }

    #[test]
    fn a_wrong_or_missing_gradient_is_refused_by_name() {
        for operation in &OPERATIONS {
            let right = operation.gradients(&Device::Cpu, Path::Auto).unwrap();
            assert!(right.iter().all(|gradient| gradient.iter().any(|x| *x != 0.0)), "{}", operation.name);
            for wrong in [0.99, f32::NAN] {
                let mut found = right.clone();
                found[0].iter_mut().for_each(|x| *x *= wrong);
                let said = operation.compare(&right, &found).unwrap_err().to_string();
                assert!(said.contains(operation.name), "{said}");
            }
            let mut found = right.clone();
            found[0].clear();
            operation.compare(&right, &found).unwrap_err();
        }
    }
}
