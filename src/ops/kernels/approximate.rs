//! Single-precision functions within a few units in the last place, in a form that vectorises.
//!
//! No branches, no fused operations: the same bits on every instruction set. The polynomials are
//! Chebyshev fits made for this file. NaN is passed on.

/// `e^x`, for `x` within ±87.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let mut p = 1.394_110_9e-3;
    for c in [8.375_126e-3, 4.166_635e-2, 0.166_664_16, 0.5, 1.0, 1.0] {
        p = p * r + c;
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    p * f32::from_bits(exponent << 23)
}

#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let mut p = -6.096_852_4e-3;
    for c in [2.099_727_4e-2, -5.385_093e-2, 0.133_327_7, -0.333_333_3] {
        p = p * square + c;
    }
    let small = x + x * square * p;
    // From 9.1 on the nearest single is 1.
    let capped = if size > 9.1 { 9.1 } else { size };
    let large = (1.0 - 2.0 / (exp(2.0 * capped) + 1.0)).copysign(x);
    if size < 0.625 { small } else { large }
}

/// The error function, to 2e-7 absolutely.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let size = x.abs();
    // From 4 on the nearest single is 1.
    let size = if size > 4.0 { 4.0 } else { size };
    // -ln(1 - erf(x)) / x.
    let mut p = -1.013_977_3e-7;
    for c in [
        2.558_765e-6,
        -2.874_358_2e-5,
        1.880_921_8e-4,
        -7.718_797_4e-4,
        1.823_030_7e-3,
        -2.581_504e-4,
        -1.912_138_6e-2,
        0.102_773_36,
        0.636_619_57,
        std::f32::consts::FRAC_2_SQRT_PI,
    ] {
        p = p * size + c;
    }
    (1.0 - exp(-size * p)).copysign(x)
}

/// `e^(-x²/2) / √(2π)`, to 1e-7 absolutely.
#[inline(always)]
pub(super) fn normal_density(x: f32) -> f32 {
    let size = if x.abs() > 13.0 { 13.0 } else { x };
    exp(-0.5 * size * size) * 0.398_942_3
}

#[cfg(test)]
mod tests {
    use candle_core::cpu::erf::erf_f64;

    use super::*;

    fn grid() -> impl Iterator<Item = f32> {
        (-40_000..=40_000).map(|i| i as f32 / 2500.0)
    }

    #[test]
    fn tanh_is_close() {
        for x in grid() {
            let exact = f64::from(x).tanh();
            assert!((f64::from(tanh(x)) - exact).abs() <= 2e-7 * exact.abs().max(1e-30), "{x}");
        }
    }

    #[test]
    fn erf_and_density_are_close() {
        for x in grid() {
            assert!((f64::from(erf(x)) - erf_f64(x.into())).abs() <= 2e-7, "{x}");
            let density = (-0.5 * f64::from(x).powi(2)).exp() / (2.0 * std::f64::consts::PI).sqrt();
            assert!((f64::from(normal_density(x)) - density).abs() <= 1e-7, "{x}");
        }
    }

    #[test]
    fn extremes_are_exact() {
        for f in [tanh, erf] {
            assert_eq!(f(0.0), 0.0);
            assert_eq!([f(f32::INFINITY), f(f32::NEG_INFINITY), f(20.0)], [1.0, -1.0, 1.0]);
            assert!(f(f32::NAN).is_nan());
        }
        assert!(normal_density(f32::NAN).is_nan() && normal_density(f32::INFINITY) < 1e-30);
    }
}
