//! The numbers that kernels compute with.

use std::sync::Mutex;

use candle_core::WithDType;
use candle_core::cpu::erf::erf_f64;

use super::approximate;
use super::lanes::Lanes;
use super::scratch::Scratch;

/// `f32` or `f64`.
pub(super) trait Real: WithDType + Lanes {
    fn free(scratch: &Scratch) -> &Mutex<Vec<Vec<Self>>>;

    fn is_nan(self) -> bool;

    fn sqrt(self) -> Self;

    fn tanh(self) -> Self;

    /// `x Φ(x)`, with the normal distribution Φ.
    fn gelu(self) -> Self;

    /// Derivative of [`Self::gelu`].
    fn gelu_slope(self) -> Self;
}

impl Real for f32 {
    fn free(scratch: &Scratch) -> &Mutex<Vec<Vec<Self>>> {
        &scratch.singles
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    #[inline(always)]
    fn tanh(self) -> Self {
        approximate::tanh(self)
    }

    #[inline(always)]
    fn gelu(self) -> Self {
        self * (0.5 * (1.0 + approximate::erf(self * std::f32::consts::FRAC_1_SQRT_2)))
    }

    #[inline(always)]
    fn gelu_slope(self) -> Self {
        let distribution = 0.5 * (1.0 + approximate::erf(self * std::f32::consts::FRAC_1_SQRT_2));
        distribution + self * approximate::normal_density(self)
    }
}

impl Real for f64 {
    fn free(scratch: &Scratch) -> &Mutex<Vec<Vec<Self>>> {
        &scratch.doubles
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    fn tanh(self) -> Self {
        f64::tanh(self)
    }

    fn gelu(self) -> Self {
        self * (0.5 * (1.0 + erf_f64(self * std::f64::consts::FRAC_1_SQRT_2)))
    }

    fn gelu_slope(self) -> Self {
        let density = (-0.5 * self * self).exp() / (2.0 * std::f64::consts::PI).sqrt();
        0.5 * (1.0 + erf_f64(self * std::f64::consts::FRAC_1_SQRT_2)) + self * density
    }
}
