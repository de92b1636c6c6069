//! Gates: what lets a unit fire, or an error pass.

use candle_core::Tensor;

use super::activation::relu;
use super::kernels::gate::{Gate, Positive};
use super::workspace::Path;
use crate::error::{Error, Result};

/// 1 where `x` is above 0, else 0, outside any graph.
///
/// # Errors
/// Those of the tensor library.
pub fn positive(x: &Tensor) -> Result<Tensor> {
    positive_by(Path::Auto, x)
}

fn positive_by(path: Path, x: &Tensor) -> Result<Tensor> {
    if path.takes_kernel(x)? {
        return Ok(x.detach().contiguous()?.apply_op1_no_bwd(&Positive)?);
    }
    Ok(x.detach().gt(0.0)?.to_dtype(x.dtype())?)
}

/// `x` times [`positive`]`(by)`, which gets no gradient.
///
/// # Errors
/// [`Error::Shape`] if they differ.
pub fn gate_where_positive(x: &Tensor, by: &Tensor) -> Result<Tensor> {
    gate_where_positive_by(Path::Auto, x, by)
}

fn gate_where_positive_by(path: Path, x: &Tensor, by: &Tensor) -> Result<Tensor> {
    same_shape(x, by)?;
    if path.takes_kernel(x)? {
        return Ok(x.contiguous()?.apply_op2(&by.detach().contiguous()?, Gate::WherePositive)?);
    }
    Ok((x * positive_by(path, by)?)?)
}

/// `relu(x) * gate`; the slope of relu at 0 is 0.
///
/// # Errors
/// [`Error::Shape`] if they differ.
pub fn gated_relu(x: &Tensor, gate: &Tensor) -> Result<Tensor> {
    gated_relu_by(Path::Auto, x, gate)
}

fn gated_relu_by(path: Path, x: &Tensor, gate: &Tensor) -> Result<Tensor> {
    same_shape(x, gate)?;
    if path.takes_kernel(x)? {
        return Ok(x.contiguous()?.apply_op2(&gate.contiguous()?, Gate::Rectified)?);
    }
    Ok((relu(x)? * gate)?)
}

fn same_shape(x: &Tensor, gate: &Tensor) -> Result<()> {
    if x.dims() == gate.dims() { Ok(()) } else { Err(Error::shape("gate", x.dims(), gate.dims())) }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::testing::{PATHS, check_gradients, check_paths, normal, values};
    use super::*;

    #[test]
    fn gradients_agree_with_differences_on_both_paths() {
        let (x, gate) = (normal(1, &[3, 7, 5]), normal(2, &[3, 7, 5]));
        let both = [x.clone(), gate.clone()];
        for path in PATHS {
            check_gradients(&both, |x| gated_relu_by(path, &x[0], &x[1]));
            check_gradients(std::slice::from_ref(&x), |x| gate_where_positive_by(path, &x[0], &gate));
        }
        check_paths(&both, |x, path| gated_relu_by(path, &x[0], &x[1]));
        check_paths(&[x], |x, path| {
            let gate = gate.to_dtype(x[0].dtype())?;
            gate_where_positive_by(path, &x[0], &gate)
        });
    }

    #[test]
    fn values_by_hand() {
        let tensor = |x: [f64; 4]| Tensor::new(&x, &Device::Cpu).unwrap();
        let (x, gate) = (tensor([2.0, -3.0, 0.0, 5.0]), tensor([0.5, 1.0, 1.0, -1.0]));
        for path in PATHS {
            assert_eq!(values(&positive_by(path, &x).unwrap()), [1.0, 0.0, 0.0, 1.0]);
            assert_eq!(values(&gate_where_positive_by(path, &x, &gate).unwrap()), [2.0, -3.0, 0.0, 0.0]);
            assert_eq!(values(&gated_relu_by(path, &x, &gate).unwrap()), [1.0, 0.0, 0.0, -5.0]);
        }
        assert!(gated_relu(&x, &tensor([0.0; 4]).unsqueeze(0).unwrap()).is_err());
    }
}
