//! Sums over positions: the gradient of a convolution's weight, from slabs and the output's gradient.
#![expect(unsafe_code, reason = "vectors are read from buffers whose sizes are checked per call")]

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Real;
use super::instruction_set::{dispatch, has_many_registers};
use super::lanes::{Lanes, lanes};
use super::slab::Slab;

/// Vectors of output channels computed together for `out` of them.
fn vectors<T: Lanes>(out: usize) -> usize {
    match out.div_ceil(lanes::<T>()) {
        n @ 0..=3 => n.max(1),
        n if n % 3 == 0 => 3,
        n if n % 2 == 0 => 2,
        _ => 3,
    }
}

/// Output channels of one block.
pub(super) fn block<T: Lanes>(out: usize) -> usize {
    vectors::<T>(out) * lanes::<T>()
}

/// Windows of some output rows over one group of one sample, and what they are multiplied with.
pub(super) struct WindowProducts<'a, T: Real> {
    pub slab: &'a Slab,
    /// The group's maps as `slab` lays them out.
    pub maps: &'a [T],
    pub rows: Range<usize>,
    /// Columns of the output.
    pub width: usize,
    /// `[rows, width, block]`: the gradients of one block of output channels.
    pub gradients: &'a [T],
    /// Which of the group's `channels * taps` windows.
    pub windows: Range<usize>,
    pub out: usize,
    /// Whether nothing was summed before.
    pub is_first: bool,
}

impl<T: Real> WindowProducts<'_, T> {
    /// Adds to `sums` `[windows, block]`, or writes them the first time.
    pub fn add(&self, sums: &mut [T]) {
        let block = block::<T>(self.out);
        assert_eq!(sums.len(), self.windows.len() * block, "a sum per window and channel");
        assert_eq!(self.gradients.len(), self.rows.len() * self.width * block, "a gradient per position");
        if self.windows.is_empty() || self.gradients.is_empty() {
            return;
        }
        let taps = self.slab.offsets.len();
        let farthest = self.slab.offsets.iter().max().copied().unwrap_or(0);
        let read = (self.windows.end - 1) / taps * self.slab.channel
            + farthest
            + (self.rows.end - 1) * self.slab.pitch
            + self.width;
        assert!(read <= self.maps.len(), "maps of every window");
        dispatch(Add { products: self, sums });
    }

    fn base(&self, window: usize) -> usize {
        let taps = self.slab.offsets.len();
        window / taps * self.slab.channel + self.slab.offsets[window % taps]
    }
}

struct Add<'a, T: Real> {
    products: &'a WindowProducts<'a, T>,
    sums: &'a mut [T],
}

impl<T: Real> WithSimd for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (vectors::<T>(self.products.out), has_many_registers()) {
            // As many windows as there are registers for, with those that hold their entries.
            (3, true) => self.all::<S, 7, 3>(simd),
            (2, true) => self.all::<S, 9, 2>(simd),
            (_, true) => self.all::<S, 10, 1>(simd),
            (3, false) => self.all::<S, 3, 3>(simd),
            (2, false) => self.all::<S, 4, 2>(simd),
            _ => self.all::<S, 7, 1>(simd),
        }
    }
}

impl<T: Real> Add<'_, T> {
    /// All windows, `K` at a time with `V` vectors of channels.
    #[inline(always)]
    fn all<S: Simd, const K: usize, const V: usize>(self, simd: S) {
        let Self { products, sums } = self;
        let block = V * T::lanes::<S>();
        let n = products.windows.len();
        for first in (0..n).step_by(K) {
            let count = K.min(n - first);
            // What is missing at the end repeats the last window and is dropped.
            let bases =
                std::array::from_fn(|k| products.base(products.windows.start + first + k.min(count - 1)));
            let found = products.some::<S, K, V>(simd, bases);
            for (k, found) in found.into_iter().take(count).enumerate() {
                for (v, found) in found.into_iter().enumerate() {
                    let to = &mut sums[(first + k) * block + v * T::lanes::<S>()..][..T::lanes::<S>()];
                    // SAFETY: `to` holds one vector.
                    unsafe {
                        let sum = if products.is_first {
                            found
                        } else {
                            T::plus(simd, found, T::load::<S>(to.as_ptr()))
                        };
                        T::store::<S>(to.as_mut_ptr(), sum);
                    }
                }
            }
        }
    }
}

impl<T: Real> WindowProducts<'_, T> {
    #[inline(always)]
    fn some<S: Simd, const K: usize, const V: usize>(
        &self,
        simd: S,
        bases: [usize; K],
    ) -> [[T::Vector<S>; V]; K] {
        let lanes = T::lanes::<S>();
        let mut sums = [[T::splat(simd, T::zero()); V]; K];
        let mut gradients = self.gradients.as_ptr();
        for r in self.rows.clone() {
            // SAFETY: `add` checked that maps and gradients reach as far as the last row and window.
            unsafe {
                let row = self.maps.as_ptr().add(r * self.slab.pitch);
                let rows = bases.map(|base| row.add(base));
                for c in 0..self.width {
                    let mut gs = [T::splat(simd, T::zero()); V];
                    for (v, to) in gs.iter_mut().enumerate() {
                        *to = T::load::<S>(gradients.add(v * lanes));
                    }
                    for (sums, row) in sums.iter_mut().zip(rows) {
                        let x = T::splat(simd, *row.add(c));
                        for (sum, g) in sums.iter_mut().zip(gs) {
                            *sum = T::mul_add(simd, x, g, *sum);
                        }
                    }
                    gradients = gradients.wrapping_add(V * lanes);
                }
            }
        }
        sums
    }
}
