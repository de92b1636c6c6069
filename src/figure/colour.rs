//! Colour arithmetic: hex, WCAG contrast, OKLab.

/// An sRGB colour, 8 bits a channel.
pub type Rgb = [u8; 3];

/// The ground a figure or view is painted on. Files are always [`Ground::Light`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ground {
    Dark,
    Light,
}

/// `0xRRGGBB` as a colour.
pub const fn rgb(hex: u32) -> Rgb {
    [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8]
}

/// `#rrggbb`.
pub fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Linear light of an sRGB channel, `0..=1`.
fn linear(channel: u8) -> f64 {
    let c = f64::from(channel) / 255.0;
    if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

/// Contrast ratio of WCAG 2.x, `1..=21`.
pub fn contrast(a: Rgb, b: Rgb) -> f64 {
    let luminance = |c: Rgb| 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// OKLab `[L, a, b]`, `L` in `0..=1` (Ottosson 2020).
pub fn oklab(colour: Rgb) -> [f64; 3] {
    let [r, g, b] = colour.map(linear);
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

/// Distance from grey in OKLab.
pub fn chroma(colour: Rgb) -> f64 {
    let [_, a, b] = oklab(colour);
    a.hypot(b)
}

/// `fraction` of the way from `a` to `b`, linear in sRGB.
pub fn mix(a: Rgb, b: Rgb, fraction: f64) -> Rgb {
    let part = |i: usize| {
        let (a, b) = (f64::from(a[i]), f64::from(b[i]));
        (a + (b - a) * fraction).round().clamp(0.0, 255.0) as u8
    };
    [part(0), part(1), part(2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_of_black_on_white_is_21() {
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
        assert!((contrast([9; 3], [9; 3]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn oklab_of_known_colours() {
        let near = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(near(oklab([255; 3]), [1.0, 0.0, 0.0]));
        assert!(near(oklab([255, 0, 0]), [0.628, 0.2249, 0.1258]));
        assert!(near(oklab([0, 0, 255]), [0.452, -0.0325, -0.3115]));
        assert!(chroma([128; 3]) < 1e-6);
    }

    #[test]
    fn hex_round_trip() {
        assert_eq!(rgb(0x0B66B8), [11, 102, 184]);
        assert_eq!(hex(rgb(0x0B66B8)), "#0b66b8");
        assert_eq!(mix([0; 3], [255, 255, 254], 0.5), [128, 128, 127]);
    }
}
