//! Activity as a value.

use candle_core::{DType, Tensor};

use super::Area;
use crate::error::{Error, Result};

/// Everything a network carries from one timestep to the next, and everything that can be read.
///
/// Keeping, replaying or branching from a moment is keeping this value: cloning copies pointers.
#[derive(Clone, Debug)]
pub struct State {
    /// Timesteps since rest.
    pub t: usize,
    /// Per area of [`Dynamics::areas`](super::Dynamics::areas): `[batch, ..shape]`, as recorded,
    /// that is after interventions.
    pub areas: Vec<Tensor>,
    /// What else persists, per name of [`Dynamics::memory`](super::Dynamics::memory).
    pub memory: Vec<Tensor>,
    /// What the network reports: logits `[batch, classes]`; `None` where this pass reports nothing.
    pub readout: Option<Tensor>,
}

impl State {
    /// All areas at zero for `batch` trials, of the type and on the device of `like`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn at_rest(areas: &[Area], batch: usize, like: &Tensor) -> Result<Self> {
        let size = |area: &Area| batch * area.shape.iter().product::<usize>();
        // All areas share the zeros of the largest.
        let largest = areas.iter().map(size).max().unwrap_or(0);
        let zeros = Tensor::zeros(largest, like.dtype(), like.device())?;
        let at_zero = |area: &Area| {
            let shape = [&[batch], area.shape.as_slice()].concat();
            Ok(zeros.narrow(0, 0, size(area))?.reshape(shape)?)
        };
        let areas = areas.iter().map(at_zero).collect::<Result<_>>()?;
        Ok(Self { t: 0, areas, memory: Vec::new(), readout: None })
    }

    /// Is it of a network of `n_areas` areas that is shown `batch` trials?
    ///
    /// # Errors
    /// [`Error::Shape`] if it is not.
    pub fn check(&self, n_areas: usize, batch: usize) -> Result<()> {
        let found = [self.areas.len(), self.batch()];
        match found == [n_areas, batch] {
            true => Ok(()),
            false => Err(Error::shape("state (areas, trials)", [n_areas, batch], &found)),
        }
    }

    pub fn batch(&self) -> usize {
        let first = self.areas.first().or(self.memory.first());
        first.and_then(|tensor| tensor.dims().first().copied()).unwrap_or(0)
    }

    /// Bytes of the numbers it holds.
    pub fn size_bytes(&self) -> usize {
        let bytes = |tensor: &Tensor| tensor.elem_count() * tensor.dtype().size_in_bytes();
        self.areas.iter().chain(&self.memory).chain(&self.readout).map(bytes).sum()
    }

    /// The same values outside any autograd graph.
    pub fn detached(&self) -> Self {
        let detach = |tensors: &[Tensor]| tensors.iter().map(Tensor::detach).collect();
        Self {
            t: self.t,
            areas: detach(&self.areas),
            memory: detach(&self.memory),
            readout: self.readout.as_ref().map(Tensor::detach),
        }
    }

    /// Flat `f32` copy of one area on the CPU.
    pub fn values(&self, area: usize) -> Result<Vec<f32>> {
        flat(&self.areas[area])
    }
}

/// All entries in row-major order as `f32`.
pub fn flat(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}
