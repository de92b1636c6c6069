//! Weights as values: named tensors that are never written in place.
//!
//! A write makes a new [`Weight`] with a new generation. Whatever was packed or transformed for an
//! older generation can therefore never be mistaken for the new one, and a snapshot of a network
//! in training is a clone of a few pointers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use candle_core::{DType, Device, Tensor, Var};

use crate::error::{Error, Result};

static NEXT_GENERATION: AtomicU64 = AtomicU64::new(1);

/// One tensor of a model with the generation of its last write.
#[derive(Clone, Debug)]
pub struct Weight {
    tensor: Tensor,
    generation: Arc<u64>,
}

impl Weight {
    /// A weight of a new generation, unique within the process.
    pub fn new(tensor: Tensor) -> Self {
        Self { tensor, generation: Arc::new(NEXT_GENERATION.fetch_add(1, Ordering::Relaxed)) }
    }

    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Key for anything derived from this value: rises on every write, unique over all weights.
    pub fn generation(&self) -> u64 {
        *self.generation
    }

    /// Gone when the last clone of this weight is gone, so that nothing derived from it outlives it.
    pub(crate) fn life(&self) -> Weak<u64> {
        Arc::downgrade(&self.generation)
    }

    pub fn dims(&self) -> &[usize] {
        self.tensor.dims()
    }
}

/// The named weights of one model, sorted by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    by_name: Arc<BTreeMap<String, Weight>>,
}

impl Weights {
    pub fn from_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        let by_name = tensors.into_iter().map(|(name, tensor)| (name, Weight::new(tensor))).collect();
        Self { by_name: Arc::new(by_name) }
    }

    /// # Errors
    /// [`Error::Unknown`] if no tensor has this name.
    pub fn get(&self, name: &str) -> Result<&Weight> {
        self.by_name.get(name).ok_or_else(|| Error::unknown("tensor", name, self.by_name.keys().cloned()))
    }

    /// The tensor `name`, if its shape is `dims`.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Shape`].
    pub fn get_shaped(&self, name: &str, dims: &[usize]) -> Result<&Weight> {
        let weight = self.get(name)?;
        if weight.dims() != dims {
            return Err(Error::shape(name, dims, weight.dims()));
        }
        Ok(weight)
    }

    pub fn find(&self, name: &str) -> Option<&Weight> {
        self.by_name.get(name)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Weight)> {
        self.by_name.iter().map(|(name, weight)| (name.as_str(), weight))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Names and shapes.
    pub fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.iter().map(|(name, weight)| (name.to_owned(), weight.dims().to_vec())).collect()
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// A copy with some tensors replaced (or added); only these get a new generation.
    pub fn with(&self, changes: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        let mut by_name = (*self.by_name).clone();
        for (name, tensor) in changes {
            by_name.insert(name, Weight::new(tensor));
        }
        Self { by_name: Arc::new(by_name) }
    }

    /// A copy whose floating-point tensors are leaves of the autograd graph.
    pub fn trainable(&self) -> Result<Self> {
        self.map(|tensor| match tensor.dtype() {
            DType::F32 | DType::F64 => Ok(Var::from_tensor(&tensor.detach())?.as_tensor().clone()),
            _ => Ok(tensor.clone()),
        })
    }

    /// A copy outside any autograd graph, for inference and snapshots.
    pub fn detached(&self) -> Result<Self> {
        self.map(|tensor| Ok(tensor.detach().copy()?))
    }

    pub fn to_device(&self, device: &Device) -> Result<Self> {
        self.map(|tensor| Ok(tensor.to_device(device)?))
    }

    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        self.map(|tensor| match tensor.dtype() {
            DType::F32 | DType::F64 | DType::F16 | DType::BF16 => Ok(tensor.to_dtype(dtype)?),
            _ => Ok(tensor.clone()),
        })
    }

    fn map(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let by_name = self
            .by_name
            .iter()
            .map(|(name, weight)| Ok((name.clone(), Weight::new(change(&weight.tensor)?))))
            .collect::<Result<_>>()?;
        Ok(Self { by_name: Arc::new(by_name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_raises_only_the_generation_of_what_it_wrote() {
        let zeros = || Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap();
        let old = Weights::from_tensors([("a".to_owned(), zeros()), ("b".to_owned(), zeros())]);
        let new = old.with([("a".to_owned(), zeros())]);
        assert!(new.get("a").unwrap().generation() > old.get("a").unwrap().generation());
        assert_eq!(new.get("b").unwrap().generation(), old.get("b").unwrap().generation());
    }
}
