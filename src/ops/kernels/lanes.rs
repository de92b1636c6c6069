//! Numbers in vectors, whatever the instruction set.
#![expect(unsafe_code, reason = "vectors are read and written where they lie")]

use pulp::{Simd, WithSimd};

use super::instruction_set::dispatch;

/// Numbers that come in vectors.
pub(super) trait Lanes: Copy {
    type Vector<S: Simd>: Copy;

    /// Numbers in one vector.
    #[inline(always)]
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::Vector<S>>() / size_of::<Self>()
    }

    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;

    /// `a * b + c`, fused where that is fast.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;

    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// The sum of a vector.
    fn total<S: Simd>(simd: S, x: Self::Vector<S>) -> Self;

    /// The first numbers of `from`, zeros where there are fewer than a vector has.
    fn load_some<S: Simd>(simd: S, from: &[Self]) -> Self::Vector<S>;

    /// As many numbers as `to` has room for.
    fn store_some<S: Simd>(simd: S, to: &mut [Self], x: Self::Vector<S>);

    /// # Safety
    /// A whole vector must be readable at `from`.
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> Self::Vector<S> {
        // SAFETY: the caller vouches for the memory; every bit pattern is a number.
        unsafe { from.cast::<Self::Vector<S>>().read_unaligned() }
    }

    /// # Safety
    /// A whole vector must be writable at `to`.
    #[inline(always)]
    unsafe fn store<S: Simd>(to: *mut Self, x: Self::Vector<S>) {
        // SAFETY: the caller vouches for the memory.
        unsafe { to.cast::<Self::Vector<S>>().write_unaligned(x) }
    }
}

impl Lanes for f32 {
    type Vector<S: Simd> = S::f32s;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, x: Self) -> S::f32s {
        simd.splat_f32s(x)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(a, b, c)
    }

    #[inline(always)]
    fn plus<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.add_f32s(a, b)
    }

    #[inline(always)]
    fn total<S: Simd>(simd: S, x: S::f32s) -> Self {
        simd.reduce_sum_f32s(x)
    }

    #[inline(always)]
    fn load_some<S: Simd>(simd: S, from: &[Self]) -> S::f32s {
        simd.partial_load_f32s(&from[..from.len().min(Self::lanes::<S>())])
    }

    #[inline(always)]
    fn store_some<S: Simd>(simd: S, to: &mut [Self], x: S::f32s) {
        let n = to.len().min(Self::lanes::<S>());
        simd.partial_store_f32s(&mut to[..n], x);
    }
}

impl Lanes for f64 {
    type Vector<S: Simd> = S::f64s;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, x: Self) -> S::f64s {
        simd.splat_f64s(x)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
        simd.mul_add_e_f64s(a, b, c)
    }

    #[inline(always)]
    fn plus<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.add_f64s(a, b)
    }

    #[inline(always)]
    fn total<S: Simd>(simd: S, x: S::f64s) -> Self {
        simd.reduce_sum_f64s(x)
    }

    #[inline(always)]
    fn load_some<S: Simd>(simd: S, from: &[Self]) -> S::f64s {
        simd.partial_load_f64s(&from[..from.len().min(Self::lanes::<S>())])
    }

    #[inline(always)]
    fn store_some<S: Simd>(simd: S, to: &mut [Self], x: S::f64s) {
        let n = to.len().min(Self::lanes::<S>());
        simd.partial_store_f64s(&mut to[..n], x);
    }
}

/// Numbers in a vector of the instruction set at hand.
pub(super) fn lanes<T: Lanes>() -> usize {
    struct Count<T>(std::marker::PhantomData<T>);
    impl<T: Lanes> WithSimd for Count<T> {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            T::lanes::<S>()
        }
    }
    dispatch(Count::<T>(std::marker::PhantomData))
}
