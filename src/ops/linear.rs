//! Affine maps.

use candle_core::Tensor;

use super::workspace::Workspace;
use crate::error::{Error, Result};
use crate::weights::Weight;

/// `x · weightᵀ + bias`: `x` `[…, in]`, `weight` `[out, in]`, `bias` `[out]` or `[1, out]`.
///
/// # Errors
/// [`Error::Shape`] if the sizes do not match.
pub fn linear(x: &Tensor, weight: &Weight, bias: Option<&Weight>, _ws: &mut Workspace) -> Result<Tensor> {
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
    let y = x.reshape((rows, inputs))?.matmul(&weight.tensor().t()?)?;
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
    let x = y.matmul(weight.tensor())?;
    match bias {
        None => Ok(x),
        Some(bias) if bias.dims() == [inputs] => Ok(x.broadcast_add(bias.tensor())?),
        Some(bias) => Err(Error::shape("bias of a linear map sent back", [inputs], bias.dims())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, normal, weight};
    use super::*;

    fn run(inputs: &[Tensor]) -> Result<Tensor> {
        let bias = inputs.get(2).map(weight);
        linear(&inputs[0], &weight(&inputs[1]), bias.as_ref(), &mut Workspace::new())
    }

    #[test]
    fn gradients_agree_with_differences() {
        let inputs = [normal(1, &[3, 4]), normal(2, &[5, 4]), normal(3, &[5])];
        check_gradients(&inputs, run);
        check_gradients(&inputs[..2], run);
        check_gradients(&[normal(1, &[2, 3, 4]), normal(2, &[1, 4]), normal(3, &[1, 1])], run);
    }

    #[test]
    fn what_is_sent_back_has_the_right_gradient() {
        let inputs = [normal(1, &[3, 5]), normal(2, &[5, 4]), normal(3, &[4])];
        check_gradients(&inputs, |x| linear_transposed(&x[0], &weight(&x[1]), Some(&weight(&x[2]))));
        let wrong = weight(&normal(3, &[5]));
        assert!(linear_transposed(&inputs[0], &weight(&inputs[1]), Some(&wrong)).is_err());
        assert!(linear_transposed(&inputs[2], &weight(&inputs[1]), None).is_err());
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(run(&[normal(1, &[3, 4]), normal(2, &[5, 3])]).is_err());
        assert!(run(&[normal(1, &[3, 4]), normal(2, &[5, 4]), normal(3, &[4])]).is_err());
    }
}
