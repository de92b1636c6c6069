//! Numbers of parameters as notes write them.

/// Three significant digits and "M" from a million, whole thousands and "k" from ten thousand
/// (rounded down), two significant digits and "k" from a thousand, else the number.
pub fn short_count(n: usize) -> String {
    let value = n as f64;
    match n {
        1_000_000.. => {
            let millions = value / 1e6;
            let exponent = significant_exponent(millions, 3);
            if exponent >= 3 {
                let mantissa = trimmed(format!("{:.2}", millions / 10f64.powi(exponent)));
                return format!("{mantissa}e+{exponent:02}M");
            }
            format!("{}M", significant(millions, 3))
        }
        10_000.. => format!("{}k", n / 1000),
        1_000.. => format!("{}k", significant(value / 1e3, 2)),
        _ => n.to_string(),
    }
}

/// Decimal exponent after rounding to so many significant digits.
fn significant_exponent(value: f64, digits: i32) -> i32 {
    let exponent = value.log10().floor() as i32;
    let rounded = (value / 10f64.powi(exponent - digits + 1)).round_ties_even();
    if rounded >= 10f64.powi(digits) { exponent + 1 } else { exponent }
}

fn significant(value: f64, digits: i32) -> String {
    let decimals = (digits - 1 - significant_exponent(value, digits)).max(0) as usize;
    trimmed(format!("{value:.decimals$}"))
}

/// Without zeros after the point.
fn trimmed(text: String) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// With commas between thousands.
pub(super) fn with_commas(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_as_in_the_source() {
        for (n, text) in [
            (999, "999"),
            (1049, "1k"),
            (9999, "10k"),
            (10_999, "10k"),
            (999_999, "999k"),
            (1_000_000, "1M"),
            (2_100_000, "2.1M"),
            (9_999_999, "10M"),
            (12_345_678, "12.3M"),
            (123_456_789, "123M"),
            (999_600_000, "1e+03M"),
        ] {
            assert_eq!(short_count(n), text, "{n}");
        }
        assert_eq!((with_commas(18_008_872), with_commas(999)), ("18,008,872".to_owned(), "999".to_owned()));
    }
}
