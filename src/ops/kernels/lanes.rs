//! Vectors of numbers on the instruction set at hand, which is chosen when the program runs.
#![expect(unsafe_code, reason = "vectors are read and written where they lie")]

use std::sync::OnceLock;

use pulp::{Simd, WithSimd};

/// Chooses the instruction set: `portable`, or `avx2` or `avx512` where the processor has them.
const VARIABLE: &str = "GAINFIELD_SIMD";

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

#[derive(Clone, Copy)]
enum InstructionSet {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    Portable,
}

fn instruction_set() -> InstructionSet {
    static CHOSEN: OnceLock<InstructionSet> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let wanted = std::env::var(VARIABLE).unwrap_or_default();
        if wanted == "portable" {
            return InstructionSet::Portable;
        }
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(simd) = pulp::x86::V4::try_new().filter(|_| wanted != "avx2") {
                return InstructionSet::Avx512(simd);
            }
            if let Some(simd) = pulp::x86::V3::try_new() {
                return InstructionSet::Avx2(simd);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(simd) = pulp::aarch64::Neon::try_new() {
            return InstructionSet::Neon(simd);
        }
        InstructionSet::Portable
    })
}

/// Runs `work` compiled for the instruction set at hand.
#[inline(always)]
pub(super) fn dispatch<W: WithSimd>(work: W) -> W::Output {
    match instruction_set() {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512(simd) => Simd::vectorize(simd, work),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2(simd) => Simd::vectorize(simd, work),
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon(simd) => Simd::vectorize(simd, work),
        InstructionSet::Portable => work.with_simd(pulp::Scalar),
    }
}

/// Whether vectors have 32 registers rather than 16.
pub(super) fn has_many_registers() -> bool {
    match instruction_set() {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512(_) => true,
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2(_) => false,
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon(_) => true,
        InstructionSet::Portable => false,
    }
}
