//! Functions of the entries of one or two tensors, one pass over memory, vectorised and in pieces.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use super::fresh::written;
use super::instruction_set::vectorised;
use super::{ENTRY, Real, each};

/// Entries of one piece of work.
const PIECE: usize = 16 * 1024;

/// `f` of each entry, which costs about as much as `cost` multiplications beside its way through memory.
pub(super) fn mapped<T: Real>(x: &[T], cost: usize, f: impl Fn(T) -> T + Sync + Send) -> Vec<T> {
    // SAFETY: pieces of the result and of `x` have the same lengths.
    unsafe {
        written(x.len(), |y| {
            each(y.chunks_mut(PIECE).zip(x.chunks(PIECE)).collect(), (ENTRY + cost) * x.len(), |(y, x)| {
                vectorised(
                    #[inline(always)]
                    || y.iter_mut().zip(x).for_each(|(y, &x)| _ = y.write(f(x))),
                );
            });
        })
    }
}

/// `f` of each pair of entries of `a` and `b`, which are of one length.
pub(super) fn zipped<T: Real>(a: &[T], b: &[T], cost: usize, f: impl Fn(T, T) -> T + Sync + Send) -> Vec<T> {
    assert_eq!(a.len(), b.len(), "tensors of one shape");
    // SAFETY: pieces of the result, of `a` and of `b` have the same lengths.
    unsafe {
        written(a.len(), |y| {
            let pieces = y.chunks_mut(PIECE).zip(a.chunks(PIECE)).zip(b.chunks(PIECE));
            each(pieces.collect(), (ENTRY + cost) * a.len(), |((y, a), b)| {
                vectorised(
                    #[inline(always)]
                    || y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| _ = y.write(f(a, b))),
                );
            });
        })
    }
}
