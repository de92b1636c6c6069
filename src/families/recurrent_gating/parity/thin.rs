//! How stored quantities are thinned.

use candle_core::{DType, Tensor};

use crate::error::Result;
use crate::parity::{Array, Value};

/// A quantity `[batch, sweeps, …]` in full, or thinned with mean and norm of each full map.
pub(super) fn forms(name: &str, full: &Tensor, ksub: usize) -> Result<[Vec<(String, Value)>; 2]> {
    let dims = full.dims().to_vec();
    let values = full.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let n = dims[2..].iter().product::<usize>().max(1);
    let mut statistics = Vec::with_capacity(values.len() / n * 2);
    let mut kept = Vec::new();
    for map in values.chunks(n) {
        kept.extend(thinned(map, ksub));
        let sum: f64 = map.iter().map(|&value| f64::from(value)).sum();
        let squares: f64 = map.iter().map(|&value| f64::from(value).powi(2)).sum();
        statistics.extend([(sum / n as f64) as f32, squares.sqrt() as f32]);
    }
    let per_map = n.div_ceil(stride(n, ksub));
    Ok([
        vec![(name.to_owned(), Array::f32(&dims, values)?.into())],
        vec![
            (format!("{name}.sub"), Array::f32(&[dims[0], dims[1], per_map], kept)?.into()),
            (format!("{name}.stat"), Array::f32(&[dims[0], dims[1], 2], statistics)?.into()),
        ],
    ])
}

fn stride(n: usize, keep: usize) -> usize {
    n.div_ceil(keep.max(1)).max(1)
}

/// Every `ceil(n / keep)`-th of `n` values from the first.
pub(super) fn thinned(values: &[f32], keep: usize) -> impl Iterator<Item = f32> {
    values.iter().copied().step_by(stride(values.len(), keep))
}
