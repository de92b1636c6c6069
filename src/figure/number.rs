//! Numbers as text: real minus, significant digits, thousands, powers of ten.

/// The minus sign (U+2212), as wide as a digit.
pub const MINUS: char = '\u{2212}';
/// Narrow no-break space (U+202F): between thousands, before a percent sign.
pub const NARROW: char = '\u{202F}';

/// What stands for a number that is missing or not finite.
const MISSING: &str = "–";

fn with_minus(text: String) -> String {
    if text.starts_with('-') { text.replacen('-', &MINUS.to_string(), 1) } else { text }
}

/// `value` with exactly `decimals` decimals; −0 loses its sign, thousands are apart from 10 000 on.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return infinite(value);
    }
    let text = format!("{value:.decimals$}");
    let is_zero = text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.'));
    let text = if is_zero { text.trim_start_matches('-').to_owned() } else { text };
    with_minus(grouped(&text, 5))
}

fn infinite(value: f64) -> String {
    if value.is_nan() {
        MISSING.to_owned()
    } else if value > 0.0 {
        "∞".to_owned()
    } else {
        format!("{MINUS}∞")
    }
}

/// Thousands apart where the whole part has `from` digits or more.
fn grouped(text: &str, from: usize) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, decimals) = rest.split_once('.').map_or((rest, None), |(w, d)| (w, Some(d)));
    if whole.len() < from {
        return text.to_owned();
    }
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(NARROW);
        }
        out.push(digit);
    }
    if let Some(decimals) = decimals {
        out.push('.');
        out.push_str(decimals);
    }
    out
}

/// A count with its thousands apart: `1 008`.
pub fn count(n: usize) -> String {
    grouped(&n.to_string(), 4)
}

/// A count and what is counted: `1 stimulus`, `1 008 stimuli`.
pub fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `value` with `digits` significant digits: `4.04`, `0.693`, `3.24 × 10⁻⁴`.
/// Powers of ten below 0.001 and from a million on.
pub fn significant(value: f64, digits: usize) -> String {
    let digits = digits.max(1);
    if !value.is_finite() {
        return infinite(value);
    }
    if value == 0.0 {
        return fixed(0.0, digits - 1);
    }
    // Rounding first: 9.996 has the exponent of 10.0 at three digits.
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-3..6).contains(&exponent) {
        return format!("{} × {}", with_minus(mantissa.to_owned()), power_of_ten(exponent));
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    fixed(value, decimals)
}

/// [`significant`] with `+` before positive values: differences, offsets, indices.
pub fn signed(value: f64, digits: usize) -> String {
    let text = significant(value, digits);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// `10⁻³`.
pub fn power_of_ten(exponent: i32) -> String {
    format!("10{}", superscript(exponent))
}

/// Superscript digits with a superscript minus.
pub fn superscript(n: i32) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    n.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |d| digits[d as usize])).collect()
}

/// `0.973` as `97.3 %`.
pub fn percent(fraction: f64, decimals: usize) -> String {
    format!("{}{NARROW}%", fixed(fraction * 100.0, decimals))
}

/// `2.95 to 5.16`: words, so that a minus cannot be taken for a dash; it is never broken over lines.
pub fn interval(low: f64, high: f64, digits: usize) -> String {
    format!("{}\u{A0}to\u{A0}{}", significant(low, digits), significant(high, digits))
}

/// Two significant digits, or `< 0.001`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { significant(p, 2) }
}

/// A number with its unit after a space; degrees follow without one.
pub fn with_unit(number: &str, unit: &str) -> String {
    match unit {
        "" => number.to_owned(),
        "°" | "′" | "″" => format!("{number}{unit}"),
        "%" => format!("{number}{NARROW}%"),
        _ => format!("{number}\u{A0}{unit}"),
    }
}

/// Shortest decimal that is `value` to within `tolerance` (a small part of the tick step).
pub fn trimmed(value: f64, tolerance: f64) -> String {
    fixed(value, decimals_for(value, tolerance))
}

/// All of `values` with the decimals of the one that needs most: `0.00 0.25 0.50`.
pub fn aligned(values: &[f64], tolerance: f64) -> Vec<String> {
    let decimals = values.iter().map(|&v| decimals_for(v, tolerance)).max().unwrap_or(0);
    values.iter().map(|&v| fixed(v, decimals)).collect()
}

fn decimals_for(value: f64, tolerance: f64) -> usize {
    if !value.is_finite() {
        return 0;
    }
    (0..12)
        .find(|&decimals| {
            let scale = 10_f64.powi(decimals);
            ((value * scale).round() / scale - value).abs() <= tolerance.abs()
        })
        .unwrap_or(12) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits_round_before_they_count() {
        assert_eq!(significant(4.0389, 3), "4.04");
        assert_eq!(significant(9.996, 3), "10.0");
        assert_eq!(significant(0.6543, 3), "0.654");
        assert_eq!(significant(0.000_324, 3), "3.24 × 10⁻⁴");
        assert_eq!(significant(-0.031, 2), "−0.031");
        assert_eq!(significant(1_234_567.0, 3), "1.23 × 10⁶");
        assert_eq!(significant(324.4, 3), "324");
        assert_eq!(significant(0.0, 3), "0.00");
        assert_eq!(significant(f64::NAN, 3), "–");
        assert_eq!(significant(f64::NEG_INFINITY, 3), "−∞");
    }

    #[test]
    fn minus_zero_has_no_sign() {
        assert_eq!(fixed(-0.0, 2), "0.00");
        assert_eq!(fixed(-0.004, 2), "0.00");
        assert_eq!(fixed(-0.006, 2), "−0.01");
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!(count(1008), "1\u{202F}008");
        assert_eq!(counted(1008, "stimulus", "stimuli"), "1\u{202F}008 stimuli");
        assert_eq!(counted(1, "stimulus", "stimuli"), "1 stimulus");
        assert_eq!(count(100), "100");
        assert_eq!(fixed(1000.0, 0), "1000");
        assert_eq!(count(60_000), "60\u{202F}000");
        assert_eq!(count(1_234_567), "1\u{202F}234\u{202F}567");
        assert_eq!(fixed(-12_345.5, 1), "−12\u{202F}345.5");
    }

    #[test]
    fn units_percent_and_intervals() {
        assert_eq!(with_unit("324", "ms"), "324\u{A0}ms");
        assert_eq!(with_unit("90", "°"), "90°");
        assert_eq!(percent(0.9731, 1), "97.3\u{202F}%");
        assert_eq!(interval(2.951, 5.158, 3), "2.95\u{A0}to\u{A0}5.16");
        assert_eq!(p_value(0.0004), "< 0.001");
        assert_eq!(p_value(0.032_19), "0.032");
        assert_eq!(signed(0.62, 2), "+0.62");
        assert_eq!(signed(-0.62, 2), "−0.62");
        assert_eq!(power_of_ten(-3), "10⁻³");
        assert_eq!(superscript(12), "¹²");
    }

    #[test]
    fn tick_texts_are_trimmed_or_aligned() {
        assert_eq!(trimmed(0.1 + 0.2, 1e-9), "0.3");
        assert_eq!(aligned(&[0.0, 0.25, 0.5], 1e-9), ["0.00", "0.25", "0.50"]);
        assert_eq!(aligned(&[0.0, 50.0, 100.0], 1e-9), ["0", "50", "100"]);
    }
}
