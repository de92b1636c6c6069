//! A figure as PNG: its SVG rasterised with the bundled fonts, the resolution written into the file.

use std::sync::{Arc, LazyLock};

use flate2::Crc;
use resvg::usvg::{Options, Tree, fontdb};
use tiny_skia::{Color, Pixmap, Transform};

use super::fonts::{INTER_REGULAR, INTER_SEMIBOLD};
use super::{Figure, svg};
use crate::{Error, Result};

/// Resolutions that are written.
const DPI_RANGE: std::ops::RangeInclusive<u32> = 36..=2400;
/// Most pixels of one file (a gigabyte of memory while drawing).
const MOST_PIXELS: f64 = 268e6;

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(INTER_REGULAR.to_vec());
    fonts.load_font_data(INTER_SEMIBOLD.to_vec());
    Arc::new(fonts)
});

/// The figure at `dpi`, on white ground.
///
/// # Errors
/// As [`rasterise`].
pub fn png(figure: &Figure, dpi: u32) -> Result<Vec<u8>> {
    rasterise(&svg(figure), dpi)
}

/// An SVG document as a PNG of its own size at `dpi`; only the bundled fonts are used, so that
/// the same figure gives the same pixels on every machine.
///
/// # Errors
/// [`Error::Config`] for a resolution outside 36 to 2400 dpi or too many pixels,
/// [`Error::Unsupported`] if the document cannot be read.
pub fn rasterise(svg: &str, dpi: u32) -> Result<Vec<u8>> {
    if !DPI_RANGE.contains(&dpi) {
        return Err(Error::config("resolution of the PNG", "between 36 and 2400 dpi", dpi));
    }
    let options = Options { font_family: "Inter".to_owned(), fontdb: FONTS.clone(), ..Options::default() };
    let unreadable =
        |what: &dyn std::fmt::Display| Error::Unsupported(format!("cannot rasterise the figure: {what}"));
    let tree = Tree::from_str(svg, &options).map_err(|error| unreadable(&error))?;
    // The document's millimetres arrive as pixels at 96 dpi.
    let scale = f64::from(dpi) / 96.0;
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| f64::from(side) * scale);
    if width * height > MOST_PIXELS {
        let found = format!("{width:.0} × {height:.0}");
        return Err(Error::config("pixels of the PNG", "at most 268 million; lower the dpi", found));
    }
    let (columns, rows) = (width.round().max(1.0), height.round().max(1.0));
    let mut pixmap =
        Pixmap::new(columns as u32, rows as u32).ok_or_else(|| unreadable(&"no memory for it"))?;
    pixmap.fill(Color::WHITE);
    let fit = Transform::from_scale((columns / width * scale) as f32, (rows / height * scale) as f32);
    resvg::render(&tree, fit, &mut pixmap.as_mut());
    let png = pixmap.encode_png().map_err(|error| unreadable(&error))?;
    Ok(with_resolution(&png, dpi))
}

/// Inserts a `pHYs` chunk (pixels per metre) behind the header of a PNG.
fn with_resolution(png: &[u8], dpi: u32) -> Vec<u8> {
    // Eight bytes of signature and the IHDR chunk of 25 always come first.
    const HEADER: usize = 33;
    let (header, rest) = png.split_at(HEADER.min(png.len()));
    let per_metre = (f64::from(dpi) / 0.0254).round() as u32;
    let mut body = b"pHYs".to_vec();
    body.extend(per_metre.to_be_bytes());
    body.extend(per_metre.to_be_bytes());
    body.push(1);
    let mut crc = Crc::new();
    crc.update(&body);
    let mut out = Vec::with_capacity(png.len() + 21);
    out.extend(header);
    out.extend(9_u32.to_be_bytes());
    out.extend(&body);
    out.extend(crc.sum().to_be_bytes());
    out.extend(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Line, Panel, Plot, Role, Series, Width};
    use super::*;

    fn figure() -> Figure {
        let line = Line::new(Series::new("attended", Role::Attended), vec![[0.0, 0.0], [1.0, 1.0]]).unwrap();
        let plot = Plot::new(Axis::new("x"), Axis::new("y")).with(line);
        Figure::single(Width::OneColumn, Panel::new("line", plot)).unwrap()
    }

    #[test]
    fn the_size_is_that_of_the_page_at_the_resolution() {
        for (dpi, width) in [(300, 1004), (600, 2008)] {
            let png = png(&figure(), dpi).unwrap();
            let pixmap = Pixmap::decode_png(&png).unwrap();
            assert_eq!(pixmap.width(), width);
            assert!((f64::from(pixmap.height()) / f64::from(width) - 0.62).abs() < 0.02);
            assert_eq!(&png[37..41], b"pHYs");
            let per_metre = u32::from_be_bytes(png[41..45].try_into().unwrap());
            assert_eq!(per_metre, (f64::from(dpi) / 0.0254).round() as u32);
        }
    }

    #[test]
    fn text_is_drawn_and_the_ground_is_white() {
        let with = Pixmap::decode_png(&png(&figure(), 100).unwrap()).unwrap();
        assert!(
            with.pixel(0, 0)
                .is_some_and(|p| (p.red(), p.green(), p.blue(), p.alpha()) == (255, 255, 255, 255))
        );
        let no_text = svg(&figure()).replace("font-size=\"7\"", "font-size=\"0.01\"");
        let without = Pixmap::decode_png(&rasterise(&no_text, 100).unwrap()).unwrap();
        let dark = |pixmap: &Pixmap| pixmap.pixels().iter().filter(|p| p.green() < 128).count();
        assert!(dark(&with) > dark(&without) + 50);
    }

    #[test]
    fn impossible_resolutions_and_documents_are_refused() {
        assert!(png(&figure(), 0).is_err());
        assert!(png(&figure(), 100_000).is_err());
        assert!(rasterise("<svg", 300).is_err());
        let wide = Figure::single(Width::Mm(2000.0), figure().panels.remove(0).1).unwrap();
        assert!(png(&wide, 2400).unwrap_err().to_string().contains("dpi"));
    }
}
