//! CPU kernels for `f32` and `f64`, each as a custom operation with its own gradient.
//!
//! What a job computes depends on shapes alone, never on the number of threads, so that a result is
//! the same bit for bit on any number of cores.

mod adam;
pub(super) mod addition;
mod approximate;
pub(super) mod blur;
pub(super) mod channel_affine;
pub(super) mod conv;
mod depthwise;
mod entrywise;
mod fresh;
pub(super) mod gate;
mod geometry;
mod instruction_set;
mod lanes;
mod layer;
pub(super) mod leaky;
pub(super) mod linear;
mod matrix;
pub(super) mod nearest;
pub(super) mod normalise;
mod panels;
mod phase;
pub(super) mod pointwise;
pub(super) mod pool;
mod prefetch;
mod product;
mod real;
mod scratch;
mod slab;
mod threads;
mod tile;
mod weight_gradient;
mod window_channels;
mod window_products;
mod windows;
pub(super) mod winograd;
mod winograd_tiles;

use candle_core::{CpuStorage, DType, Layout, Storage, Tensor};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

pub(super) use self::adam::adam;
pub(super) use geometry::Geometry;
pub use instruction_set::{instruction_set, instruction_sets};
use real::Real;
pub(super) use scratch::Scratch;
pub use threads::without_library_threads;

/// Whether kernels take this tensor.
pub(super) fn serve(x: &Tensor) -> bool {
    x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// A tensor's memory and how it lies in there.
type Operand<'a> = (&'a CpuStorage, &'a Layout);

/// The entries of a contiguous operand.
fn entries<'a, T: Real>((storage, layout): Operand<'a>) -> candle_core::Result<&'a [T]> {
    let all = T::cpu_storage_as_slice(storage)?;
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&all[from..to]),
        None => candle_core::bail!("kernels take contiguous operands"),
    }
}

/// Runs `work` on the contiguous memory of tensors on the CPU.
fn with_entries<R, const N: usize>(
    tensors: [&Tensor; N],
    work: impl FnOnce([Operand<'_>; N]) -> candle_core::Result<R>,
) -> candle_core::Result<R> {
    let mut contiguous = Vec::with_capacity(N);
    for tensor in tensors {
        contiguous.push(tensor.detach().contiguous()?);
    }
    let locked: Vec<_> = contiguous.iter().map(Tensor::storage_and_layout).collect();
    let mut operands = Vec::with_capacity(N);
    for (storage, layout) in &locked {
        match &**storage {
            Storage::Cpu(storage) => operands.push((storage, *layout)),
            _ => candle_core::bail!("kernels compute on the CPU"),
        }
    }
    match operands.try_into() {
        Ok(operands) => work(operands),
        Err(_) => unreachable!("one operand was pushed per tensor"),
    }
}

/// Evaluates `$run` with `$T` as the type of `$storage`.
macro_rules! by_dtype {
    ($storage:expr, $T:ident => $run:expr) => {
        match $storage {
            candle_core::CpuStorage::F32(_) => {
                type $T = f32;
                $run
            }
            candle_core::CpuStorage::F64(_) => {
                type $T = f64;
                $run
            }
            _ => candle_core::bail!("kernels take f32 and f64"),
        }
    };
}
use by_dtype;

/// The tensor of shape `$shape` whose entries, a `Vec<$T>`, `$run` computes from those of tensors on the CPU.
macro_rules! computed {
    ([$first:ident $(, $other:ident)*] as $T:ident, $shape:expr => $run:expr) => {{
        let shape = $shape;
        crate::ops::kernels::with_entries([$first $(, $other)*], |[$first $(, $other)*]| {
            crate::ops::kernels::by_dtype!($first.0, $T => {
                let $first = crate::ops::kernels::entries::<$T>($first)?;
                $(let $other = crate::ops::kernels::entries::<$T>($other)?;)*
                candle_core::Tensor::from_vec($run, shape, &candle_core::Device::Cpu)
            })
        })
    }};
}
use computed;

/// Makes an operation of candle's on two tensors of a type that has `compute::<T>(a, b)` and
/// `gradients(a, b, of)`, the gradients of both for that of the result.
macro_rules! operation_on_two {
    ($type:ty, $name:literal) => {
        impl candle_core::CustomOp2 for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn cpu_fwd(
                &self,
                a: &candle_core::CpuStorage,
                of_a: &candle_core::Layout,
                b: &candle_core::CpuStorage,
                of_b: &candle_core::Layout,
            ) -> candle_core::Result<(candle_core::CpuStorage, candle_core::Shape)> {
                crate::ops::kernels::by_dtype!(a, T => self.compute::<T>((a, of_a), (b, of_b)))
            }

            fn bwd(
                &self,
                a: &candle_core::Tensor,
                b: &candle_core::Tensor,
                _: &candle_core::Tensor,
                of: &candle_core::Tensor,
            ) -> candle_core::Result<(Option<candle_core::Tensor>, Option<candle_core::Tensor>)> {
                self.gradients(a, b, of)
            }
        }
    };
}
use operation_on_two;

/// Gradients of the two operands, where something asks for them.
type Gradients = candle_core::Result<(Option<Tensor>, Option<Tensor>)>;

/// Below this many multiplications a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 20;

/// Multiplications of a product of matrices that take as long as one entry's way through memory.
const ENTRY: usize = 32;

/// Parts per thread that many small jobs are handed out in.
const PARTS: usize = 8;

/// Runs `job` on each item, in parallel on the current pool where `work` is worth it, which counts
/// multiplications of a product of matrices or what takes as long.
fn each<J: Send>(jobs: Vec<J>, work: usize, job: impl Fn(J) + Sync + Send) {
    let threads = rayon::current_num_threads();
    if jobs.len() > 1 && work >= WORTH_A_THREAD && threads > 1 {
        let together = (jobs.len() / (PARTS * threads)).max(1);
        jobs.into_par_iter().with_max_len(together).for_each(job);
    } else {
        jobs.into_iter().for_each(job);
    }
}

/// Sum of all entries: neighbours in lanes of their own type, the lanes in double precision.
#[inline(always)]
fn sum<T: Real>(entries: &[T]) -> f64 {
    const LANES: usize = 16;
    // Short stretches, so that single precision does not have to hold a large sum.
    entries
        .chunks(LANES * 64)
        .map(|stretch| {
            let mut lanes = [T::zero(); LANES];
            let chunks = stretch.chunks_exact(LANES);
            let rest: f64 = chunks.remainder().iter().map(|x| x.to_f64()).sum();
            for chunk in chunks {
                lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane += x);
            }
            rest + lanes.iter().map(|lane| lane.to_f64()).sum::<f64>()
        })
        .sum()
}
