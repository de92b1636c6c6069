//! Numbers of a golden file: arrays with a shape, or a piece of JSON.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use crate::error::{Error, Result};

/// What is given or compared under one name.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Array(Array),
    Json(serde_json::Value),
}

/// A dense row-major array. Cloning copies a pointer to its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    dims: Vec<usize>,
    numbers: Arc<Numbers>,
}

/// The entries of an [`Array`]; other stored types are widened to one of these.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
    U8(Vec<u8>),
}

impl Numbers {
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// # Errors
    /// [`Error::Shape`] if `dims` does not hold as many entries as there are numbers.
    pub fn new(dims: &[usize], numbers: Numbers) -> Result<Self> {
        if dims.iter().product::<usize>() != numbers.len() {
            return Err(Error::shape("array", dims, &[numbers.len()]));
        }
        Ok(Self { dims: dims.to_vec(), numbers: Arc::new(numbers) })
    }

    pub fn f32(dims: &[usize], values: Vec<f32>) -> Result<Self> {
        Self::new(dims, Numbers::F32(values))
    }

    pub fn f64(dims: &[usize], values: Vec<f64>) -> Result<Self> {
        Self::new(dims, Numbers::F64(values))
    }

    pub fn i64(dims: &[usize], values: Vec<i64>) -> Result<Self> {
        Self::new(dims, Numbers::I64(values))
    }

    pub fn u8(dims: &[usize], values: Vec<u8>) -> Result<Self> {
        Self::new(dims, Numbers::U8(values))
    }

    /// The values of a tensor on any device.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.flatten_all()?;
        let numbers = match tensor.dtype() {
            DType::F64 => Numbers::F64(flat.to_vec1()?),
            DType::I64 => Numbers::I64(flat.to_vec1()?),
            DType::U32 => Numbers::I64(flat.to_vec1::<u32>()?.into_iter().map(i64::from).collect()),
            DType::U8 => Numbers::U8(flat.to_vec1()?),
            _ => Numbers::F32(flat.to_dtype(DType::F32)?.to_vec1()?),
        };
        Self::new(tensor.dims(), numbers)
    }

    /// A tensor of the same type on `device`.
    pub fn to_tensor(&self, device: &Device) -> Result<Tensor> {
        let dims = self.dims.as_slice();
        Ok(match self.numbers() {
            Numbers::F32(values) => Tensor::from_slice(values, dims, device)?,
            Numbers::F64(values) => Tensor::from_slice(values, dims, device)?,
            Numbers::I64(values) => Tensor::from_slice(values, dims, device)?,
            Numbers::U8(values) => Tensor::from_slice(values, dims, device)?,
        })
    }

    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    pub fn to_f64(&self) -> Vec<f64> {
        match self.numbers() {
            Numbers::F32(values) => values.iter().map(|&v| f64::from(v)).collect(),
            Numbers::F64(values) => values.clone(),
            Numbers::I64(values) => values.iter().map(|&v| v as f64).collect(),
            Numbers::U8(values) => values.iter().map(|&v| f64::from(v)).collect(),
        }
    }

    pub fn to_f32(&self) -> Vec<f32> {
        match self.numbers() {
            Numbers::F32(values) => values.clone(),
            _ => self.to_f64().into_iter().map(|v| v as f32).collect(),
        }
    }

    /// The integers, if it holds integers or bytes.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        match self.numbers() {
            Numbers::I64(values) => Some(values.clone()),
            Numbers::U8(values) => Some(values.iter().map(|&v| i64::from(v)).collect()),
            Numbers::F32(_) | Numbers::F64(_) => None,
        }
    }

    /// Reads one tensor of a safetensors file; `None` for a type no golden uses.
    pub(super) fn from_view(view: &TensorView<'_>) -> Option<Self> {
        let bytes = view.data();
        let numbers = match view.dtype() {
            Dtype::F32 => Numbers::F32(read(bytes, f32::from_le_bytes)),
            Dtype::F64 => Numbers::F64(read(bytes, f64::from_le_bytes)),
            Dtype::I64 => Numbers::I64(read(bytes, i64::from_le_bytes)),
            Dtype::I32 => Numbers::I64(read(bytes, |b| i64::from(i32::from_le_bytes(b)))),
            Dtype::U32 => Numbers::I64(read(bytes, |b| i64::from(u32::from_le_bytes(b)))),
            Dtype::I16 => Numbers::I64(read(bytes, |b| i64::from(i16::from_le_bytes(b)))),
            Dtype::U8 | Dtype::BOOL => Numbers::U8(bytes.to_vec()),
            _ => return None,
        };
        Self::new(view.shape(), numbers).ok()
    }
}

fn read<const N: usize, T>(bytes: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| convert(chunk)).collect()
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        Self::Array(array)
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        Self::Json(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_survives_the_way_through_a_tensor() {
        let array = Array::i64(&[2, 2], vec![1, -2, 3, i64::MAX]).unwrap();
        let back = Array::from_tensor(&array.to_tensor(&Device::Cpu).unwrap()).unwrap();
        assert_eq!(array, back);
    }

    #[test]
    fn the_shape_must_hold_the_numbers() {
        assert!(Array::f32(&[2, 3], vec![0.0; 5]).is_err());
    }
}
