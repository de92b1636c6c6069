//! Embedded pictures: one PNG each at native resolution, never smoothed, hatch where values are missing.

use super::geometry::Rect;
use super::writer::{Writer, base64, length};
use crate::figure::colour::{Ground, hex};
use crate::figure::raster::Raster;
use crate::figure::roles::hatch_colour;

/// Id of the hatch that stands for missing values.
pub(super) const HATCH: &str = "hatch";

/// The pattern behind [`HATCH`]: diagonals at 4 pt pitch.
pub(super) fn hatch_pattern() -> String {
    let colour = hex(hatch_colour(Ground::Light));
    format!(
        "<pattern id=\"{HATCH}\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"4\" height=\"4\" fill=\"#ffffff\"/><path d=\"M1 0V4\" stroke=\"{colour}\" stroke-width=\"1.2\"/></pattern>"
    )
}

/// Draws `raster` into `frame`, its first row at the top and its first column at the left unless flipped.
pub(super) fn raster(out: &mut Writer, raster: &Raster, frame: Rect, flip: [bool; 2]) {
    if raster.has_missing() {
        let Rect { x, y, w, h } = frame;
        let [x, y, w, h] = [x, y, w, h].map(length);
        out.line(&format!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"url(#{HATCH})\"/>"));
    }
    let mut rows: Vec<Vec<[u8; 4]>> =
        raster.rgba(Ground::Light).chunks(raster.columns).map(<[_]>::to_vec).collect();
    if flip[0] {
        rows.iter_mut().for_each(|row| row.reverse());
    }
    if flip[1] {
        rows.reverse();
    }
    image(out, &rows.concat(), raster.columns, frame);
}

/// Draws pixels (row-major, `columns` to a row) into `frame`.
pub(super) fn image(out: &mut Writer, pixels: &[[u8; 4]], columns: usize, frame: Rect) {
    // A picture that cannot be encoded (over 32 bits a side) is left out rather than half written.
    let Some(png) = encode(pixels, columns) else { return };
    let Rect { x, y, w, h } = frame;
    let [x, y, w, h] = [x, y, w, h].map(length);
    let data = base64(&png);
    out.line(&format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64,{data}\"/>"
    ));
}

/// A PNG of pixels that are either opaque or fully transparent.
fn encode(pixels: &[[u8; 4]], columns: usize) -> Option<Vec<u8>> {
    let rows = pixels.len() / columns.max(1);
    let mut pixmap = tiny_skia::Pixmap::new(u32::try_from(columns).ok()?, u32::try_from(rows).ok()?)?;
    for (to, &[r, g, b, a]) in pixmap.pixels_mut().iter_mut().zip(pixels) {
        if a > 0
            && let Some(colour) = tiny_skia::PremultipliedColorU8::from_rgba(r, g, b, 255)
        {
            *to = colour;
        }
    }
    pixmap.encode_png().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_survive_the_png_exactly() {
        let pixels = [
            [1, 2, 3, 255],
            [250, 0, 128, 255],
            [0, 0, 0, 0],
            [255, 255, 255, 255],
            [9, 9, 9, 255],
            [0, 0, 0, 255],
        ];
        let png = encode(&pixels, 3).unwrap();
        let back = tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((back.width(), back.height()), (3, 2));
        let found: Vec<[u8; 4]> =
            back.pixels().iter().map(|p| [p.red(), p.green(), p.blue(), p.alpha()]).collect();
        assert_eq!(found, pixels);
    }
}
