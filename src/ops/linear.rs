//! Affine maps.

use candle_core::Tensor;

use super::kernels::linear::LinearMap;
use super::workspace::{Path, Workspace};
use crate::error::{Error, Result};
use crate::weights::Weight;

/// `x · weightᵀ + bias`: `x` `[…, in]`, `weight` `[out, in]`, `bias` `[out]` or `[1, out]`.
///
/// # Errors
/// [`Error::Shape`] if the sizes do not match.
pub fn linear(x: &Tensor, weight: &Weight, bias: Option<&Weight>, ws: &mut Workspace) -> Result<Tensor> {
    let &[out, inputs] = weight.dims() else {
        return Err(Error::shape("weight of a linear map", "[out, in]", weight.dims()));
    };
    let Some((&last, batch)) = x.dims().split_last() else {
        return Err(Error::shape("input of a linear map", format!("[…, {inputs}]"), x.dims()));
    };
    if last != inputs {
        return Err(Error::shape("input of a linear map", format!("[…, {inputs}]"), x.dims()));
    }
    if let Some(bias) = bias
        && bias.dims() != [out]
        && bias.dims() != [1, out]
    {
        return Err(Error::shape("bias of a linear map", [out], bias.dims()));
    }
    let rows: usize = batch.iter().product();
    let rows_of_x = x.reshape((rows, inputs))?;
    let y = if ws.path().takes_kernel(x)? {
        mapped(LinearMap::Forward, &rows_of_x, weight.tensor())?
    } else {
        rows_of_x.matmul(&weight.tensor().t()?)?
    };
    let y = match bias {
        Some(bias) => y.broadcast_add(bias.tensor())?,
        None => y,
    };
    Ok(y.reshape([batch, &[out]].concat())?)
}

/// What [`linear`] with `weight` `[out, in]` sends back: `y · weight + bias`, `y` `[batch, out]`, `bias` `[in]`.
///
/// # Errors
/// [`Error::Shape`] if the sizes do not match.
pub fn linear_transposed(y: &Tensor, weight: &Weight, bias: Option<&Weight>) -> Result<Tensor> {
    linear_transposed_by(Path::Auto, y, weight, bias)
}

fn linear_transposed_by(path: Path, y: &Tensor, weight: &Weight, bias: Option<&Weight>) -> Result<Tensor> {
    let (&[_, found], &[out, inputs]) = (y.dims(), weight.dims()) else {
        return Err(Error::shape("output of a linear map to be sent back", "[batch, out]", y.dims()));
    };
    if found != out {
        return Err(Error::shape(
            "output of a linear map to be sent back",
            format!("[batch, {out}]"),
            y.dims(),
        ));
    }
    let x = if path.takes_kernel(y)? {
        mapped(LinearMap::Transposed, y, weight.tensor())?
    } else {
        y.matmul(weight.tensor())?
    };
    match bias {
        None => Ok(x),
        Some(bias) if bias.dims() == [inputs] => Ok(x.broadcast_add(bias.tensor())?),
        Some(bias) => Err(Error::shape("bias of a linear map sent back", [inputs], bias.dims())),
    }
}

/// `yᵀ · x`, `[out, in]`: the gradient of a linear map's weight from its input `x` `[batch, in]` and the
/// gradient `y` `[batch, out]` of its output, outside any graph.
///
/// # Errors
/// Those of the tensor library.
pub fn linear_weight_gradient(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    linear_weight_gradient_by(Path::Auto, x, y)
}

fn linear_weight_gradient_by(path: Path, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (x, y) = (x.detach(), y.detach());
    if path.takes_kernel(&x)? { mapped(LinearMap::Weight, &y, &x) } else { Ok(y.t()?.matmul(&x)?) }
}

fn mapped(map: LinearMap, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Ok(a.contiguous()?.apply_op2(&b.contiguous()?, map)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::super::testing::{PATHS, check_gradients, check_paths, difference, normal, weight, workspace};
    use super::*;
    use crate::rng;

    fn run(inputs: &[Tensor], path: Path) -> Result<Tensor> {
        let bias = inputs.get(2).map(weight);
        linear(&inputs[0], &weight(&inputs[1]), bias.as_ref(), &mut workspace(path))
    }

    #[test]
    fn gradients_agree_with_differences() {
        for path in PATHS {
            let inputs = [normal(1, &[3, 4]), normal(2, &[5, 4]), normal(3, &[5])];
            check_gradients(&inputs, |inputs| run(inputs, path));
            check_gradients(&inputs[..2], |inputs| run(inputs, path));
            let inputs = [normal(1, &[2, 3, 4]), normal(2, &[1, 4]), normal(3, &[1, 1])];
            check_gradients(&inputs, |inputs| run(inputs, path));
        }
    }

    #[test]
    fn kernels_agree_with_the_composition() {
        let mut rng = rng::stream(6, "sizes", &[]);
        let mut draw = |to| rng::index(&mut rng, 1, to);
        for _ in 0..40 {
            let (rows, out, inputs) = (draw(20), draw(150), draw(70));
            let operands = [normal(1, &[rows, inputs]), normal(2, &[out, inputs]), normal(3, &[out])];
            check_paths(&operands, run);
        }
        for path in PATHS {
            assert_eq!(run(&[normal(1, &[0, 4]), normal(2, &[5, 4])], path).unwrap().dims(), [0, 5]);
        }
    }

    #[test]
    fn what_is_sent_back_has_the_right_gradient() {
        let inputs = [normal(1, &[3, 5]), normal(2, &[5, 4]), normal(3, &[4])];
        let back =
            |x: &[Tensor], path| linear_transposed_by(path, &x[0], &weight(&x[1]), Some(&weight(&x[2])));
        for path in PATHS {
            check_gradients(&inputs, |x| back(x, path));
        }
        check_paths(&inputs, back);
        let wrong = weight(&normal(3, &[5]));
        assert!(linear_transposed(&inputs[0], &weight(&inputs[1]), Some(&wrong)).is_err());
        assert!(linear_transposed(&inputs[2], &weight(&inputs[1]), None).is_err());
    }

    #[test]
    fn a_weight_s_gradient_is_the_one_of_the_graph() {
        let (x, w, y) =
            (normal(1, &[3, 5]), Var::from_tensor(&normal(2, &[4, 5])).unwrap(), normal(3, &[3, 4]));
        for path in PATHS {
            let sum =
                (run(&[x.clone(), w.as_tensor().clone()], path).unwrap() * &y).unwrap().sum_all().unwrap();
            let expected = sum.backward().unwrap().remove(&w).unwrap();
            let found = linear_weight_gradient_by(path, &x, &y).unwrap();
            assert!(difference(&found, &expected) < 1e-12);
        }
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for path in PATHS {
            assert!(run(&[normal(1, &[3, 4]), normal(2, &[5, 3])], path).is_err());
            assert!(run(&[normal(1, &[3, 4]), normal(2, &[5, 4]), normal(3, &[4])], path).is_err());
        }
    }
}
