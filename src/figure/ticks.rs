//! Where ticks lie: 1-2-5 steps on linear axes, powers on logarithmic ones.

/// Steps of 1, 2 or 5 times a power of ten: the finest with at most `most` ticks in `[low, high]`,
/// or the next finer one if that leaves fewer than three.
///
/// Returns the step and the multiples of it that lie in the range; nothing for an empty or
/// non-finite range.
pub fn linear(low: f64, high: f64, most: usize) -> (f64, Vec<f64>) {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return (0.0, Vec::new());
    }
    let magnitude = span.log10().floor() as i32;
    let mut best = (0.0, Vec::new());
    for exponent in (magnitude - 2..=magnitude).rev() {
        for mantissa in [5.0, 2.0, 1.0] {
            let step = step_of(mantissa, exponent);
            let ticks = every(low, high, step);
            if ticks.len() > most.max(3) && best.1.len() >= 2 {
                let sparse = best.1.len() < 3 && ticks.len() <= most.max(6);
                return if sparse { (step, ticks) } else { best };
            }
            best = (step, ticks);
        }
    }
    best
}

/// `mantissa · 10^exponent`, divided rather than multiplied below 1 so that 0.2 is 0.2.
fn step_of(mantissa: f64, exponent: i32) -> f64 {
    if exponent < 0 { mantissa / 10_f64.powi(-exponent) } else { mantissa * 10_f64.powi(exponent) }
}

/// The multiples of `step` within `[low, high]`, at most 1000 of them.
pub fn every(low: f64, high: f64, step: f64) -> Vec<f64> {
    if !(step.is_finite() && step > 0.0 && low.is_finite() && high.is_finite()) {
        return Vec::new();
    }
    let slack = 1e-9;
    let first = (low / step - slack).ceil();
    let last = (high / step + slack).floor();
    if last < first || last - first > 1000.0 {
        return Vec::new();
    }
    // A step below 1 is a quotient of small numbers: its inverse is exact, so that 3 · 0.1 is 0.3.
    let inverse = (1.0 / step).round();
    let exact = step < 1.0 && (inverse * step - 1.0).abs() < 1e-12;
    let multiple = |n: f64| if exact { n / inverse } else { n * step };
    (0..=(last - first) as usize).map(|i| multiple(first + i as f64) + 0.0).collect()
}

/// Powers of `base` within `[low, high]`, every n-th so that about `most` remain; with base 10
/// and fewer than three decades also 2 and 5 times each power.
pub fn logarithmic(low: f64, high: f64, base: f64, most: usize) -> Vec<f64> {
    if !(low > 0.0 && high > low && high.is_finite() && base > 1.0) {
        return Vec::new();
    }
    let slack = 1e-9;
    let exponent = |v: f64| v.ln() / base.ln();
    let first = (exponent(low) - slack).ceil() as i32;
    let last = (exponent(high) + slack).floor() as i32;
    let n_powers = (last - first + 1).max(0) as usize;
    if base == 10.0 && n_powers < 3 {
        let fine: Vec<f64> = (first - 1..=last)
            .flat_map(|e| [1.0, 2.0, 5.0].map(|m| step_of(m, e)))
            .filter(|&v| v >= low * (1.0 - slack) && v <= high * (1.0 + slack))
            .collect();
        if fine.len() >= 2 {
            return fine;
        }
        // Less than a factor of two or so: as good as linear.
        return linear(low, high, most).1;
    }
    if n_powers < 2 {
        return linear(low, high, most).1;
    }
    let stride = n_powers.div_ceil(most.max(2)) as i32;
    let from = first.div_euclid(stride) * stride;
    let from = if from < first { from + stride } else { from };
    (from..=last).step_by(stride as usize).map(|e| base.powi(e)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn familiar_ranges_get_familiar_ticks() {
        assert_eq!(linear(0.0, 1.25, 6).1, [0.0, 0.5, 1.0]);
        assert_eq!(linear(0.0, 1.0, 4).1, [0.0, 0.5, 1.0]);
        assert_eq!(linear(0.0, 1.0, 6).1, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(linear(0.0, 0.35, 6).1, [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(linear(-1.0, 1.0, 4).1, [-1.0, 0.0, 1.0]);
        assert_eq!(linear(0.0, 300.0, 6).1, [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(every(0.0, 180.0, 45.0), [0.0, 45.0, 90.0, 135.0, 180.0]);
        assert_eq!(linear(f64::NAN, 1.0, 6).1, Vec::<f64>::new());
        assert_eq!(linear(1.0, 1.0, 6).1, Vec::<f64>::new());
    }

    #[test]
    fn logarithmic_ticks_are_powers() {
        assert_eq!(logarithmic(0.25, 32.0, 2.0, 8), [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        assert_eq!(logarithmic(0.25, 32.0, 2.0, 4), [0.25, 1.0, 4.0, 16.0]);
        assert_eq!(logarithmic(1e-4, 0.1, 10.0, 6), [1e-4, 1e-3, 1e-2, 1e-1]);
        assert_eq!(logarithmic(0.3, 6.0, 10.0, 6), [0.5, 1.0, 2.0, 5.0]);
        assert_eq!(logarithmic(0.0, 6.0, 10.0, 6), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn linear_ticks_are_few_inside_and_1_2_5(low in -1e6_f64..1e6, exponent in -6.0_f64..6.0) {
            let high = low + 10_f64.powf(exponent);
            prop_assume!(high - low > 1e-9 * low.abs());
            let (step, ticks) = linear(low, high, 6);
            prop_assert!((2..=6).contains(&ticks.len()), "{} ticks", ticks.len());
            let slack = 1e-6 * step;
            prop_assert!(ticks.iter().all(|&t| t >= low - slack && t <= high + slack));
            prop_assert!(ticks.windows(2).all(|p| (p[1] - p[0] - step).abs() <= 1e-6 * step + 1e-9 * low.abs()));
            let mantissa = step / 10_f64.powf(step.log10().floor());
            prop_assert!([1.0, 2.0, 5.0, 10.0].iter().any(|m| (mantissa - m).abs() < 1e-6), "{step}");
        }

        #[test]
        fn ticks_do_not_depend_on_the_power_of_ten(low in -9.0_f64..9.0, span in 0.1_f64..20.0, power in -3..4_i32) {
            let scale = 10_f64.powi(power);
            let plain = linear(low, low + span, 6).1.len();
            let scaled = linear(low * scale, (low + span) * scale, 6).1.len();
            prop_assert_eq!(plain, scaled);
        }

        #[test]
        fn logarithmic_ticks_rise_and_lie_inside(low in 1e-6_f64..1e3, factor in 1.01_f64..1e6, base in prop::sample::select(vec![2.0, 10.0])) {
            let high = low * factor;
            let ticks = logarithmic(low, high, base, 8);
            prop_assert!(ticks.len() <= 9);
            prop_assert!(ticks.windows(2).all(|p| p[0] < p[1]));
            prop_assert!(ticks.iter().all(|&t| t >= low * (1.0 - 1e-6) && t <= high * (1.0 + 1e-6)));
        }
    }
}
