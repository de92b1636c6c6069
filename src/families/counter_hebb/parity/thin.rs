//! Stored quantities in full, or every n-th entry with statistics of all.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use crate::error::Result;
use crate::parity::{Array, GoldenInputs, Recomputed};

/// The header's `slicing`: name to step and full shape.
pub(super) struct Slicing {
    steps: BTreeMap<String, (usize, Vec<usize>)>,
    has_statistics: bool,
}

impl Slicing {
    pub(super) fn of(inputs: &GoldenInputs, has_statistics: bool) -> Result<Self> {
        let steps = match inputs.find_parameter("slicing") {
            Some(_) => inputs.parameter("slicing")?,
            None => BTreeMap::new(),
        };
        Ok(Self { steps, has_statistics })
    }

    /// A quantity in the form in which the file stores it.
    pub(super) fn insert(&self, recomputed: &mut Recomputed, name: &str, tensor: &Tensor) -> Result<()> {
        let Some((step, _)) = self.steps.get(name) else {
            recomputed.insert(name, Array::from_tensor(&tensor.detach())?);
            return Ok(());
        };
        let values: Vec<f32> = tensor.detach().flatten_all()?.to_dtype(DType::F32)?.to_vec1()?;
        let kept: Vec<f32> = values.iter().copied().step_by((*step).max(1)).collect();
        recomputed.insert(name, Array::f32(&[kept.len()], kept)?);
        if self.has_statistics {
            let wide = || values.iter().map(|&value| f64::from(value));
            let statistics = vec![
                wide().sum(),
                wide().map(f64::abs).sum(),
                wide().map(|value| value * value).sum(),
                wide().fold(0.0, |largest: f64, value| largest.max(value.abs())),
            ];
            recomputed.insert(format!("stat/{name}"), Array::f64(&[4], statistics)?);
        }
        Ok(())
    }
}
