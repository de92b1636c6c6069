//! Embedding, weight normalisation and dropout.

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::rng::{Rng, uniform};

/// Rows `ids` (`[n]`, `u32` or `i64`) of `weight` `[rows, width]`: `[n, width]`.
///
/// # Errors
/// [`Error::Shape`] if either has another rank; an id beyond the rows is an error too.
pub fn embedding(ids: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if ids.rank() != 1 {
        return Err(Error::shape("ids of an embedding", "[n]", ids.dims()));
    }
    if weight.rank() != 2 {
        return Err(Error::shape("weight of an embedding", "[rows, width]", weight.dims()));
    }
    Ok(weight.contiguous()?.index_select(&ids.contiguous()?, 0)?)
}

/// `gain * direction / |direction|`, the norm over all axes but the first.
///
/// `gain` has one entry per row of `direction`, as `[out, 1, …]` or `[out]`.
///
/// # Errors
/// [`Error::Shape`] if the gain does not fit.
pub fn weight_norm(direction: &Tensor, gain: &Tensor) -> Result<Tensor> {
    let out = direction.dims().first().copied().unwrap_or(0);
    if out == 0 || gain.elem_count() != out {
        return Err(Error::shape("gain of weight normalisation", [out], gain.dims()));
    }
    let rows = direction.reshape((out, ()))?;
    let norm = rows.sqr()?.sum_keepdim(1)?.sqrt()?;
    let scale = (gain.reshape((out, 1))? / norm)?;
    Ok(rows.broadcast_mul(&scale)?.reshape(direction.dims())?)
}

/// Entries dropped with probability `p`, the rest divided by `1 - p`.
///
/// # Errors
/// [`Error::Config`] unless `p` lies in `0..=1`.
pub fn dropout(x: &Tensor, p: f64, rng: &mut Rng) -> Result<Tensor> {
    masked(x, x.dims().to_vec(), p, rng)
}

/// Whole maps (a channel of a sample) dropped with probability `p`, the rest divided by `1 - p`.
///
/// # Errors
/// [`Error::Config`] unless `p` lies in `0..=1`; [`Error::Shape`] unless `x` has two axes or more.
pub fn dropout2d(x: &Tensor, p: f64, rng: &mut Rng) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    if dims.len() < 2 {
        return Err(Error::shape("input of dropout", "[batch, channels, …]", x.dims()));
    }
    dims[2..].fill(1);
    masked(x, dims, p, rng)
}

fn masked(x: &Tensor, dims: Vec<usize>, p: f64, rng: &mut Rng) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::config("dropout probability", "between 0 and 1", p));
    }
    if p == 0.0 {
        return Ok(x.clone());
    }
    let kept = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
    let n = dims.iter().product();
    let mask: Vec<f64> = (0..n).map(|_| if uniform(rng) < p { 0.0 } else { kept }).collect();
    let mask = Tensor::from_vec(mask, dims, x.device())?.to_dtype(x.dtype())?;
    Ok(x.broadcast_mul(&mask)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::super::testing::{check_gradients, normal, values};
    use super::*;
    use crate::rng::stream;

    #[test]
    fn gradients_agree_with_differences() {
        // Row 1 twice: its gradients add up.
        let ids = Tensor::new(&[1u32, 0, 1, 3], &Device::Cpu).unwrap();
        check_gradients(&[normal(1, &[4, 3])], |x| embedding(&ids, &x[0]));
        let inputs = [normal(1, &[3, 2, 2, 2]), normal(2, &[3, 1, 1, 1])];
        check_gradients(&inputs, |x| weight_norm(&x[0], &x[1]));
        let mask = || stream(7, "dropout", &[]);
        check_gradients(&[normal(1, &[2, 3, 2, 2])], |x| dropout(&x[0], 0.4, &mut mask()));
        check_gradients(&[normal(1, &[2, 3, 2, 2])], |x| dropout2d(&x[0], 0.4, &mut mask()));
    }

    #[test]
    fn weight_norm_has_the_norm_of_its_gain() {
        let w = weight_norm(&normal(1, &[2, 5]), &Tensor::new(&[3f64, 0.5], &Device::Cpu).unwrap()).unwrap();
        let norms = values(&w.sqr().unwrap().sum(1).unwrap().sqrt().unwrap());
        assert!((norms[0] - 3.0).abs() < 1e-14 && (norms[1] - 0.5).abs() < 1e-14);
    }

    #[test]
    fn dropout_keeps_the_mean_and_drops_whole_maps() {
        let x = Tensor::ones((40, 50, 3, 3), DType::F32, &Device::Cpu).unwrap();
        let mut rng = stream(1, "dropout", &[]);
        let y = dropout2d(&x, 0.1, &mut rng).unwrap();
        for map in values(&y).chunks(9) {
            assert!(map.iter().all(|&v| v == map[0]) && (map[0] == 0.0 || (map[0] - 1.0 / 0.9).abs() < 1e-6));
        }
        let mean = values(&y).iter().sum::<f64>() / 18_000.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        let mean = values(&dropout(&x, 0.5, &mut rng).unwrap()).iter().sum::<f64>() / 18_000.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        assert!(values(&dropout(&x, 1.0, &mut rng).unwrap()).iter().all(|&v| v == 0.0));
        assert!(dropout(&x, 1.5, &mut rng).is_err() && dropout(&x, f64::NAN, &mut rng).is_err());
    }

    #[test]
    fn an_id_beyond_the_rows_is_refused() {
        let ids = Tensor::new(&[4u32], &Device::Cpu).unwrap();
        assert!(embedding(&ids, &normal(1, &[4, 3])).is_err());
    }
}
