//! Which vectors the processor has; chosen once, when the program runs.

use std::sync::OnceLock;

use pulp::{Simd, WithSimd};

/// Asks for an instruction set by its name.
const VARIABLE: &str = "GAINFIELD_SIMD";

#[derive(Clone, Copy, Debug)]
enum InstructionSet {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    Portable,
}

impl InstructionSet {
    /// Those of this processor, widest vectors first.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(pulp::x86::V4::try_new().map(Self::Avx512));
            all.extend(pulp::x86::V3::try_new().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(pulp::aarch64::Neon::try_new().map(Self::Neon));
        all.push(Self::Portable);
        all
    }

    fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
            Self::Portable => "portable",
        }
    }

    /// The widest one, or the one that the environment asks for.
    fn chosen() -> Self {
        static CHOSEN: OnceLock<InstructionSet> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let all = Self::all();
            let wanted = std::env::var(VARIABLE).unwrap_or_default();
            all.iter().copied().find(|set| set.name() == wanted).unwrap_or_else(|| {
                if !wanted.is_empty() {
                    let names: Vec<_> = all.iter().map(|set| set.name()).collect();
                    tracing::warn!("{VARIABLE}={wanted} is not to be had here: {}", names.join(", "));
                }
                all[0]
            })
        })
    }
}

/// Names of the instruction sets that kernels can take on this processor, widest first; the environment's
/// `GAINFIELD_SIMD` asks for one of them.
pub fn instruction_sets() -> Vec<&'static str> {
    InstructionSet::all().into_iter().map(InstructionSet::name).collect()
}

/// Name of the instruction set that kernels take in this process.
pub fn instruction_set() -> &'static str {
    InstructionSet::chosen().name()
}

/// Runs `work` compiled for the instruction set at hand.
#[inline(always)]
pub(super) fn dispatch<W: WithSimd>(work: W) -> W::Output {
    match InstructionSet::chosen() {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512(simd) => Simd::vectorize(simd, work),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2(simd) => Simd::vectorize(simd, work),
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon(simd) => Simd::vectorize(simd, work),
        InstructionSet::Portable => work.with_simd(pulp::Scalar),
    }
}

/// Runs a loop that the compiler makes vectors of, compiled for the instruction set at hand.
#[inline(always)]
pub(super) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    struct Loop<F>(F);

    impl<R, F: FnOnce() -> R> WithSimd for Loop<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> R {
            (self.0)()
        }
    }

    dispatch(Loop(work))
}

/// Whether vectors have 32 registers rather than 16.
pub(super) fn has_many_registers() -> bool {
    match InstructionSet::chosen() {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512(_) => true,
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2(_) => false,
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon(_) => true,
        InstructionSet::Portable => false,
    }
}
