//! Element types of stored tensors, and the tensors made of their bytes.

use candle_core::{DType, Device, Tensor};

use super::pickle::{Fault, Parsed};

/// Type of the elements of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
    /// Complex and quantized numbers: only their size is known, tensors of them cannot be read.
    Foreign(u8),
}

impl Element {
    /// Bytes of one element.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::Foreign(size) => usize::from(size),
        }
    }

    /// By the class of a storage: `torch.FloatStorage`.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        Some(match class.rsplit('.').next()? {
            "DoubleStorage" => Self::F64,
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "LongStorage" => Self::I64,
            "IntStorage" => Self::I32,
            "ShortStorage" => Self::I16,
            "CharStorage" => Self::I8,
            "ByteStorage" => Self::U8,
            "BoolStorage" => Self::Bool,
            "ComplexDoubleStorage" => Self::Foreign(16),
            "ComplexFloatStorage" => Self::Foreign(8),
            "QInt32Storage" => Self::Foreign(4),
            "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => Self::Foreign(1),
            _ => return None,
        })
    }

    /// By the name of a dtype: `torch.float32`.
    pub(super) fn of_dtype(dtype: &str) -> Option<Self> {
        Some(match dtype.strip_prefix("torch.")? {
            "float64" | "double" => Self::F64,
            "float32" | "float" => Self::F32,
            "float16" | "half" => Self::F16,
            "bfloat16" => Self::Bf16,
            "int64" | "long" => Self::I64,
            "int32" | "int" => Self::I32,
            "int16" | "short" => Self::I16,
            "int8" => Self::I8,
            "uint64" => Self::U64,
            "uint32" => Self::U32,
            "uint16" => Self::U16,
            "uint8" => Self::U8,
            "bool" => Self::Bool,
            name if name.starts_with("float8") => Self::Foreign(1),
            _ => return None,
        })
    }

    /// By the name of a dtype in safetensors.
    pub(super) fn of_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        use safetensors::Dtype;
        Some(match dtype {
            Dtype::F64 => Self::F64,
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::BF16 => Self::Bf16,
            Dtype::I64 => Self::I64,
            Dtype::I32 => Self::I32,
            Dtype::I16 => Self::I16,
            Dtype::I8 => Self::I8,
            Dtype::U64 => Self::U64,
            Dtype::U32 => Self::U32,
            Dtype::U16 => Self::U16,
            Dtype::U8 => Self::U8,
            Dtype::BOOL => Self::Bool,
            _ => return None,
        })
    }

    /// Bytes of one element of the tensor that [`Self::tensor`] makes.
    pub(super) fn width(self) -> usize {
        match self {
            Self::I32 | Self::I16 | Self::I8 | Self::U16 => 8,
            element => element.size(),
        }
    }

    /// A tensor on the CPU of little-endian elements in row-major order.
    ///
    /// Floating-point numbers, `u8`, `u32` and `i64` keep their type; other integers become `i64`,
    /// truth values `u8`.
    pub(super) fn tensor(self, bytes: &[u8], shape: &[usize]) -> Parsed<Tensor> {
        let expected = shape.iter().product::<usize>() * self.size();
        if bytes.len() != expected {
            return Err(Fault::new(format!("{} bytes for a tensor of shape {shape:?}", bytes.len())));
        }
        let raw = |dtype| match expected {
            0 => Tensor::zeros(shape, dtype, &Device::Cpu),
            _ => Tensor::from_raw_buffer(bytes, dtype, shape, &Device::Cpu),
        };
        let wide = |ints: Vec<i64>| Tensor::from_vec(ints, shape, &Device::Cpu);
        let tensor = match self {
            Self::F64 => raw(DType::F64),
            Self::F32 => raw(DType::F32),
            Self::F16 => raw(DType::F16),
            Self::Bf16 => raw(DType::BF16),
            Self::I64 => raw(DType::I64),
            Self::U32 => raw(DType::U32),
            Self::U8 => raw(DType::U8),
            Self::Bool => {
                let truths: Vec<u8> = bytes.iter().map(|&byte| u8::from(byte != 0)).collect();
                Tensor::from_vec(truths, shape, &Device::Cpu)
            }
            Self::I32 => wide(numbers(bytes, |bytes| i32::from_le_bytes(bytes).into())),
            Self::I16 => wide(numbers(bytes, |bytes| i16::from_le_bytes(bytes).into())),
            Self::I8 => wide(numbers(bytes, |bytes| i8::from_le_bytes(bytes).into())),
            Self::U16 => wide(numbers(bytes, |bytes| u16::from_le_bytes(bytes).into())),
            Self::U64 => {
                let ints = numbers(bytes, |bytes| i64::try_from(u64::from_le_bytes(bytes)));
                let large = |_large| Fault::new("an integer beyond 63 bits in a tensor");
                wide(ints.into_iter().collect::<Result<_, _>>().map_err(large)?)
            }
            Self::Foreign(_) => return Err(Fault::new("a tensor of complex or quantized numbers")),
        };
        tensor.map_err(|err| Fault::new(format!("a tensor that cannot be built ({err})")))
    }
}

fn numbers<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)).collect()
}
