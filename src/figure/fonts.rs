//! The bundled Inter: its bytes for rasterising, its widths for layout.

use std::sync::LazyLock;

use ttf_parser::Face;

pub const INTER_REGULAR: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular-tnum.otf");
pub const INTER_SEMIBOLD: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold-tnum.otf");

/// Fonts asked for in SVG files, best first.
pub const STACK: &str = "Inter, Arial, Helvetica, sans-serif";

/// Height of capitals and digits as a part of the font size.
pub const CAP_HEIGHT: f64 = 0.727;
/// Depth of descenders as a part of the font size.
pub const DESCENT: f64 = 0.21;
/// Distance of baselines as a part of the font size.
pub const LINE: f64 = 1.22;

/// Weight of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

static REGULAR: LazyLock<Option<Face<'static>>> = LazyLock::new(|| Face::parse(INTER_REGULAR, 0).ok());
static BOLD: LazyLock<Option<Face<'static>>> = LazyLock::new(|| Face::parse(INTER_SEMIBOLD, 0).ok());

/// Advance of `text` at `size`, in the unit of `size`. Kerning is left out: it narrows by a few percent at most.
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let face = match weight {
        Weight::Regular => &*REGULAR,
        Weight::Bold => &*BOLD,
    };
    let advance = |c: char| match face {
        Some(face) => {
            let advance = face.glyph_index(c).and_then(|glyph| face.glyph_hor_advance(glyph));
            // Other scripts come from a fallback font: as wide as their size.
            advance.map_or(1.0, |units| f64::from(units) / f64::from(face.units_per_em()))
        }
        None => 0.6,
    };
    text.chars().map(advance).sum::<f64>() * size
}

/// Breaks `text` at spaces so that no line is wider than `limit`; a single longer word stays whole.
/// No-break spaces hold.
pub fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, Weight::Regular) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_share_one_width_and_bold_is_wider() {
        let one = width("1", 10.0, Weight::Regular);
        assert!((one - 10.0 * 1824.0 / 2816.0).abs() < 0.02, "{one}");
        assert!((width("8", 10.0, Weight::Regular) - one).abs() < 0.02);
        assert!(width("abc", 7.0, Weight::Bold) > width("abc", 7.0, Weight::Regular));
    }

    #[test]
    fn every_sign_that_numbers_use_has_a_glyph() {
        for face in [&*REGULAR, &*BOLD] {
            let face = face.as_ref().unwrap();
            for c in "0123456789−×⁰¹²³⁴⁵⁶⁷⁸⁹⁻±–∞°\u{202F}\u{A0}σΔ".chars() {
                assert!(face.glyph_index(c).is_some(), "{c:?}");
            }
        }
    }

    #[test]
    fn wrapping_keeps_words_and_order() {
        let text = "Slope, attended over unattended";
        let lines = wrap(text, 7.0, 60.0);
        assert!(lines.len() > 1 && lines.join(" ") == text);
        assert!(lines.iter().all(|line| width(line, 7.0, Weight::Regular) <= 60.0));
        assert_eq!(wrap("indivisible", 7.0, 5.0), ["indivisible"]);
    }
}
